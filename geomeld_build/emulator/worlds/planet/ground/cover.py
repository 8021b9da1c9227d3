"""What grows and stands on the ground: fractions of eleven classes, and the height of trees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geomeld_build.emulator.worlds.planet.ground.macro import LAPSE_K_PER_M, smoothstep
from geomeld_build.emulator.worlds.planet.ground.noise import Floats
from geomeld_build.emulator.worlds.planet.ground.settlement import Parcels, Settlement
from geomeld_build.emulator.worlds.planet.ground.terrain import Terrain

__all__ = [
    "BARE",
    "BUILT",
    "CLASSES",
    "CROP",
    "GRASS",
    "MANGROVE",
    "MOSS",
    "SHRUB",
    "SNOW",
    "TREE",
    "WATER",
    "WETLAND",
    "Climate",
    "climate_of",
    "cover_of",
    "tree_height",
]

CLASSES = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100)
"""Codes of ESA WorldCover in the order of the cover fractions."""
TREE, SHRUB, GRASS, CROP, BUILT, BARE, SNOW, WATER, WETLAND, MANGROVE, MOSS = range(11)


@dataclass(frozen=True, slots=True)
class Climate:
    """Climate at pixels."""

    mean: Floats
    """Annual mean temperature, degrees C."""
    warmest: Floats
    coldest: Floats
    """Means of the warmest and the coldest month, degrees C."""
    moisture: Floats
    """Rain over what could evaporate; below 0.2 desert, above 1 humid."""


def climate_of(terrain: Terrain) -> Climate:
    """Climate of a terrain, cooled by its own height."""
    macro = terrain.macro
    mean = macro.sea_warmth - LAPSE_K_PER_M * terrain.elevation
    moisture = macro.rain / (300.0 + 45.0 * np.clip(mean, -4.0, None))
    return Climate(mean=mean, warmest=mean + macro.swing, coldest=mean - macro.swing, moisture=moisture)


def _soft(value: Floats, width: float) -> Floats:
    """0..1: a threshold at 0 that is ``width`` wide."""
    return smoothstep(-width, width, value)


def _natural(terrain: Terrain, climate: Climate, slope: Floats) -> Floats:
    """Fractions ``(class, ...)`` of land that nobody tills."""
    moisture, warmest = climate.moisture, climate.warmest
    steep_rock = smoothstep(0.55, 1.0, slope)
    trees = smoothstep(0.18, 1.05, moisture) * smoothstep(8.5, 13.5, warmest) * (1.0 - 0.8 * steep_rock)
    green = smoothstep(0.06, 0.34, moisture) * smoothstep(0.5, 7.0, warmest) * (1.0 - 0.7 * steep_rock)
    tree = _soft(terrain.patch1 + 4.6 * (trees - 0.5), 0.32) * (trees > 0.01)
    dry = 1.0 - smoothstep(0.3, 1.0, moisture)
    shrub = (1.0 - tree) * _soft(terrain.patch2 + 2.2 * (0.55 * dry + 0.3 * trees - 0.42), 0.45) * green
    rest = 1.0 - tree - shrub
    grass = rest * np.clip(green * (1.15 + 0.25 * terrain.patch2), 0.0, 1.0)
    mossy = smoothstep(0.3, 0.9, 1.0 - smoothstep(6.0, 9.5, warmest))
    frozen = _soft(0.9 * terrain.patch2 + 1.1 * (0.5 - warmest), 1.3) * (1.0 - 0.6 * steep_rock)
    fractions = np.zeros((len(CLASSES), *tree.shape))
    fractions[TREE], fractions[SHRUB] = tree, shrub * (1.0 - mossy)
    fractions[MOSS] = (grass + shrub) * mossy
    fractions[GRASS] = grass * (1.0 - mossy)
    fractions[BARE] = np.clip(rest - grass, 0.0, 1.0)
    fractions *= 1.0 - frozen
    fractions[SNOW] = frozen
    return fractions


def _replace(fractions: Floats, index: int, share: Floats) -> None:
    """Give ``share`` of each pixel to one class, taken from all others alike."""
    fractions *= 1.0 - share
    fractions[index] += share


def cover_of(
    terrain: Terrain, climate: Climate, slope: Floats, towns: Settlement, fields: Parcels
) -> tuple[Floats, Floats]:
    """Cover fractions ``(class, ...)`` of the dry ground (they add up to 1), and the cultivated share."""
    fractions = _natural(terrain, climate, slope)
    _wetlands(fractions, terrain, climate, slope)
    suited = (slope < 0.16) * (climate.warmest > 11.0) * smoothstep(1.0, 4.0, climate.mean)
    share = np.clip(1.55 * terrain.macro.people - 0.18 + 0.16 * (fields.habit - 0.5), 0.0, 0.94)
    # Fields lie next to fields: whether one is tilled depends less on itself than on its surroundings.
    order = 0.3 * fields.rank + 0.7 * (0.5 + 0.5 * np.tanh(0.85 * terrain.region))
    tilled = (order < share) * suited * (terrain.wet < -25.0) * (fractions[WETLAND] < 0.5)
    crop = tilled * (1.0 - fields.edge)
    _replace(fractions, CROP, crop)
    # Pasture next to fields: trees were cleared there too.
    pasture = (order >= share) * (order < 1.45 * share) * suited * 0.75
    cleared = fractions[TREE] * pasture
    fractions[TREE] -= cleared
    fractions[GRASS] += cleared
    _replace(fractions, BARE, np.where(towns.density > 0.0, 0.12 * towns.density, 0.0))
    _replace(fractions, BUILT, np.maximum(towns.built, towns.road) * (terrain.wet < 6.0))
    return fractions, crop * (1.0 - towns.built)


def _wetlands(fractions: Floats, terrain: Terrain, climate: Climate, slope: Floats) -> None:
    macro = terrain.macro
    flat = 1.0 - smoothstep(0.02, 0.06, slope)
    ashore = np.exp(-((np.clip(-terrain.wet, 0.0, 5e3) / 130.0) ** 2)) * smoothstep(0.35, 0.9, climate.moisture)
    plain = smoothstep(1.0, 1.7, macro.marsh + 0.25 * terrain.patch2) * smoothstep(0.2, 0.5, climate.moisture)
    warm = smoothstep(7.0, 12.0, climate.warmest)
    wettest = np.maximum(ashore, plain)
    reeds = _soft(0.5 * terrain.patch2 - 1.6 + 2.0 * wettest, 0.4) * smoothstep(0.15, 0.5, wettest) * flat * warm
    _replace(fractions, WETLAND, reeds)
    if macro.coast.min() < 0.14 and climate.mean.max() > 19.5:
        _mangroves(fractions, terrain, climate)
    if terrain.wet.max() < -90.0:
        return
    bank = np.exp(-((terrain.wet / 18.0) ** 2)) * (1.0 - 0.6 * smoothstep(0.4, 1.2, climate.moisture))
    under = smoothstep(-5.0, 25.0, terrain.wet)
    _replace(fractions, BARE, np.maximum(0.8 * bank, under) * (1.0 - 0.7 * fractions[MANGROVE]))


def _mangroves(fractions: Floats, terrain: Terrain, climate: Climate) -> None:
    macro = terrain.macro
    tidal = (macro.coast < 0.14) * np.exp(-((terrain.elevation / 3.0) ** 2)) * smoothstep(-1500.0, -60.0, terrain.wet)
    mangrove = tidal * smoothstep(19.5, 21.5, climate.mean) * smoothstep(500.0, 1000.0, macro.rain)
    _replace(fractions, MANGROVE, np.where(terrain.wet < 40.0, _soft(mangrove + 0.2 * terrain.patch1 - 0.5, 0.25), 0.0))


def tree_height(fractions: Floats, terrain: Terrain, climate: Climate, grain: Floats) -> Floats:
    """Height of the canopy in metres; 0 where hardly a tree stands."""
    vigour = smoothstep(0.25, 1.4, climate.moisture) * smoothstep(7.0, 17.0, climate.warmest)
    tallest = 6.0 + 30.0 * vigour
    tree = fractions[TREE]
    forest = tallest * np.sqrt(tree) * np.clip(0.72 + 0.14 * terrain.patch1 + 0.09 * grain, 0.2, 1.3)
    mangroves = np.sqrt(fractions[MANGROVE]) * np.clip(9.0 + 2.0 * grain, 3.0, 18.0)
    return np.where(tree > 0.15, forest, 0.0) + np.where(fractions[MANGROVE] > 0.3, mangroves, 0.0)
