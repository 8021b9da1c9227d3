"""Compiled loops of maps: canopy height, surface water, and reading the ground's pixels from another grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.compiled import kernel

__all__ = ["WATER_BANDS", "canopy", "gather", "surface_water"]

WATER_BANDS = ("occurrence", "seasonality", "recurrence", "transition", "max_extent")
"""Bands of ``surface_water`` by number."""

_Small = NDArray[np.float32]
_Floats = NDArray[np.float64]


@kernel
def canopy(
    height: _Small,
    texture: _Small,
    wet: _Small,
    built: _Small,
    snow: _Small,
    noise: _Floats,
    error: float,
    deviation: bool,
) -> NDArray[np.int16]:
    """Height of trees or its standard deviation in metres, 255 = no estimate, and mask ``(2, y, x)``.

    Args:
        height: true height, m ``(y, x)``.
        texture: about normal noise of the forest.
        wet: m inside the shore.
        built: share.
        snow: share.
        noise: about normal, one for each 2 x 2 pixels ``(y / 2, x / 2)``.
        error: factor on errors; tall forests come out too low.
        deviation: return the standard deviation.
    """
    out = np.ones((2, height.shape[0], height.shape[1]), dtype=np.int16)
    for i in range(height.shape[0]):
        for j in range(height.shape[1]):
            if wet[i, j] > 5.0 or built[i, j] > 0.6 or snow[i, j] > 0.6:
                out[0, i, j] = 255
                continue
            truth, seen = np.float64(height[i, j]), 0.0
            spread = 0.9
            if truth > 0.0:
                spread = 2.2 + 0.13 * truth + 0.6 * np.float64(texture[i, j])
                off = noise[i // 2, j // 2] * 0.5 * spread * error
                seen = min(max(truth - 0.006 * error * truth * truth + off, 1.0), 60.0)
            out[0, i, j] = np.int16(np.rint(min(max(spread if deviation else seen, 0.0), 60.0)))
    return out


@kernel
def surface_water(
    wet: _Small, margin: _Small, sea: _Small, noise: _Floats, error: float, band: int
) -> NDArray[np.int16]:
    """One band of the occurrence of water, and mask ``(2, y, x)``: masked where it never was, but for the extent.

    Args:
        wet: m inside the shore ``(y, x)``.
        margin: how far the shore moves, m.
        sea: above one half in the sea.
        noise: 0..1, one for each 2 x 2 pixels ``(y / 2, x / 2)``.
        error: factor on errors.
        band: number in ``WATER_BANDS``.
    """
    out = np.empty((2, wet.shape[0], wet.shape[1]), dtype=np.int16)
    for i in range(wet.shape[0]):
        for j in range(wet.shape[1]):
            often = 1.0
            if not sea[i, j] > 0.5:
                often = min(max(0.5 + np.float64(wet[i, j]) / (2.0 * np.float64(margin[i, j])), 0.0), 1.0)
            if 0.01 < often < 0.99:
                often = min(max(often + 0.04 * error * (noise[i // 2, j // 2] - 0.5), 0.0), 1.0)
            ever = often >= 0.01
            if band == 0:
                value = np.rint(100.0 * often)
            elif band == 1:
                value = min(max(np.rint(12.0 * often * 1.05), 0.0), 12.0)
            elif band == 2:
                value = np.rint(100.0 * min(max(often * 1.4, 0.0), 1.0))
            elif band == 3:
                value = 1.0 if often > 0.75 else 4.0 if often > 0.25 else 9.0
            else:
                value = 1.0 if ever else 0.0
            out[0, i, j] = np.int16(value)
            out[1, i, j] = 1 if ever or band == 4 else 0
    return out


@kernel
def gather(window: NDArray[np.int16], places: NDArray[np.int32], top: int, left: int) -> NDArray[np.int16]:
    """Pixels of a window of the ground's grid for the pixels of another grid.

    Args:
        window: ``(layer, y, x)``.
        places: rows and columns on the ground's grid ``(2, y', x')``.
        top: first row of the window.
        left: its first column.

    Returns:
        ``(layer, y', x')``.
    """
    out = np.empty((window.shape[0], places.shape[1], places.shape[2]), dtype=np.int16)
    for layer in range(window.shape[0]):
        for i in range(places.shape[1]):
            for j in range(places.shape[2]):
                out[layer, i, j] = window[layer, places[0, i, j] - top, places[1, i, j] - left]
    return out
