"""What is known of test tiles in training: overlaps, places in two splits, distances, and the balance of biomes.

It looks at tiles and their splits as they are and not at the rule that made them, so it also judges splits of others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.anchors.overlap import nearest_distance_m, overlapping_pairs
from geomeld_build.anchors.places import Places
from geomeld_build.anchors.splits import GUARD, SPLITS
from geomeld_build.errors import ConfigError

__all__ = ["Leakage", "Nearest", "leakage", "write_leakage"]

_QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_NEAR_M = (5_000, 20_000)
_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Nearest:
    """How far the tiles of a split are from training, centre to centre. Empty where one of them has no tile."""

    quantiles_m: Mapping[float, float]
    """Probability to metres."""
    within: Mapping[int, float]
    """Metres to the share of tiles that have a training tile as near or nearer."""


@dataclass(frozen=True, slots=True)
class Leakage:
    """The account of a frame's splits."""

    tiles: Mapping[str, int]
    """Tiles of each split, and of the guard."""
    overlaps: Mapping[str, int]
    """Pairs of tiles that overlap, by pair of splits (``val/train``)."""
    duplicates: Mapping[str, int]
    """Places that are in both, by pair of splits. Their tiles overlap too."""
    examples: tuple[tuple[str, str], ...]
    """Location ids of the first overlapping pairs, to look at."""
    nearest: Mapping[str, Nearest]
    """Validation and test to training."""
    biomes: Mapping[str, Mapping[str, int]]
    """Tiles by biome and split."""

    @property
    def clean(self) -> bool:
        """Whether no tile of a split overlaps a tile of another, and no place is in two."""
        return not any(self.overlaps.values()) and not any(self.duplicates.values())

    def to_json(self) -> dict[str, Any]:
        """What ``leakage.json`` holds: shares are of all tiles, of a biome's in ``biomes``."""
        total = sum(self.tiles.values())
        return {
            "clean": self.clean,
            "tiles": dict(self.tiles),
            "shares": _shares(self.tiles, total),
            "overlapping_pairs": dict(self.overlaps),
            "places_in_two_splits": dict(self.duplicates),
            "examples": [list(pair) for pair in self.examples],
            "nearest_train_m": {
                split: {
                    "quantiles": {f"{at:g}": round(metres, 1) for at, metres in near.quantiles_m.items()},
                    "share_within": {f"{metres}": round(share, 6) for metres, share in near.within.items()},
                }
                for split, near in self.nearest.items()
            },
            "biomes": {
                biome: {"tiles": dict(counts), "shares": _shares(counts, sum(counts.values()))}
                for biome, counts in self.biomes.items()
            },
        }


def leakage(places: Places, splits: NDArray[np.str_], biomes: NDArray[Any] | None = None) -> Leakage:
    """Account for the splits of places.

    Args:
        places: tiles.
        splits: ``train``, ``val``, ``test`` or ``guard``, ``(place,)``. Tiles of the guard are counted and belong to
            no split.
        biomes: the biome of each place, ``(place,)``; None leaves the balance of biomes out.

    Raises:
        ConfigError: an unknown split, a column of another length, or a tile that is off the grid.
    """
    for name, column in (("splits", splits), ("biomes", biomes)):
        if column is not None and len(column) != len(places):
            raise ConfigError(f"{name}: {len(column)} values for {len(places)} places: expected one for each")
    known = (*SPLITS, GUARD)
    unknown = np.flatnonzero(~np.isin(splits, known))
    if len(unknown):
        at = int(unknown[0])
        raise ConfigError(f"row {at + 1}: split {str(splits[at])!r}: expected one of {', '.join(known)}")
    where = {name: np.flatnonzero(splits == name) for name in known}
    first, last = _overlaps(places, where)
    pairs_of = {(a, b): (splits[first] == a) & (splits[last] == b) for b, a in combinations(SPLITS, 2)}
    # A place has one tile, so places in two splits are among the pairs.
    keys, same = places.key[first], places.key[first] == places.key[last]
    ids = [places.take(side[:_EXAMPLES]).location_ids() for side in (first, last)]
    return Leakage(
        tiles={name: len(index) for name, index in where.items()},
        overlaps={f"{a}/{b}": int(mine.sum()) for (a, b), mine in pairs_of.items()},
        duplicates={f"{a}/{b}": len(np.unique(keys[mine & same])) for (a, b), mine in pairs_of.items()},
        examples=tuple(zip(*ids, strict=True)),
        nearest=_nearest(places, where),
        biomes={} if biomes is None else _balance(splits, biomes),
    )


def write_leakage(path: Path, found: Leakage) -> None:
    """Write ``leakage.json``, atomically."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(json.dumps(found.to_json(), indent=2) + "\n", encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _overlaps(places: Places, where: Mapping[str, NDArray[np.int64]]) -> NDArray[np.int64]:
    """Positions of overlapping tiles of different splits, the later split first: ``(2, pair)``."""
    train, val, test = (where[name] for name in SPLITS)
    held_out = np.concatenate([val, test])
    # All that is held out goes against training at once, so that training is sorted into its bins once.
    with_train = overlapping_pairs(places.take(held_out), places.take(train))
    between = overlapping_pairs(places.take(test), places.take(val))
    first = np.concatenate([held_out[with_train[:, 0]], test[between[:, 0]]])
    last = np.concatenate([train[with_train[:, 1]], val[between[:, 1]]])
    return np.stack([first, last])


def _nearest(places: Places, where: Mapping[str, NDArray[np.int64]]) -> dict[str, Nearest]:
    train, *others = (where[name] for name in SPLITS)
    if not len(train):
        return {name: Nearest({}, {}) for name in SPLITS[1:]}
    metres = nearest_distance_m(places.take(np.concatenate(others)), places.take(train))
    parts = np.split(metres, [len(others[0])])
    return {name: _distances(part) for name, part in zip(SPLITS[1:], parts, strict=True)}


def _distances(metres: NDArray[np.float64]) -> Nearest:
    if not len(metres):
        return Nearest({}, {})
    quantiles = np.quantile(metres, _QUANTILES).tolist()
    return Nearest(
        dict(zip(_QUANTILES, quantiles, strict=True)), {near: float((metres <= near).mean()) for near in _NEAR_M}
    )


def _balance(splits: NDArray[np.str_], biomes: NDArray[Any]) -> dict[str, dict[str, int]]:
    names, which = np.unique(biomes, return_inverse=True)
    counts = {split: np.bincount(which[splits == split], minlength=len(names)).tolist() for split in (*SPLITS, GUARD)}
    return {str(name): {split: counts[split][at] for split in counts} for at, name in enumerate(names.tolist())}


def _shares(counts: Mapping[str, int], total: int) -> dict[str, float]:
    return {name: round(count / total, 6) if total else 0.0 for name, count in counts.items()}
