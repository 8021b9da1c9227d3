"""Batches for the trainer that no store made: rows as stored, with holes where one may want them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomeld_build.modalities import REFERENCE, Classification, modality
from geomeld_build.train.config import TrainConfig
from geomeld_build.train.model import GeoMeldFM, ModelBatch
from geomeld_build.train.pixels.masks import draw_order
from geomeld_build.train.pixels.scales import BandScale, Scales
from geomeld_build.train.step import StepBatch

WORDS, LENGTH = 300, 8
SMALL: dict[str, Any] = {
    "data": {"store": "none"},
    "encoder": {"size": "test"},
    "reconstruct": {"width": 16},
    "jepa": {"width": 24, "layers": 1, "heads": 2},
    "itc": {"width": 16, "layers": 1, "heads": 2, "length": LENGTH, "dimensions": 8, "words": WORDS},
    "run": {"batch": 4},
}


def small_config(**changes: dict[str, Any]) -> TrainConfig:
    """The smallest that has everything; ``part={...}`` changes one."""
    parts = {name: {**SMALL.get(name, {}), **changes.get(name, {})} for name in {*SMALL, *changes}}
    return TrainConfig.model_validate(parts)


def made_scales(names: tuple[str, ...]) -> Scales:
    """Plain scales of the rows with numbers."""
    rows = [modality(name) for name in {REFERENCE, *names} if not isinstance(modality(name).target, Classification)]
    return Scales(
        {row.name: {band: BandScale(1000.0 + at, 500.0, 1.0) for at, band in enumerate(row.bands)} for row in rows}
    )


def small_model(config: TrainConfig, side: int = 64) -> GeoMeldFM:
    """In double precision, of weights that are always the same."""
    torch.manual_seed(0)
    return GeoMeldFM(config, made_scales(config.reconstruct.rows), WORDS, side).double()


def made_pixels(rows: tuple[str, ...], numbers: list[int], side: int = 64, holes: float = 0.1) -> dict[str, Tensor]:
    """Rows of samples by number, a share of whose pixels is nodata."""
    found: dict[str, Tensor] = {}
    for name in dict.fromkeys((REFERENCE, *rows)):
        row = modality(name)
        tiles = []
        for number in numbers:
            rng = np.random.default_rng([number, len(name), ord(name[0])])
            shape = (len(row.bands), side, side)
            most = 100 if row.dtype == "uint8" else 3000
            drawn = rng.choice(row.classes.values, shape) if row.classes else rng.integers(1, most, shape)
            # Other tiles have other numbers of holes; those of the image are in all bands.
            hole = rng.random(shape[1:] if name == REFERENCE else shape) < holes * (1 + number % 3)
            drawn[np.broadcast_to(hole, shape)] = row.nodata
            tiles.append(drawn.astype(row.dtype))
        found[name] = torch.from_numpy(np.stack(tiles))
    return found


def made_batch(
    config: TrainConfig,
    numbers: list[int],
    *,
    side: int = 64,
    holes: float = 0.1,
    captions: bool = True,
    epoch: int = 0,
) -> StepBatch:
    """Samples by number: their pixels, masks and captions depend on it alone."""
    ids = [f"tile-{number}" for number in numbers]
    model = GeoMeldFM.rule_of(config, side)
    order = torch.from_numpy(draw_order(ids, model, seed=0, epoch=epoch))
    texts = torch.stack(
        [torch.from_numpy(np.random.default_rng(number).integers(2, WORDS, LENGTH)) for number in numbers]
    )
    keys = torch.tensor([[number, 1000 + number] for number in numbers])
    there = torch.full((len(numbers),), captions)
    pixels = made_pixels(config.reconstruct.rows, numbers, side, holes)
    return StepBatch(ModelBatch(pixels, order, texts if captions else None), keys, there)
