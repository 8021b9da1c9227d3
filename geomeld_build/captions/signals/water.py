"""Whether there is water: what the dated map and three decades of observations say together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["WATER_RULES", "WaterSignal", "WaterStatus", "water_of"]

WaterStatus = Literal["consensus", "dw_confirmed", "jrc_seasonal_only", "disputed", "none"]
WATER_RULES = 1
"""Version of the rules."""
_OFTEN = 25
"""Percent of the time under water from which on a pixel counts as water."""
_LEAST, _CLEAR, _NDWI_SHARE = 0.5, 2.0, 0.6
_THREE = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, slots=True)
class WaterSignal:
    """Water of one tile; shares in percent of it."""

    detected: bool
    percentage: float
    dw_pct: float
    jrc_pct: float
    """Under water a quarter of the time and more."""
    jrc_any_pct: float
    """Ever under water."""
    jrc_occurrence_p50: float | None
    """Median percent of the time that the water of the consensus is there."""
    status: WaterStatus


def water_of(dynamic: NDArray[np.bool_] | None, occurrence: NDArray[Any], ndwi: NDArray[Any] | None) -> WaterSignal:
    """Put the two maps together.

    Args:
        dynamic: ``(y, x)`` water of the dated map; None without one.
        occurrence: ``(y, x)`` percent of the time under water; 0 where never.
        ndwi: ``(y, x)`` index of the dated image, NaN where invalid; None without one.
    """
    often = occurrence >= _OFTEN
    jrc, ever = 100.0 * float(often.mean()), 100.0 * float((occurrence > 0).mean())
    if dynamic is None:
        # One map alone: what is often water counts, what is sometimes water is disputed.
        status: WaterStatus = "none" if ever < _LEAST else "disputed" if jrc < _LEAST else "consensus"
        share = jrc if status == "consensus" else 0.0
        return WaterSignal(share > 0, share, 0.0, jrc, ever, _median(occurrence, often), status)
    dw = 100.0 * float(dynamic.mean())
    near = ndimage.binary_dilation(dynamic, _THREE) & ndimage.binary_dilation(often, _THREE)
    agreed = near & (dynamic | often)
    share = 100.0 * float(agreed.mean())
    if share >= _LEAST:
        return WaterSignal(True, share, dw, jrc, ever, _median(occurrence, agreed), "consensus")
    if dw >= _CLEAR and ever < _LEAST and _looks_wet(dynamic, ndwi):
        return WaterSignal(True, dw, dw, jrc, ever, None, "dw_confirmed")
    if dw >= _LEAST:
        return WaterSignal(False, share, dw, jrc, ever, None, "disputed")
    return WaterSignal(False, share, dw, jrc, ever, None, "jrc_seasonal_only" if ever >= _LEAST else "none")


def _looks_wet(water: NDArray[np.bool_], ndwi: NDArray[Any] | None) -> bool:
    if ndwi is None:
        return False
    seen = ndwi[water & np.isfinite(ndwi)]
    return bool(seen.size) and float((seen > 0).mean()) >= _NDWI_SHARE


def _median(occurrence: NDArray[Any], where: NDArray[np.bool_]) -> float | None:
    return float(np.median(occurrence[where])) if where.any() else None
