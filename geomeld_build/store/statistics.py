"""Statistics of the tiles of a store: from ``tables/stats`` where it covers them, else from their pixels.

Both are exact counts of the same integers, so the answer does not depend on which was used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import Modality, modality
from geomeld_build.store.statistics_histogram import BandCounts, Histogram
from geomeld_build.store.statistics_table import STATS, read_counts
from geomeld_build.store.statistics_tiles import View, count_pixels, cover, known_entries, require_split, tiles_by_split

__all__ = ["QUANTILES", "BandStatistics", "StoreStatistics", "store_statistics"]

QUANTILES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
"""Quantiles that are printed."""


@dataclass(frozen=True, slots=True)
class BandStatistics:
    """One band over the valid pixels of some tiles, in physical units. Without such pixels all but counts is NaN."""

    row: Modality
    band: str
    stored: Histogram
    """The counts of the stored integers, for what is not here."""

    @property
    def count(self) -> int:
        """Valid pixels."""
        return self.stored.count

    @property
    def mean(self) -> float:
        """Mean."""
        return self._physical(self.stored.mean)

    @property
    def std(self) -> float:
        """Standard deviation over all valid pixels."""
        return self.stored.std * abs(self.row.scaling.scale)

    @property
    def min(self) -> float:
        """Lowest value."""
        return self._physical(self.stored.min)

    @property
    def max(self) -> float:
        """Highest value."""
        return self._physical(self.stored.max)

    def quantile(self, q: float) -> float:
        """The value below which a share ``q`` of the pixels lies, interpolated linearly.

        Raises:
            ConfigError: q is not in 0..1.
        """
        return self._physical(self.stored.quantile(q))

    @property
    def classes(self) -> dict[str, int]:
        """Pixels of every class of a class row by name, codes without a name by their number; else nothing."""
        if self.row.classes is None:
            return {}
        found = dict(zip(self.stored.values.tolist(), self.stored.counts.tolist(), strict=True))
        named = zip(self.row.classes.values, self.row.classes.meanings, strict=True)
        counts = {name: found.pop(value, 0) for value, name in named}
        return counts | {str(value): count for value, count in found.items()}

    def to_json(self, quantiles: Sequence[float] = QUANTILES) -> dict[str, Any]:
        """Plain values; of class rows the counts, of others the figures, null without valid pixels."""
        if self.row.classes is not None:
            return {"count": self.count, "classes": self.classes}
        figures = {"mean": self.mean, "std": self.std, "min": self.min, "max": self.max}
        return {
            "count": self.count,
            **{name: _or_null(value) for name, value in figures.items()},
            "quantiles": {f"{q:g}": _or_null(self.quantile(q)) for q in quantiles},
        }

    def _physical(self, stored: float) -> float:
        return stored * self.row.scaling.scale + self.row.scaling.offset


@dataclass(frozen=True, slots=True)
class StoreStatistics:
    """Statistics of some tiles of one catalog version."""

    catalog_version: int
    split: str | None
    where: str | None
    tiles: int
    """Tiles counted."""
    tiles_read: int
    """Those of them whose pixels were read, because no entry of the side table covers them."""
    bands: Mapping[str, tuple[BandStatistics, ...]] = field(repr=False)
    """By row of the table of modalities, in band order."""

    def band(self, row: str, band: str) -> BandStatistics:
        """One band.

        Raises:
            ConfigError: the store has no such band.
        """
        for found in self.bands.get(row, ()):
            if found.band == band:
                return found
        known = ", ".join(f"{item.row.name}.{item.band}" for items in self.bands.values() for item in items)
        raise ConfigError(f"no band {row}.{band} here: expected one of {known}")

    def to_json(self, quantiles: Sequence[float] = QUANTILES) -> dict[str, Any]:
        """Plain values."""
        return {
            "catalog_version": self.catalog_version,
            "split": self.split,
            "where": self.where,
            "tiles": self.tiles,
            "tiles_read": self.tiles_read,
            "modalities": {
                name: {"units": modality(name).units, "bands": {item.band: item.to_json(quantiles) for item in items}}
                for name, items in self.bands.items()
            },
        }


def store_statistics(view: View, where: str | None = None, split: str | None = None) -> StoreStatistics:
    """Statistics of the tiles of a catalog version.

    Args:
        view: the store at that version.
        where: an SQL condition on the columns of ``tiles``.
        split: only tiles of this split, by the side table ``splits``.

    Raises:
        ConfigError: the condition is wrong, or the store has no such split.
        StoreError: a table or a shard object cannot be read.
    """
    wanted = {shard: sum(parts.values()) for shard, parts in tiles_by_split(view.tables, where, split).items()}
    if split is not None and not wanted:
        require_split(view.tables, split)
    counts = {name: BandCounts(modality(name)) for name in view.modalities}
    chosen, missing = cover(wanted, known_entries(view.tables), view.modalities)
    if chosen:
        read_counts(view.tables[STATS], chosen, counts)
    read: dict[int, int] = {}
    for (shard, name), slots in missing.items():
        count_pixels(view, shard, slots, counts[name])
        read[shard] = read.get(shard, 0) | slots
    return StoreStatistics(
        catalog_version=view.version,
        split=split,
        where=where,
        tiles=sum(slots.bit_count() for slots in wanted.values()),
        tiles_read=sum(slots.bit_count() for slots in read.values()),
        bands={
            name: tuple(BandStatistics(mine.row, band, mine.histogram(i)) for i, band in enumerate(mine.row.bands))
            for name, mine in counts.items()
        },
    )


def _or_null(value: float) -> float | None:
    return None if math.isnan(value) else value
