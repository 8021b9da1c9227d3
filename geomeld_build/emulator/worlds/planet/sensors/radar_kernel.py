"""Backscatter of a block of ground, compiled, and the movement of its pixels to a scene's grid with speckle."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.compiled import kernel

__all__ = ["CROSS_DB", "LIKE_DB", "backscatter", "speckled"]

_Small = NDArray[np.float32]
_Several = tuple[_Small, ...]
_F, _ONE = np.float32, np.float32(1)

_CLASSES = 11
_TREE, _CROP, _BUILT, _WATER = 0, 3, 4, 7
"""Places among ``cover.CLASSES``, written out: a cached kernel does not notice what another file says."""
LIKE_DB = (-8.6, -11.2, -12.6, -12.0, -4.2, -15.5, -13.0, -23.0, -11.0, -9.0, -13.0)
CROSS_DB = (-13.8, -17.6, -20.0, -19.6, -12.0, -24.5, -20.5, -30.0, -17.5, -14.8, -20.5)
"""dB at 38 degrees of the classes, like and cross polarised; water is dealt with by itself."""
_LIKE = np.array([10 ** (db / 10) for db in LIKE_DB], dtype=np.float32)
_CROSS = np.array([10 ** (db / 10) for db in CROSS_DB], dtype=np.float32)
_COSINE_2 = _F(1.0 / math.cos(math.radians(38.0)) ** 2)
_LEAST, _MOST = _F(math.tan(0.12)), _F(math.tan(1.45))


@kernel
def backscatter(
    cover: _Small,
    ground: _Several,
    season: _Several,
    angles: NDArray[np.float64],
    near: tuple[float, float],
    rained: float,
    calm: float,
    level: float,
) -> _Small:
    """Linear power ``(2, y, x)``, like then cross polarised, before speckle.

    Args:
        cover: fractions ``(class, y, x)``.
        ground: moisture, grain, texture, east, north and sea of the ground.
        season: crop_green, snow, warmth, damp and water that day.
        angles: incidence on level ground ``(y, x)``, degrees.
        near: normal of the swath's near edge, which points away from the radar: east, north.
        rained: dampness of the day around the usual, dB for moist soil.
        calm: backscatter of water relative to the usual.
        level: by which like-polarised power of water is divided.
    """
    moistures, grain, texture, east, north, sea = ground
    greens, snow, warmth, damps, waters = season
    out = np.zeros((2, angles.shape[0], angles.shape[1]), dtype=np.float32)
    middle = math.radians(angles[angles.shape[0] // 2, angles.shape[1] // 2])
    steep = math.tan(middle)
    for i in range(angles.shape[0]):
        like_row, cross_row = out[0, i], out[1, i]
        for kind in range(_CLASSES):
            for j in range(angles.shape[1]):
                like_row[j] += _LIKE[kind] * cover[kind, i, j]
                cross_row[j] += _CROSS[kind] * cover[kind, i, j]
        for j in range(angles.shape[1]):
            # A grown crop scatters back more across, and hides the soil.
            crop, green = cover[_CROP, i, j], greens[i, j]
            like = like_row[j] + crop * (green - _F(0.4)) * (_F(0.35) * _LIKE[_CROP])
            cross = cross_row[j] + crop * green * (_F(1.6) * _CROSS[_CROP])
            moisture, soil = moistures[i, j], _ONE - cover[_TREE, i, j]
            damp = (damps[i, j] - _F(0.4)) * _F(2) + _F(rained) * min(max(moisture, _F(0.05)), _ONE)
            wet_snow = snow[i, j] if warmth[i, j] > _F(-3) else _F(0)
            rough = _F(0.11) * grain[i, j] * (_ONE + _F(2.2) * cover[_BUILT, i, j]) + _F(0.05) * texture[i, j]
            arid = _F(2.4) * min(max(_F(0.25) - moisture, _F(0)), _F(0.25))
            gain = math.exp(rough + (_F(0.23) * damp - wet_snow - arid) * soil)
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
            water = waters[i, j]
            surface = water * _F(calm) * tilt * tilt * tilt * (_ONE + sea[i, j])
            like_row[j] = like * gain * terrain * (_ONE - water) + surface * (_LIKE[_WATER] / _F(level))
            cross_row[j] = cross * gain * math.sqrt(terrain) * (_ONE - water) + surface * _CROSS[_WATER]
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
