"""From physical values to colours, with fixed stretches: the same value has the same colour in every picture.

=====================  ==========================================================================
true colour            reflectance 0 to 0.30, gamma 1/1.4 (B4, B3, B2)
false colour           reflectance 0 to 0.45 near infrared, 0 to 0.30 red and green (B8, B4, B3)
Sentinel-1             co-polarised -22..0 dB, cross-polarised -28..-6 dB, their difference 0..18 dB
slope                  0 to 40 degrees
canopy height, std     0 to 40 m, 0 to 15 m
clear score            0 to 1
water occurrence       0 to 100 percent
elevation              each picture's own range, which its scale names; light from the north-west at 45 degrees
=====================  ==========================================================================

Arrays are ``(y, x)`` or ``(y, x, 3)`` float in physical units with NaN where invalid; colours are float 0..1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from geomeld_build.modalities import Classes

__all__ = [
    "CLEAR",
    "CO_POL_DB",
    "CROSS_POL_DB",
    "GAMMA",
    "HEIGHTS",
    "HEIGHT_M",
    "HEIGHT_STD_M",
    "INVALID",
    "NIR",
    "POL_DIFFERENCE_DB",
    "SLOPE_DEG",
    "VISIBLE",
    "WATER_PERCENT",
    "Range",
    "class_image",
    "compose",
    "hillshade",
    "present_classes",
    "radar",
    "stretch",
    "to_rgb",
]

Floats = NDArray[np.floating[Any]]
Range = tuple[float, float]

VISIBLE: Range = (0.0, 0.30)
NIR: Range = (0.0, 0.45)
GAMMA = 1 / 1.4
CO_POL_DB: Range = (-22.0, 0.0)
CROSS_POL_DB: Range = (-28.0, -6.0)
POL_DIFFERENCE_DB: Range = (0.0, 18.0)
SLOPE_DEG: Range = (0.0, 40.0)
HEIGHT_M: Range = (0.0, 40.0)
HEIGHT_STD_M: Range = (0.0, 15.0)
CLEAR: Range = (0.0, 1.0)
WATER_PERCENT: Range = (0.0, 100.0)
HEIGHTS = LinearSegmentedColormap.from_list("heights", ["#4f8a5b", "#a9bf7d", "#dccf9a", "#a9794f", "#f4efe9"])
"""Low to high ground; no blue, which would read as water."""
INVALID = (0.85, 0.85, 0.88)
"""Colour of pixels without data: a light grey that no palette here uses."""


def stretch(values: Floats, limits: Range, gamma: float = 1.0) -> Floats:
    """Map ``limits`` to 0..1 and clip; NaN stays NaN."""
    low, high = limits
    scaled: Floats = np.clip((values - low) / (high - low), 0.0, 1.0)
    return scaled if gamma == 1.0 else np.power(scaled, gamma)


def compose(red: Floats, green: Floats, blue: Floats) -> Floats:
    """Three bands of 0..1 as ``(y, x, 3)``; a pixel that is invalid in any band gets the colour of no data."""
    image = np.stack([red, green, blue], axis=-1)
    image[~np.isfinite(image).all(axis=-1)] = INVALID
    return image


def radar(co_pol: Floats, cross_pol: Floats) -> Floats:
    """Sentinel-1 in colour: co-polarised, cross-polarised, and their difference, all in dB."""
    return compose(
        stretch(co_pol, CO_POL_DB),
        stretch(cross_pol, CROSS_POL_DB),
        stretch(co_pol - cross_pol, POL_DIFFERENCE_DB),
    )


def to_rgb(colour: str) -> tuple[float, float, float]:
    """``#rrggbb`` as three numbers of 0..1."""
    text = colour.removeprefix("#")
    return int(text[0:2], 16) / 255, int(text[2:4], 16) / 255, int(text[4:6], 16) / 255


def class_image(labels: Floats, classes: Classes) -> Floats:
    """Class codes as ``(y, x, 3)`` in the publisher's colours; codes that are no class look like no data."""
    image = np.empty((*labels.shape, 3))
    image[:] = INVALID
    for value, colour in zip(classes.values, classes.colours, strict=True):
        image[labels == value] = to_rgb(colour)
    return image


def present_classes(labels: Floats, classes: Classes) -> list[tuple[str, str, float]]:
    """Name, colour and share of valid pixels of the classes that occur, most frequent first."""
    valid = int(np.isfinite(labels).sum())
    found = []
    for value, meaning, colour in zip(classes.values, classes.meanings, classes.colours, strict=True):
        count = int((labels == value).sum())
        if count:
            found.append((meaning.replace("_", " "), colour, count / valid))
    return sorted(found, key=lambda item: -item[2])


def hillshade(elevation: Floats, gsd_m: float, *, azimuth: float = 315.0, altitude: float = 45.0) -> Floats:
    """Share of light that a surface reflects, 0..1, rows running from north to south.

    Args:
        elevation: metres, ``(y, x)``.
        gsd_m: pixel size in metres.
        azimuth: direction of the light, degrees clockwise from north.
        altitude: its height above the horizon, degrees.
    """
    south, east = np.gradient(elevation, gsd_m)
    # Unit normal of the surface z(x, y), x to the east and y to the north; rows run to the south.
    normal = np.stack([-east, south, np.ones_like(elevation)])
    normal /= np.linalg.norm(normal, axis=0)
    turn, height = np.radians(azimuth), np.radians(altitude)
    light = np.array([np.sin(turn) * np.cos(height), np.cos(turn) * np.cos(height), np.sin(height)])
    return np.clip(np.tensordot(light, normal, axes=1), 0.0, 1.0)
