"""What Sentinel-2 measures of a block, compiled: slopes in the sun, clouds and shadows, noise, and coarser pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.compiled import helper, kernel

__all__ = ["FACTORS", "measure"]

_Small = NDArray[np.float32]
_Numbers = NDArray[np.uint16]
_F = np.float32

FACTORS = (6, 1, 1, 1, 2, 2, 2, 1, 2, 6, 2, 2)
"""Side of the pixels of the bands of ``spectra.BANDS``, in 10 m."""
_LOOKED_AT = (1, 2, 3, 7, 10)
"""Bands that the scene classification looks at: blue, green, red, near and short-wave infrared."""
_RADIOMETRIC = _F(0.0022)
_NOISE = _F(0.008)
_ONE, _ZERO = _F(1), _F(0)


@helper
def _mean(pixels: _Small, factor: int, i: int, j: int) -> np.float32:
    """Mean of ``factor`` x ``factor`` pixels."""
    total = pixels[factor * i, factor * j]
    for step in range(1, factor * factor):
        total += pixels[factor * i + step // factor, factor * j + step % factor]
    mean: np.float32 = total * _F(1.0 / (factor * factor))
    return mean


@helper
def _coarsen(out: _Numbers, band: int, pixels: _Small, factor: int) -> None:
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            out[band, i, j] = np.uint16(np.rint(_mean(pixels, factor, i, j)))


@helper
def _average(out: _Small, pixels: _Small) -> None:
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = _mean(pixels, 2, i, j)


@helper
def _scene_class(colours: _Small, opaque: np.float32, dark: np.float32, water: np.float32) -> int:
    """Class of a 20 m pixel from its reflectances and the true clouds."""
    blue, green, red, near, short = colours[0], colours[1], colours[2], colours[3], colours[4]
    if opaque > _F(0.72):
        return 9
    if opaque > _F(0.34):
        return 8
    if opaque > _F(0.07):
        return 10
    if dark > _F(0.3):
        return 3
    if (green - short) / max(green + short, _F(1e-3)) > _F(0.4) and blue > _F(0.25):
        return 11
    if water > _F(0.55) and near < _F(0.12):
        return 6
    if near < _F(0.07):
        return 2
    ndvi = (near - red) / max(near + red, _F(1e-3))
    if ndvi > _F(0.42):
        return 4
    if ndvi < _F(0.30):
        # Very bright roofs and sand are now and then taken for cloud.
        return 8 if blue > _F(0.21) else 5
    return 7


@helper
def _classify(out: NDArray[np.uint8], colours: _Small, cloud: _Small, shadow: _Small, water: _Small) -> None:
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            state = (_mean(cloud, 2, i, j), _mean(shadow, 2, i, j), _mean(water, 2, i, j))
            out[i, j] = _scene_class(colours[:, i, j], state[0], state[1], state[2])


@helper
def _shade(out: _Small, east: _Small, north: _Small, water: _Small, sun: tuple[float, float, float]) -> None:
    """Brightness of slopes turned to or from the sun; L2A's own correction leaves part of it."""
    up, sun_east, sun_north = _F(sun[0]), _F(sun[1]), _F(sun[2])
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            x, y = east[i, j], north[i, j]
            facing = (up - sun_east * x - sun_north * y) / np.sqrt(_ONE + x * x + y * y)
            relative = (min(max(facing, _F(0.02)), _ONE) + _F(0.32)) / (up + _F(0.32))
            out[i, j] = _ONE + (relative - _ONE) * (_ONE - water[i, j])


@kernel
def measure(
    flat: _Small,
    slopes: tuple[_Small, _Small],
    sky: tuple[_Small, _Small],
    water: _Small,
    sun: tuple[float, float, float],
    glow: _Small,
    bits: NDArray[np.uint64],
) -> tuple[_Numbers, _Numbers, _Numbers, NDArray[np.uint8]]:
    """Bands of 10 m, 20 m and 60 m ``(band, y, x)`` in their order, reflectance * 1e4; scene classes of 20 m.

    Args:
        flat: reflectance of level ground ``(12, y, x)``; 60 x 60 pixels or another multiple of 6.
        slopes: rise of the ground per metre towards the east and the north.
        sky: opacity of the cloud and depth of the shadow, 0..1.
        water: share of the pixel.
        sun: direction towards the sun: up, east, north.
        glow: reflectance of an opaque cloud ``(12,)``.
        bits: random ``(3, y, x)``: 16 of them are the noise of one band.
    """
    cloud, shadow = sky
    count, side, across = flat.shape
    fine, half = np.empty((4, side, across), dtype=np.uint16), (side // 2, across // 2)
    middle, coarse = np.empty((6, *half), dtype=np.uint16), np.empty((2, side // 6, across // 6), dtype=np.uint16)
    shade, lit, number = np.empty((3, side, across), dtype=np.float32)
    _shade(shade, slopes[0], slopes[1], water, sun)
    colours, filled = np.empty((5, *half), dtype=np.float32), [0, 0, 0, 0, 0, 0, 0]
    for band in range(count):
        factor, shift, white = FACTORS[band], np.uint64(16 * (band % 4)), glow[band]
        for i in range(side):
            for j in range(across):
                drawn = _F((bits[band // 4, i, j] >> shift) & np.uint64(0xFFFF))
                noise = (drawn * _F(1.0 / 32768) - _ONE) * _F(1.732)
                lit[i, j] = flat[band, i, j] * shade[i, j]
                covered = cloud[i, j]
                below = lit[i, j] * (_ONE - _F(0.68) * shadow[i, j]) * (_ONE - covered)
                seen = below + white * (covered * (_F(0.75) + _F(0.25) * covered))
                seen += noise * (_RADIOMETRIC + _NOISE * seen)
                number[i, j] = min(max(seen * _F(10_000), _ONE), _F(18_000))
        _coarsen(fine if factor == 1 else middle if factor == 2 else coarse, filled[factor], number, factor)
        filled[factor] += 1
        for k in range(5):
            if band == _LOOKED_AT[k]:
                _average(colours[k], lit)
    classes = np.empty(half, dtype=np.uint8)
    _classify(classes, colours, cloud, shadow, water)
    return fine, middle, coarse, classes
