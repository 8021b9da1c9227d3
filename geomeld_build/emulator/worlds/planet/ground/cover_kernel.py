"""What grows and stands on the ground, pixel by pixel, compiled: climate, slopes, fractions of classes, trees."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.compiled import helper, kernel

__all__ = ["LAPSE_K_PER_M", "LAYERS", "cover_block"]

_Floats = NDArray[np.float64]
_Small = NDArray[np.float32]
_Several = tuple[_Floats, ...]

LAPSE_K_PER_M = 0.006
"""Cooling of the air with height."""
LAYERS = ("east", "north", "mean", "moisture", "needles", "height")
"""What comes behind the eleven fractions."""
_PIXEL_M = 10.0
_CLASSES = 11
_TREE, _SHRUB, _GRASS, _CROP, _BUILT, _BARE, _SNOW, _WATER, _WETLAND, _MANGROVE, _MOSS = range(_CLASSES)
"""The order of ``cover.CLASSES``, written out: a cached kernel does not notice what another file says."""


@helper
def _rise(low: float, high: float, value: float) -> float:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = min(max((value - low) * (1.0 / (high - low)), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@helper
def _replace(share: _Floats, kind: int, part: float) -> None:
    """Give a part of the pixel to one class, taken from all others alike."""
    for k in range(_CLASSES):
        share[k] *= 1.0 - part
    share[kind] += part


@helper
def _natural(share: _Floats, moisture: float, warmest: float, slope: float, patch1: float, patch2: float) -> None:
    """Land that nobody tills."""
    rock = _rise(0.55, 1.0, slope)
    trees = _rise(0.18, 1.05, moisture) * _rise(8.5, 13.5, warmest) * (1.0 - 0.8 * rock)
    green = _rise(0.06, 0.34, moisture) * _rise(0.5, 7.0, warmest) * (1.0 - 0.7 * rock)
    tree = _rise(-0.32, 0.32, patch1 + 4.6 * (trees - 0.5)) if trees > 0.01 else 0.0
    dry = 1.0 - _rise(0.3, 1.0, moisture)
    shrub = (1.0 - tree) * _rise(-0.45, 0.45, patch2 + 2.2 * (0.55 * dry + 0.3 * trees - 0.42)) * green
    rest = 1.0 - tree - shrub
    grass = rest * min(max(green * (1.15 + 0.25 * patch2), 0.0), 1.0)
    mossy = _rise(0.3, 0.9, 1.0 - _rise(6.0, 9.5, warmest))
    frozen = _rise(-1.3, 1.3, 0.9 * patch2 + 1.1 * (0.5 - warmest)) * (1.0 - 0.6 * rock)
    bare, open_ground = min(max(rest - grass, 0.0), 1.0), 1.0 - frozen
    share[_TREE], share[_SHRUB] = tree * open_ground, shrub * (1.0 - mossy) * open_ground
    share[_GRASS], share[_MOSS] = grass * (1.0 - mossy) * open_ground, (grass + shrub) * mossy * open_ground
    share[_BARE], share[_SNOW] = bare * open_ground, frozen
    share[_CROP], share[_BUILT], share[_WATER], share[_WETLAND], share[_MANGROVE] = 0.0, 0.0, 0.0, 0.0, 0.0


@helper
def _wetlands(
    share: _Floats,
    climate: tuple[float, float, float],
    place: tuple[float, float, float, float],
    rain: float,
    coast: float,
    marsh: float,
    patch1: float,
    patch2: float,
) -> None:
    moisture, mean, warmest = climate
    wet, elevation, slope, _ = place
    ashore = min(max(-wet, 0.0), 5e3)
    # Beyond a kilometre nothing is left of e^-60.
    near = math.exp(-((ashore / 130.0) ** 2)) * _rise(0.35, 0.9, moisture) if ashore < 1e3 else 0.0
    plain = _rise(1.0, 1.7, marsh + 0.25 * patch2) * _rise(0.2, 0.5, moisture)
    wettest = max(near, plain)
    flat = (1.0 - _rise(0.02, 0.06, slope)) * _rise(7.0, 12.0, warmest)
    if wettest > 0.15 and flat > 0.0:
        reeds = _rise(-0.4, 0.4, 0.5 * patch2 - 1.6 + 2.0 * wettest) * _rise(0.15, 0.5, wettest) * flat
        _replace(share, _WETLAND, reeds)
    if coast < 0.14 and mean > 19.5 and rain > 500.0 and -1500.0 < wet < 40.0:
        tidal = math.exp(-((elevation / 3.0) ** 2)) * _rise(-1500.0, -60.0, wet)
        mangrove = tidal * _rise(19.5, 21.5, mean) * _rise(500.0, 1000.0, rain)
        _replace(share, _MANGROVE, _rise(-0.25, 0.25, mangrove + 0.2 * patch1 - 0.5) * min(1.0, 4.0 * mangrove))
    if wet > -90.0:
        bank = math.exp(-((wet / 18.0) ** 2)) * (1.0 - 0.6 * _rise(0.4, 1.2, moisture))
        under = max(0.8 * bank, _rise(-5.0, 25.0, wet))
        _replace(share, _BARE, under * (1.0 - 0.7 * share[_MANGROVE]))


@helper
def _people(
    share: _Floats,
    climate: tuple[float, float, float],
    place: tuple[float, float, float, float],
    people: float,
    field: tuple[float, float, float],
    town: tuple[float, float, float],
) -> None:
    """Fields, pastures next to them, and settlements."""
    _, mean, warmest = climate
    wet, _, slope, region = place
    rank, edge, habit = field
    built, road, density = town
    tilled = min(max(1.55 * people - 0.18 + 0.16 * (habit - 0.5), 0.0), 0.94)
    if tilled > 0.0 and slope < 0.16 and warmest > 11.0:
        suited = _rise(1.0, 4.0, mean)
        # Fields lie next to fields: whether one is tilled depends less on itself than on its surroundings.
        order = 0.3 * rank + 0.7 * (0.5 + 0.5 * math.tanh(0.85 * region))
        if order < tilled and wet < -25.0 and share[_WETLAND] < 0.5:
            _replace(share, _CROP, suited * (1.0 - edge))
        elif tilled <= order < 1.45 * tilled:
            # Pasture next to fields: trees were cleared there too.
            cleared = share[_TREE] * suited * 0.75
            share[_TREE] -= cleared
            share[_GRASS] += cleared
    if density > 0.0:
        _replace(share, _BARE, 0.12 * density)
    if wet < 6.0:
        _replace(share, _BUILT, max(built, road))


@helper
def _height(
    tree: float, mangrove: float, moisture: float, warmest: float, patch1: float, grain: float, wet: float
) -> float:
    """Height of the canopy in metres; 0 where hardly a tree stands."""
    total = 0.0
    if wet < 4.0:
        if tree > 0.15:
            tallest = 6.0 + 30.0 * _rise(0.25, 1.4, moisture) * _rise(7.0, 17.0, warmest)
            total += tallest * math.sqrt(tree) * min(max(0.72 + 0.14 * patch1 + 0.09 * grain, 0.2), 1.3)
        if mangrove > 0.3:
            total += math.sqrt(mangrove) * min(max(9.0 + 2.0 * grain, 3.0), 18.0)
    return total


@kernel
def cover_block(
    terrain: _Several,
    macro: _Several,
    fields: _Several,
    towns: _Several,
    grain: _Floats,
) -> _Small:
    """Fractions of the eleven classes of dry ground, which add up to 1, then ``LAYERS``: ``(layer, y, x)``.

    Args:
        terrain: elevation, wet, patch1, patch2 and region with a halo of one pixel, ``(y + 2, x + 2)``.
        macro: sea_warmth, swing, rain, people, marsh, coast and conifer, likewise.
        fields: rank, edge and habit of parcels, ``(y, x)``.
        towns: built, road and density, ``(y, x)``.
        grain: normal noise ``(y, x)``.
    """
    elevations, wets, patches1, patches2, regions = terrain
    warmth, swings, rains, peoples, marshes, coasts, conifers = macro
    ranks, edges, habits = fields
    builts, roads, densities = towns
    height, width = grain.shape
    out = np.empty((_CLASSES + 6, height, width), dtype=np.float32)
    share = np.empty(_CLASSES)
    for i in range(height):
        for j in range(width):
            p, q = i + 1, j + 1
            wet, patch1, patch2 = wets[p, q], patches1[p, q], patches2[p, q]
            north = (elevations[p + 1, q] - elevations[p - 1, q]) / 2.0 / -_PIXEL_M
            east = (elevations[p, q + 1] - elevations[p, q - 1]) / 2.0 / _PIXEL_M
            slope = math.sqrt(north * north + east * east)
            mean = warmth[p, q] - LAPSE_K_PER_M * elevations[p, q]
            warmest, moisture = mean + swings[p, q], rains[p, q] / (300.0 + 45.0 * max(mean, -4.0))
            climate, place = (moisture, mean, warmest), (wet, elevations[p, q], slope, regions[p, q])
            _natural(share, moisture, warmest, slope, patch1, patch2)
            _wetlands(share, climate, place, rains[p, q], coasts[p, q], marshes[p, q], patch1, patch2)
            field, town = (ranks[i, j], edges[i, j], habits[i, j]), (builts[i, j], roads[i, j], densities[i, j])
            _people(share, climate, place, peoples[p, q], field, town)
            for kind in range(_CLASSES):
                out[kind, i, j] = share[kind]
            cold = 1.0 - _rise(3.0, 9.0, mean)
            needles = cold + _rise(0.3, 1.2, conifers[p, q]) if mean < 21.0 else cold
            trees = _height(share[_TREE], share[_MANGROVE], moisture, warmest, patch1, grain[i, j], wet)
            layers = (east, north, mean, moisture, min(max(needles, 0.0), 1.0), trees)
            for k in range(6):
                out[_CLASSES + k, i, j] = layers[k]
    return out
