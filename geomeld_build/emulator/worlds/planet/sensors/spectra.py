"""Reflectance of the ground in the bands of Sentinel-2: a linear mixture of typical spectra.

Typical values from general knowledge of reflectance spectra, not taken from a library.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet.ground.cover import (
    BARE,
    BUILT,
    CROP,
    GRASS,
    MANGROVE,
    MOSS,
    SHRUB,
    SNOW,
    TREE,
    WETLAND,
)
from geomeld_build.emulator.worlds.planet.ground.season import Season, lake_ice
from geomeld_build.emulator.worlds.planet.ground.truth import Ground
from geomeld_build.emulator.worlds.planet.sensors.blend_kernel import blend
from geomeld_build.emulator.worlds.planet.sensors.soils import soils_of

__all__ = ["BANDS", "CLOUD", "surface_reflectance"]

BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")
_Small = NDArray[np.float32]

_ENDMEMBERS: dict[str, tuple[float, ...]] = {
    "leaf": (0.018, 0.024, 0.052, 0.026, 0.080, 0.27, 0.34, 0.37, 0.39, 0.38, 0.19, 0.085),
    "evergreen": (0.016, 0.021, 0.046, 0.023, 0.068, 0.22, 0.28, 0.31, 0.33, 0.33, 0.145, 0.056),
    "leathery": (0.024, 0.032, 0.055, 0.042, 0.080, 0.17, 0.21, 0.23, 0.25, 0.25, 0.17, 0.085),
    "needle": (0.014, 0.019, 0.034, 0.020, 0.048, 0.15, 0.19, 0.21, 0.22, 0.21, 0.10, 0.045),
    "pine": (0.020, 0.028, 0.052, 0.036, 0.070, 0.19, 0.24, 0.265, 0.28, 0.28, 0.155, 0.078),
    "wood": (0.035, 0.048, 0.068, 0.080, 0.105, 0.15, 0.17, 0.19, 0.21, 0.21, 0.23, 0.16),
    "shrub": (0.030, 0.041, 0.068, 0.058, 0.094, 0.17, 0.205, 0.235, 0.255, 0.255, 0.25, 0.15),
    "shrub_dry": (0.055, 0.075, 0.105, 0.130, 0.155, 0.19, 0.21, 0.24, 0.26, 0.26, 0.33, 0.24),
    "grass": (0.026, 0.036, 0.074, 0.042, 0.105, 0.28, 0.35, 0.38, 0.39, 0.38, 0.24, 0.12),
    "grass_dry": (0.060, 0.080, 0.120, 0.155, 0.185, 0.22, 0.25, 0.28, 0.30, 0.30, 0.36, 0.26),
    "crop": (0.022, 0.032, 0.068, 0.032, 0.095, 0.32, 0.42, 0.46, 0.47, 0.46, 0.22, 0.10),
    "ripe": (0.060, 0.085, 0.130, 0.170, 0.205, 0.25, 0.28, 0.31, 0.33, 0.33, 0.38, 0.25),
    "soil": (0.055, 0.070, 0.100, 0.135, 0.155, 0.175, 0.19, 0.21, 0.23, 0.24, 0.31, 0.27),
    "laterite": (0.042, 0.052, 0.085, 0.160, 0.190, 0.21, 0.225, 0.24, 0.26, 0.27, 0.36, 0.30),
    "humus": (0.036, 0.045, 0.060, 0.076, 0.092, 0.11, 0.125, 0.14, 0.15, 0.16, 0.21, 0.17),
    "sand": (0.130, 0.170, 0.250, 0.330, 0.360, 0.38, 0.40, 0.42, 0.44, 0.45, 0.53, 0.47),
    "gravel": (0.090, 0.115, 0.165, 0.220, 0.245, 0.26, 0.27, 0.285, 0.30, 0.31, 0.40, 0.36),
    "rock": (0.090, 0.110, 0.130, 0.150, 0.160, 0.17, 0.18, 0.19, 0.20, 0.20, 0.25, 0.22),
    "built": (0.095, 0.115, 0.135, 0.150, 0.160, 0.17, 0.18, 0.19, 0.20, 0.20, 0.22, 0.20),
    "roof": (0.140, 0.175, 0.210, 0.250, 0.265, 0.28, 0.29, 0.30, 0.31, 0.31, 0.33, 0.30),
    "snow": (0.900, 0.910, 0.910, 0.890, 0.880, 0.87, 0.86, 0.85, 0.83, 0.70, 0.10, 0.06),
    "clear": (0.034, 0.032, 0.026, 0.014, 0.010, 0.008, 0.007, 0.006, 0.005, 0.005, 0.003, 0.002),
    "turbid": (0.058, 0.072, 0.100, 0.092, 0.078, 0.055, 0.050, 0.040, 0.036, 0.03, 0.011, 0.007),
    "moss": (0.032, 0.044, 0.066, 0.072, 0.098, 0.145, 0.165, 0.19, 0.205, 0.21, 0.245, 0.15),
    "reed": (0.024, 0.034, 0.058, 0.045, 0.080, 0.20, 0.26, 0.29, 0.30, 0.29, 0.17, 0.08),
    "mangrove": (0.020, 0.025, 0.045, 0.025, 0.065, 0.22, 0.29, 0.31, 0.32, 0.31, 0.13, 0.05),
}
_SPECTRA = np.ascontiguousarray(np.array(list(_ENDMEMBERS.values()), dtype=np.float32).T)
_INDEX = {name: position for position, name in enumerate(_ENDMEMBERS)}
CLOUD = np.array([0.60, 0.62, 0.60, 0.60, 0.61, 0.63, 0.64, 0.65, 0.66, 0.45, 0.40, 0.30], dtype=np.float32)
"""Reflectance of an opaque cloud in the order of ``BANDS``."""


def _trees(ground: Ground, season: Season, weights: _Small) -> None:
    """Needles, dark ones in the north; leaves: evergreen in the tropics, leathery where winters are wet, or shed."""
    tree = ground.cover[TREE]
    needle = tree * ground.needles
    broad = tree - needle
    tropical = np.clip((ground.mean - 14) / 8, 0, 1)
    leathery = ground.winter_rain * np.float32(0.85)
    leaves = np.maximum(season.leaves, leathery)
    sunny = np.clip((ground.mean - 3) / 12, 0, 1)
    weights[_INDEX["needle"]] += needle * (1 - sunny)
    weights[_INDEX["pine"]] += needle * sunny
    weights[_INDEX["leathery"]] += broad * leathery
    weights[_INDEX["evergreen"]] += broad * (leaves - leathery) * tropical
    weights[_INDEX["leaf"]] += broad * (leaves - leathery) * (1 - tropical)
    weights[_INDEX["wood"]] += broad * (1 - leaves)


def _soils(ground: Ground, share: _Small, weights: _Small) -> None:
    soils = soils_of(ground)
    for name in ("rock", "sand", "gravel", "laterite", "humus"):
        weights[_INDEX[name]] += share * getattr(soils, name)
    weights[_INDEX["soil"]] += share * soils.loam


def _mixture(ground: Ground, season: Season) -> _Small:
    """Weights ``(endmember, y, x)``; they add up to 1."""
    cover = ground.cover
    weights = np.zeros((len(_ENDMEMBERS), *ground.wet.shape), dtype=np.float32)

    def add(name: str, share: _Small) -> None:
        weights[_INDEX[name]] += share

    _trees(ground, season, weights)
    bushy = 0.25 + 0.75 * season.green
    add("shrub", cover[SHRUB] * bushy)
    add("shrub_dry", cover[SHRUB] * (1 - bushy))
    add("grass", cover[GRASS] * season.green)
    add("grass_dry", cover[GRASS] * (1 - season.green))
    add("crop", cover[CROP] * season.crop_green)
    ripe = season.crop_ripe * (1 - season.crop_green)
    add("ripe", cover[CROP] * ripe)
    _soils(ground, cover[CROP] * (1 - season.crop_green - ripe).clip(0) + cover[BARE], weights)
    bright = np.clip(0.35 + 0.28 * ground.grain, 0, 1)
    add("built", cover[BUILT] * (1 - bright))
    add("roof", cover[BUILT] * bright)
    add("moss", cover[MOSS])
    reedy = 0.2 + 0.8 * season.green
    add("reed", cover[WETLAND] * reedy)
    add("grass_dry", cover[WETLAND] * (1 - reedy))
    add("mangrove", cover[MANGROVE])
    # Snow lies on the ground; half of a forest still looks out of it.
    white = season.snow * (1 - 0.55 * (cover[TREE] + cover[MANGROVE]) - 0.3 * cover[BUILT])
    weights *= 1 - white
    add("snow", white + cover[SNOW] * (1 - white))
    return _flooded(ground, season, weights)


def _flooded(ground: Ground, season: Season, weights: _Small) -> _Small:
    frozen, water = lake_ice(ground, season), season.water
    depth = np.clip(ground.wet / 260, 0, 1)
    murk = np.clip(0.75 - 0.65 * depth + 0.2 * ground.soil + 0.15 * ground.dry_season, 0.03, 1)
    weights *= 1 - water
    weights[_INDEX["snow"]] += water * frozen * np.float32(0.9)
    weights[_INDEX["turbid"]] += water * (1 - frozen) * murk
    weights[_INDEX["clear"]] += water * ((1 - frozen) * (1 - murk) + np.float32(0.1) * frozen)
    return weights


def surface_reflectance(ground: Ground, season: Season) -> _Small:
    """Reflectance ``(band, y, x)`` of flat ground under a clear sky."""
    weights = _mixture(ground, season)
    mixed = blend(_SPECTRA, weights)
    dry = 1 - season.water
    # Tall crowns shade each other; bare ground is lighter here and darker there.
    rough = np.float32(0.05) + np.float32(0.004) * ground.height
    tone = np.exp((rough * ground.grain + np.float32(0.12) * ground.soil * ground.cover[BARE]) * dry)
    field = (ground.crop_kind - np.float32(0.5)) * np.float32(0.36) * ground.cover[CROP] * dry
    result: _Small = mixed * (tone * (1 + field) * (1 - 0.18 * season.damp * ground.cover[CROP]))
    return result
