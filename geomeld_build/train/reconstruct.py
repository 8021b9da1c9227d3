"""What a model makes of hidden patches, put together with what it was shown, in physical units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geomeld_build.train.model import GeoMeldFM, ModelBatch
from geomeld_build.train.pixels.masks import masks_of
from geomeld_build.train.pixels.patches import own_scale, patches_of, unpatched
from geomeld_build.train.pixels.rows import TargetRow

__all__ = ["Reconstruction", "reconstructions"]


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """One row of one tile; NaN where there is nothing."""

    tile_id: str
    row: str
    shown: NDArray[np.float32]
    """``(band, y, x)``: what of the image was seen."""
    target: NDArray[np.float32]
    """``(band, y, x)`` in physical units, or class codes."""
    guess: NDArray[np.float32]
    """The same where patches were hidden, NaN elsewhere."""
    hidden: NDArray[np.bool_]
    """``(y, x)``."""


@torch.no_grad()
def reconstructions(
    model: GeoMeldFM, batch: ModelBatch, tile_ids: Sequence[str], count: int = 4
) -> list[Reconstruction]:
    """Reconstruct all rows of the first tiles of a batch.

    Where targets are standardised by patch, the patch's own mean and deviation are put back: the network is not asked
    for them. Heights that only count within a tile are told as differences from its mean.

    Args:
        model: any.
        batch: tiles, with their masks.
        tile_ids: their ids.
        count: at most so many.
    """
    model.eval()
    part = ModelBatch({name: one[:count] for name, one in batch.pixels.items()}, batch.order[:count])
    prepared = model.prepare(part.pixels)
    masks = masks_of(part.order, prepared.there, model.rule)
    tokens = model.encoder.tokens(model.filled(prepared), masks.seen)
    guesses = model.decoders(tokens, masks.seen, masks.hidden, model.grid)
    model.train()
    side = model.config.encoder.patch
    hidden = torch.ones(part.order.shape, dtype=torch.bool, device=tokens.device).scatter(1, masks.seen, False)
    covered = hidden.unflatten(1, model.grid).repeat_interleave(side, 1).repeat_interleave(side, 2)
    image = torch.where(prepared.there & ~covered.unsqueeze(1), prepared.image, torch.nan)
    found = []
    for one in (one for rows in model.groups.values() for one in rows):
        target, valid = prepared.targets[one.name].values, prepared.targets[one.name].valid
        guess = _whole(model, one, guesses[one.name], target, valid, masks.hidden)
        for at, tile_id in enumerate(tile_ids[: len(target)]):
            there = _physical(model, one, torch.where(valid[at], target[at], torch.nan))
            shown, said = model.prepare.physical("image", image[at]), _physical(model, one, guess[at])
            found.append(Reconstruction(tile_id, one.name, shown, there, said, covered[at].cpu().numpy()))
    return found


def _whole(model: GeoMeldFM, one: TargetRow, guess: Tensor, target: Tensor, valid: Tensor, hidden: Tensor) -> Tensor:
    """Guesses of hidden patches on a whole map, NaN elsewhere: numbers standardised over tiles, or class numbers."""
    if one.classes:
        guess = guess.argmax(2, keepdim=True).float()
    elif _by_patch(model, one):
        mean, deviation = own_scale(patches_of(target, model.grid, hidden), patches_of(valid, model.grid, hidden))
        guess = guess * deviation + mean
    bands = guess.shape[2]
    whole = torch.full((*target.shape[:1], model.rule.patches, *guess.shape[2:]), torch.nan, device=guess.device)
    whole = whole.scatter(1, hidden[..., None, None].expand(-1, -1, bands, guess.shape[3]), guess.float())
    side = model.config.encoder.patch
    return unpatched(whole, model.grid, (side, side))


def _by_patch(model: GeoMeldFM, one: TargetRow) -> bool:
    norm = model.config.reconstruct.norm_patches
    return norm == "all" or (norm == "image" and one.is_input)


def _physical(model: GeoMeldFM, one: TargetRow, values: Tensor) -> NDArray[np.float32]:
    if not one.classes:
        return model.prepare.physical("image" if one.is_input else one.name, values)
    assert one.row.classes is not None, "a row of classes has them"
    numbers = values.cpu().numpy()
    codes = np.array(one.row.classes.values, dtype=np.float32)[np.nan_to_num(numbers).astype(np.int64)]
    told: NDArray[np.float32] = np.where(np.isnan(numbers), np.nan, codes).astype(np.float32)
    return told
