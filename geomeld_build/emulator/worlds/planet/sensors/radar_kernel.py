"""Radar geometry, compiled: land on slopes and water in a block, and its movement to a scene's grid with speckle."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.compiled import kernel

__all__ = ["on_slopes", "speckled"]

_Small = NDArray[np.float32]
_Pair = tuple[_Small, _Small]
_F, _ONE = np.float32, np.float32(1)
_COSINE_2 = _F(1.0 / math.cos(math.radians(38.0)) ** 2)
_LEAST, _MOST = _F(math.tan(0.12)), _F(math.tan(1.45))


@kernel
def on_slopes(
    like: _Small,
    cross: _Small,
    slopes: _Pair,
    water: tuple[_Small, _Small, _Small],
    angles: NDArray[np.float64],
    near: tuple[float, float],
    waves: tuple[float, float, float],
    ice: tuple[float, float],
) -> _Small:
    """Linear power ``(2, y, x)``, like then cross polarised, before speckle: on slopes, and of the water.

    Args:
        like: power of level land at 38 degrees ``(y, x)``.
        cross: likewise.
        slopes: rise of the ground per metre towards the east and the north.
        water: share of the pixel, whether it is sea, and the share of it under ice.
        angles: incidence on level ground, degrees; within a block they hardly change.
        near: normal of the swath's near edge, which points away from the radar: east, north.
        waves: factor of the wind, and the power of water inland at 38 degrees, like and cross polarised.
        ice: power of ice on lakes, like and cross polarised.
    """
    (east, north), (wet, sea, frozen) = slopes, water
    (wind, open_like, open_cross), (ice_like, ice_cross) = waves, ice
    out = np.empty((2, angles.shape[0], angles.shape[1]), dtype=np.float32)
    middle = math.radians(angles[angles.shape[0] // 2, angles.shape[1] // 2])
    steep = math.tan(middle)
    for i in range(angles.shape[0]):
        for j in range(angles.shape[1]):
            # Tangent of the angle: within a block it is the middle's and a little, whose tangent is a cubic.
            part = math.radians(angles[i, j]) - middle
            part += part * part * part / 3.0
            tangent = _F((steep + part) / (1.0 - steep * part))
            rise = _F(near[0]) * east[i, j] + _F(near[1]) * north[i, j]
            # Slopes that face the radar are bright, those that turn away are dark: tangent of a difference of angles.
            below = _ONE + rise * tangent
            local = min(max((tangent - rise) / below, _LEAST), _MOST) if below > _F(0) else _MOST
            terrain = min(max(tangent / local, _F(0.2)), _F(4))
            tilt = _COSINE_2 / (_ONE + tangent * tangent)
            share, under = wet[i, j], frozen[i, j]
            rough = _F(wind) * tilt * tilt * tilt * (_ONE + sea[i, j])
            # Waves matter less across.
            along = (_ONE - under) * rough * _F(open_like) + under * _F(ice_like)
            across = (_ONE - under) * np.sqrt(rough) * _F(open_cross) + under * _F(ice_cross)
            out[0, i, j] = like[i, j] * terrain * (_ONE - share) + share * along
            out[1, i, j] = cross[i, j] * np.sqrt(terrain) * (_ONE - share) + share * across
    return out


@kernel
def speckled(
    power: _Small,
    shift: tuple[float, float],
    draws: NDArray[np.float64],
    quantiles: _Small,
    thermal: float,
    decibel: bool,
) -> NDArray[np.float64]:
    """Power or dB ``(y, x)`` on a scene's grid, which lies a fraction of a pixel beside the ground's.

    Args:
        power: linear, on the ground's grid ``(y + 1, x + 1)``.
        shift: down and to the right, in pixels, 0..1.
        draws: 0..1 ``(y, x)``.
        quantiles: of speckle, at equal steps of probability.
        thermal: power that even the calmest water sends back.
        decibel: return dB.
    """
    down, right = np.float32(shift[0]), np.float32(shift[1])
    up, left = np.float32(1) - down, np.float32(1) - right
    out = np.empty(draws.shape)
    for i in range(draws.shape[0]):
        for j in range(draws.shape[1]):
            upper = power[i, j] * left + power[i, j + 1] * right
            lower = power[i + 1, j] * left + power[i + 1, j + 1] * right
            seen = (upper * up + lower * down) * quantiles[int(draws[i, j] * quantiles.size)]
            seen = max(seen, np.float32(1e-4)) + np.float32(thermal)
            out[i, j] = 10.0 * math.log10(seen) if decibel else seen
    return out
