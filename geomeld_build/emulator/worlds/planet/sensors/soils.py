"""What bare ground consists of: one answer for the optical and the radar instrument."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet.ground.truth import Ground

__all__ = ["Soils", "soils_of"]

_Small = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Soils:
    """Shares ``(y, x)`` float32 of the bare ground; they add up to 1."""

    rock: _Small
    """On slopes."""
    sand: _Small
    """Dunes: a third of the flat deserts."""
    gravel: _Small
    """The stony rest of the deserts."""
    laterite: _Small
    """Red, in the warm and moist tropics."""
    humus: _Small
    """Dark, under cool grass and forest."""
    loam: _Small
    """Everything else."""


def _step(low: float, high: float, value: _Small) -> _Small:
    t = np.clip((value - np.float32(low)) * np.float32(1.0 / (high - low)), 0, 1)
    result: _Small = t * t * (np.float32(3) - np.float32(2) * t)
    return result


def soils_of(ground: Ground) -> Soils:
    """The soils of a block, from slope, climate and noise of 4 to 90 km."""
    rock = np.clip(np.hypot(ground.east, ground.north) * 2.2 - 0.35, 0, 1)
    left = 1 - rock
    arid = np.clip(1.25 - ground.moisture * 4.2 + 0.22 * ground.soil, 0, 1) * left
    sand = arid * _step(-0.1, 0.8, ground.soil)
    left = left - arid
    laterite = left * _step(17.0, 23.0, ground.mean) * _step(0.25, 0.8, ground.moisture + 0.2 * ground.soil)
    left = left - laterite
    humus = left * (1 - _step(9.0, 16.0, ground.mean)) * _step(0.2, 0.7, ground.moisture - 0.2 * ground.soil)
    parts = (rock, sand, arid - sand, laterite, humus, left - humus)
    return Soils(*(np.asarray(part, dtype=np.float32) for part in parts))
