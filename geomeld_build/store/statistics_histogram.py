"""Exact counts of stored integers, from which every statistic follows.

Stored pixels have at most 65,536 values, so counting them loses nothing: counts of disjoint tiles add up to the counts
of all of them, in any order and to the last bit, which sums of floats do not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import Modality

__all__ = ["BandCounts", "Histogram"]

_TILES_AT_ONCE = 32
"""Enough pixels that the 65,536 bins of a count do not matter, few enough that their copies stay small."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often each stored value occurs among the valid pixels of a band."""

    values: NDArray[np.int64]
    """Stored values, ascending, nodata not among them."""
    counts: NDArray[np.int64]
    """Pixels with that value, above 0."""

    @property
    def count(self) -> int:
        """Valid pixels."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """Mean of the stored values, correctly rounded; NaN without pixels."""
        total, first, _ = self._sums()
        return first / total if total else math.nan

    @property
    def std(self) -> float:
        """Standard deviation of the stored values over all pixels (no degree of freedom taken off); NaN without."""
        total, first, second = self._sums()
        # Python's integers have no limit and their quotient is rounded once: nothing cancels.
        return math.sqrt((total * second - first * first) / (total * total)) if total else math.nan

    @property
    def min(self) -> float:
        """Lowest stored value; NaN without pixels."""
        return float(self.values[0]) if len(self.values) else math.nan

    @property
    def max(self) -> float:
        """Highest stored value; NaN without pixels."""
        return float(self.values[-1]) if len(self.values) else math.nan

    def quantile(self, q: float) -> float:
        """The stored value below which a share ``q`` of the pixels lies, interpolated as ``numpy.quantile`` does.

        Raises:
            ConfigError: q is not in 0..1.
        """
        if not 0.0 <= q <= 1.0:
            raise ConfigError(f"expected a quantile in 0..1, got {q}")
        if not len(self.values):
            return math.nan
        reached = np.cumsum(self.counts)
        place = (int(reached[-1]) - 1) * q
        below = math.floor(place)
        ranks = (below, min(below + 1, int(reached[-1]) - 1))
        low, high = self.values[np.searchsorted(reached, ranks, side="right")].tolist()
        return float(low + (high - low) * (place - below))

    def _sums(self) -> tuple[int, int, int]:
        pairs = list(zip(self.values.tolist(), self.counts.tolist(), strict=True))
        return (
            sum(count for _, count in pairs),
            sum(value * count for value, count in pairs),
            sum(value * value * count for value, count in pairs),
        )


class BandCounts:
    """Running counts of the stored values of one row, band by band."""

    def __init__(self, row: Modality) -> None:
        limits = np.iinfo(row.dtype)
        self.row = row
        self._low = int(limits.min)
        self._counts = np.zeros((len(row.bands), int(limits.max) - self._low + 1), np.int64)

    def add_pixels(self, tiles: Sequence[NDArray[np.generic]]) -> None:
        """Count the pixels of tiles, each ``(band, y, x)`` in the row's stored dtype."""
        for start in range(0, len(tiles), _TILES_AT_ONCE):
            some = tiles[start : start + _TILES_AT_ONCE]
            for band, counts in enumerate(self._counts):
                pixels = np.concatenate([tile[band].ravel() for tile in some]).astype(np.int64)
                pixels -= self._low
                counts += np.bincount(pixels, minlength=len(counts))

    def add_counts(self, band: int, values: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        """Add what was counted before; ``values`` are distinct."""
        self._counts[band, values - self._low] += counts

    def histogram(self, band: int) -> Histogram:
        """The counts so far of the valid pixels of a band."""
        counts = self._counts[band].copy()
        counts[self.row.nodata - self._low] = 0
        (places,) = np.nonzero(counts)
        return Histogram(places + self._low, counts[places])
