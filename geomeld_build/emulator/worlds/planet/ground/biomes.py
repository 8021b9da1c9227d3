"""The 14 biomes of RESOLVE Ecoregions 2017, assigned by rules on climate and height."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet.ground.macro import LAPSE_K_PER_M, Macro

__all__ = ["BIOME_NAMES", "ROCK_AND_ICE", "SEA", "biome_of"]

SEA = 0
ROCK_AND_ICE = 15
"""Our code for ground without a biome; RESOLVE names it ``N/A``."""

BIOME_NAMES = {
    1: "Tropical & Subtropical Moist Broadleaf Forests",
    2: "Tropical & Subtropical Dry Broadleaf Forests",
    3: "Tropical & Subtropical Coniferous Forests",
    4: "Temperate Broadleaf & Mixed Forests",
    5: "Temperate Conifer Forests",
    6: "Boreal Forests/Taiga",
    7: "Tropical & Subtropical Grasslands, Savannas & Shrublands",
    8: "Temperate Grasslands, Savannas & Shrublands",
    9: "Flooded Grasslands & Savannas",
    10: "Montane Grasslands & Shrublands",
    11: "Tundra",
    12: "Mediterranean Forests, Woodlands & Scrub",
    13: "Deserts & Xeric Shrublands",
    14: "Mangroves",
}


def biome_of(macro: Macro, lat: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Biome numbers: 0 = sea, 1..14 = RESOLVE's BIOME_NUM, 15 = rock and ice."""
    height = macro.base + macro.amplitude * np.clip(macro.hills, 0.0, None)
    mean = macro.sea_warmth - LAPSE_K_PER_M * np.clip(macro.base, 0.0, None)
    warmest, coldest = mean + macro.swing, mean - macro.swing
    moisture = macro.rain / (300.0 + 45.0 * np.clip(mean, -4.0, None))
    tropical = (coldest > 12.5) & (mean > 18.0)
    rules: list[tuple[NDArray[np.bool_], int]] = [
        (macro.coast <= 0.0, SEA),
        (warmest < 0.5, ROCK_AND_ICE),
        ((height > 1800.0) & (warmest < 11.5) & (np.abs(lat) < 52.0), 10),
        ((height > 3600.0) & (np.abs(lat) < 52.0), 10),
        (warmest < 9.5, 11),
        ((mean > 20.5) & (macro.coast < 0.035) & (macro.rain > 900.0) & (macro.amplitude < 60.0), 14),
        ((macro.marsh > 1.35) & (macro.amplitude < 45.0) & (mean > 8.0) & (moisture > 0.22), 9),
        ((mean < 2.5) & (moisture > 0.35) & (np.abs(lat) > 42.0), 6),
        (moisture < 0.21, 13),
        (tropical & (macro.conifer > 0.9) & (height > 700.0) & (macro.rain > 700.0), 3),
        (tropical & (macro.rain > 1550.0), 1),
        (tropical & (macro.rain > 850.0) & (macro.conifer < -0.45), 2),
        (tropical, 7),
        ((macro.winter_rain > 0.5) & (coldest > -1.0) & (moisture < 1.1), 12),
        (moisture < 0.56, 8),
        ((macro.conifer > 0.75) | (height > 900.0), 5),
    ]
    conditions = [condition for condition, _ in rules]
    return np.select(conditions, [number for _, number in rules], default=4).astype(np.uint8)
