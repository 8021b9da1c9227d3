"""The step from stored integers to standardised images and targets, on the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import REFERENCE, modality
from geomeld_build.train.data.batches import valid_pixels
from geomeld_build.train.pixels.rows import TargetRow, target_row
from geomeld_build.train.pixels.scales import Scales

__all__ = ["Prepare", "Prepared", "Target"]

_NO_CLASS = 255


@dataclass(frozen=True, slots=True)
class Target:
    """What a row is to be reconstructed to."""

    values: Tensor
    """``(sample, band, y, x)`` standardised, or ``(sample, 1, y, x)`` int64 numbers of classes from 0."""
    valid: Tensor
    """Bool of the same shape."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch as the model takes it."""

    image: Tensor
    """``(sample, band, y, x)`` standardised; 0 where there is nothing."""
    there: Tensor
    """Where the image has values: bool of its shape."""
    targets: Mapping[str, Target]
    """By row."""


class Prepare(nn.Module):
    """Standardises rows by the store's statistics. It has no parameters; its numbers travel with those of the model.

    Bands are known by their names: a batch with other bands, or in another order, is put in order, and what it lacks
    counts as not there.
    """

    def __init__(
        self, names: Sequence[str], bands: Sequence[str], scales: Scales, *, given: Sequence[str] | None = None
    ) -> None:
        """Args:
        names: rows to reconstruct.
        bands: of the image, in the model's order.
        scales: of every row with numbers.
        given: bands of the image as batches have them; by default those of the table.

        Raises:
            ConfigError: a row cannot be reconstructed, or a band is unknown.
        """
        super().__init__()
        self.bands = tuple(bands)
        self.rows = tuple(target_row(name) for name in names)
        given = modality(REFERENCE).bands if given is None else tuple(given)
        unknown = [name for name in (*bands, *given) if name not in scales.bands[REFERENCE]]
        if unknown:
            raise ConfigError(f"no statistics of the bands {', '.join(unknown)} of {REFERENCE}")
        order = [given.index(name) if name in given else -1 for name in bands]
        self.register_buffer("_order", torch.tensor([max(at, 0) for at in order]), persistent=False)
        self.register_buffer("_given", torch.tensor([at >= 0 for at in order]), persistent=False)
        self._scale("image", REFERENCE, self.bands, scales)
        for one in self.rows:
            if one.classes:
                self.register_buffer(f"_classes_{one.name}", _numbers(one), persistent=False)
            elif not one.is_input:
                self._scale(one.name, one.name, one.row.bands, scales)

    def _scale(self, key: str, row: str, bands: Sequence[str], scales: Scales) -> None:
        known = scales.bands[row]
        for part in ("mean", "std"):
            numbers = [getattr(known[name], part) for name in bands]
            self.register_buffer(f"_{part}_{key}", torch.tensor(numbers).view(-1, 1, 1), persistent=False)

    def forward(self, pixels: Mapping[str, Tensor]) -> Prepared:
        """Args:
        pixels: row name to ``(sample, band, y, x)`` as stored.
        """
        image, there = self._image(pixels[REFERENCE])
        targets = {
            one.name: Target(image, there) if one.is_input else self._target(one, pixels[one.name]) for one in self.rows
        }
        return Prepared(image, there, targets)

    def _image(self, stored: Tensor) -> tuple[Tensor, Tensor]:
        order, given = self.get_buffer("_order"), self.get_buffer("_given")
        valid = valid_pixels(stored, REFERENCE).index_select(1, order) & given.view(-1, 1, 1)
        # A band of which a tile has nothing is missing; a pixel is valid where all the others are.
        present = valid.flatten(2).any(-1)[..., None, None]
        there = (valid | ~present).all(1, keepdim=True) & present
        values = self._standard("image", stored.to(self.get_buffer("_mean_image").dtype).index_select(1, order))
        return values.masked_fill(~there, 0.0), there

    def _standard(self, key: str, values: Tensor) -> Tensor:
        return (values - self.get_buffer(f"_mean_{key}")) / self.get_buffer(f"_std_{key}")

    def physical(self, key: str, values: Tensor) -> NDArray[np.float32]:
        """Standardised values of a tile ``(band, y, x)`` in the row's units; ``image`` is the key of the image."""
        stored = values * self.get_buffer(f"_std_{key}") + self.get_buffer(f"_mean_{key}")
        scaling = modality(REFERENCE if key == "image" else key).scaling
        told: NDArray[np.float32] = (stored * scaling.scale + scaling.offset).float().cpu().numpy()
        return told

    def _target(self, one: TargetRow, stored: Tensor) -> Target:
        if one.classes:
            numbers = self.get_buffer(f"_classes_{one.name}")[stored.long()]
            valid = numbers != _NO_CLASS
            return Target(numbers.masked_fill(~valid, 0), valid)
        valid = valid_pixels(stored, one.name)
        values = stored.to(self.get_buffer(f"_mean_{one.name}").dtype)
        if one.centred:
            count = valid.sum((2, 3), keepdim=True).clamp(min=1)
            values = values - values.masked_fill(~valid, 0.0).sum((2, 3), keepdim=True) / count
        return Target(self._standard(one.name, values).masked_fill(~valid, 0.0), valid)


def _numbers(one: TargetRow) -> Tensor:
    """The number of every stored code."""
    codes = one.row.classes
    assert codes is not None, f"{one.name} has classes"
    found = torch.full((256,), _NO_CLASS, dtype=torch.int64)
    found[torch.tensor(codes.values)] = torch.arange(len(codes.values))
    return found
