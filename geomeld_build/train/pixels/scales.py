"""Mean and deviation of every band, from the store's own statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import Modality, Regression, modality
from geomeld_build.store import LoaderOptions, OrderRule, Store, TileLoader

__all__ = ["BandScale", "Scales", "condition_of", "scales_of"]

_CENTRED_TILES = 2048
"""Tiles that the deviation within tiles is measured on, at most."""
_AT_ONCE = 64


def condition_of(split: str | None, where: str | None) -> str:
    """The SQL condition of a split and a further condition."""
    parts = [*([f"split = '{split}'"] if split else []), *([f"({where})"] if where else [])]
    return " AND ".join(parts)


@dataclass(frozen=True, slots=True)
class BandScale:
    """In stored units: what is trained on is ``(stored - mean) / std``."""

    mean: float
    std: float
    """1 where all values are alike, or there are none."""
    share: float
    """Of the valid pixels of the row's fullest band; 0 where no tile has this band."""


@dataclass(frozen=True, slots=True)
class Scales:
    """By row and band name, in the order of the table."""

    bands: Mapping[str, Mapping[str, BandScale]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            row: {name: {"mean": one.mean, "std": one.std, "share": one.share} for name, one in bands.items()}
            for row, bands in self.bands.items()
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Scales:
        """From plain values."""
        return cls({row: {name: BandScale(**one) for name, one in bands.items()} for row, bands in plain.items()})

    def missing(self) -> list[str]:
        """Bands that no tile has, as ``row.band``: nothing is learned of them."""
        return [f"{row}.{name}" for row, bands in self.bands.items() for name, one in bands.items() if one.share == 0]


def scales_of(store: Store, names: Sequence[str], *, split: str | None = None, where: str | None = None) -> Scales:
    """Scales of the rows of a store that have numbers, not classes.

    Args:
        store: at the version that is pinned.
        names: rows of the table.
        split: only tiles of this split.
        where: SQL condition on the catalog.

    Raises:
        ConfigError: the condition or the split is wrong, or a row has no valid pixel in these tiles.
        StoreError: pixels cannot be read.
    """
    rows = [modality(name) for name in names if isinstance(modality(name).target, Regression)]
    statistics = store.statistics(where=where, split=split)
    found: dict[str, dict[str, BandScale]] = {}
    for row in rows:
        bands = statistics.bands[row.name]
        most = max((band.count for band in bands), default=0)
        if most == 0:
            raise ConfigError(
                f"{store.uri}: no tile of {split or where or 'the store'} has a valid pixel of {row.name}: leave it "
                f"out of the rows, or build it ('geomeld-build status {store.uri}' tells what there is)"
            )
        found[row.name] = {band.band: _scale(row, band.mean, band.std, band.count / most) for band in bands}
    for row in rows:
        if isinstance(row.target, Regression) and row.target.centred:
            found[row.name] = _centred(store, row, found[row.name], split=split, where=where)
    return Scales(found)


def _scale(row: Modality, mean: float, std: float, share: float) -> BandScale:
    """Statistics are in physical units, pixels as stored."""
    mean, std = (mean - row.scaling.offset) / row.scaling.scale, std / abs(row.scaling.scale)
    return BandScale(mean if math.isfinite(mean) else 0.0, std if std > 0 and math.isfinite(std) else 1.0, share)


def _centred(
    store: Store, row: Modality, plain: Mapping[str, BandScale], *, split: str | None, where: str | None
) -> dict[str, BandScale]:
    """The deviation within tiles, over the first tiles of a shuffled epoch that never changes."""
    condition = condition_of(split, where)
    loader = TileLoader(store, LoaderOptions((row.name,), where=condition), OrderRule(batch=_AT_ONCE, drop_last=False))
    squares, count = np.zeros(len(row.bands)), np.zeros(len(row.bands))
    for batch in islice(loader.epoch(0), _CENTRED_TILES // _AT_ONCE):
        added = _squares(batch[row.name], row.nodata)
        squares, count = squares + added[0], count + added[1]
    return {
        name: BandScale(0.0, math.sqrt(squares[at] / count[at]) if squares[at] > 0 else 1.0, plain[name].share)
        for at, name in enumerate(row.bands)
    }


def _squares(pixels: NDArray[Any], nodata: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    valid = pixels != nodata
    values = np.where(valid, pixels, 0).astype(np.float64)
    count = valid.sum(axis=(2, 3))
    mean = values.sum(axis=(2, 3)) / np.maximum(count, 1)
    squares = (np.where(valid, values - mean[..., None, None], 0.0) ** 2).sum(axis=(2, 3))
    return squares.sum(axis=0), count.sum(axis=0).astype(np.float64)
