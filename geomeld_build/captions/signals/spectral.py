"""Indices of reflectance and statistics of backscatter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["INDICES", "BandSpread", "Spread", "indices_of", "radar_of", "spread_of"]

Floats = NDArray[np.float64]

INDICES = {
    "ndvi": ("B8", "B4"),
    "ndwi": ("B3", "B8"),
    "mndwi": ("B3", "B11"),
    "ndbi": ("B11", "B8"),
    "nbr": ("B8", "B12"),
}
"""Normalised differences of two bands of Sentinel-2; ``bsi`` has four. Formulas as in the list of Awesome Spectral
Indices (Montero et al. 2023, doi:10.1038/s41597-023-02096-0), where bsi is named BI."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How values are distributed."""

    p10: float
    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class BandSpread(Spread):
    """How the values of a band are distributed, and how much of it is valid."""

    valid: float


def spread_of(values: Floats) -> Spread:
    """The distribution of finite values; there must be some."""
    p10, p50, p90 = np.quantile(values, [0.1, 0.5, 0.9])
    return Spread(float(p10), float(p50), float(p90))


def indices_of(bands: Mapping[str, Floats], clear: NDArray[np.bool_]) -> dict[str, Spread]:
    """The six indices over clear pixels.

    Args:
        bands: band name to reflectance ``(y, x)``; NaN where invalid. An index whose bands are missing is left out.
        clear: ``(y, x)`` pixels without cloud or shadow.
    """
    found = {}
    for name, (first, second) in INDICES.items():
        if first in bands and second in bands:
            found[name] = _ratio(bands[first] - bands[second], bands[first] + bands[second], clear)
    if all(band in bands for band in ("B2", "B4", "B8", "B11")):
        bright, dark = bands["B11"] + bands["B4"], bands["B8"] + bands["B2"]
        found["bsi"] = _ratio(bright - dark, bright + dark, clear)
    return {name: spread for name, spread in found.items() if spread is not None}


def _ratio(above: Floats, below: Floats, clear: NDArray[np.bool_]) -> Spread | None:
    there = clear & np.isfinite(above) & np.isfinite(below) & (below > 0)
    return spread_of(above[there] / below[there]) if there.any() else None


def radar_of(names: Sequence[str], decibel: NDArray[Any]) -> dict[str, BandSpread]:
    """Per band of Sentinel-1 with valid pixels, the distribution in dB.

    Args:
        names: of the bands.
        decibel: ``(band, y, x)``; NaN where invalid.
    """
    found = {}
    for name, band in zip(names, decibel, strict=True):
        valid = band[np.isfinite(band)]
        if valid.size:
            spread = spread_of(valid.astype(np.float64))
            found[name] = BandSpread(spread.p10, spread.p50, spread.p90, valid.size / band.size)
    return found
