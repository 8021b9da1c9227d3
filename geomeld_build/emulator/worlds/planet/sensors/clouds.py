"""Clouds: one field for each datatake, which its granules share, and the share of a scene they cover."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from geomeld_build.emulator.worlds.planet.ground.noise import Floats, Octaves, key_of, unit_of, unit_xyz
from geomeld_build.emulator.worlds.planet.ground.season import wetness
from geomeld_build.emulator.worlds.planet.sensors.sun import Sun, year_angle

__all__ = ["CloudPoints", "CloudSky", "cloud_bias", "cover_percentages", "opacity"]

_WIDE = {480.0: 0.95, 170.0: 0.6}
_NARROW = {45.0: 0.36, 14.0: 0.3, 6.1: 0.22, 2.7: 0.2, 1.2: 0.17, 0.55: 0.12}
_ALL = {**_WIDE, **_NARROW}
_NARROW_DEVIATION = math.sqrt(sum(weight**2 for weight in _NARROW.values()))
_SOFT = 0.45
"""Rise of the field from the rim of a cloud to where it is opaque."""
_CLOUDY = 0.16
"""Field at which a pixel counts as cloud."""
_WEIGHTS = np.array(list(_ALL.values()))
_MARGIN = 1.3
"""The narrow octaves hardly ever add more than this."""
_WITHIN_A_BLOCK = 0.3
"""The wide octaves hardly change more than this over the length of a shadow."""

_Small = NDArray[np.float32]


def cloud_bias(rain: Floats, dry_season: Floats, winter_rain: Floats, lat: float, year: float) -> Floats:
    """Mean of the cloud field: climate and season."""
    usual = np.clip(-1.75 + 0.00125 * rain, -1.75, 0.35) + 0.5 * np.clip((abs(lat) - 40.0) / 25.0, 0.0, 1.0)
    small = wetness(year, lat, winter_rain.astype(np.float32), dry_season.astype(np.float32))
    bias: Floats = usual + 0.9 * (small.astype(np.float64) - 0.6) * dry_season
    return bias


@dataclass(frozen=True, slots=True)
class CloudPoints:
    """A few points of a granule and their climate, for the share of clouds."""

    xyz: Floats
    """``(3, n)`` km."""
    rain: Floats
    dry_season: Floats
    winter_rain: Floats
    lat: float


def cover_percentages(seed: int, points: CloudPoints, datatakes: list[tuple[str, float]]) -> list[float]:
    """Share of clouds in percent for several datatakes over one granule.

    Args:
        seed: the planet's seed.
        points: where to look.
        datatakes: name and time (ms) of each.
    """
    if not datatakes:
        return []
    parts = [_octaves(seed, name, tuple(_WIDE)) for name, _ in datatakes]
    together = Octaves(
        np.concatenate([part.matrices for part in parts]),
        np.concatenate([part.shifts for part in parts]),
        np.concatenate([part.keys for part in parts]),
    )
    sums = np.repeat(np.arange(len(datatakes)), len(_WIDE))
    wide = together.mixed(points.xyz, np.tile(_WEIGHTS[: len(_WIDE)], len(datatakes)), sums)
    found = []
    for field, (_, time) in zip(wide, datatakes, strict=True):
        bias = cloud_bias(points.rain, points.dry_season, points.winter_rain, points.lat, year_angle(time))
        found.append(float(100.0 * ndtr((field + bias - _CLOUDY) / _NARROW_DEVIATION).mean()))
    return found


_BASE = Octaves.of(key_of("cloud shapes"), list(_ALL))


def _octaves(seed: int, name: str, lengths: tuple[float, ...]) -> Octaves:
    """Octaves of one datatake: the rotations are shared, the draws and the shifts are its own."""
    count = len(lengths)
    start = key_of(seed, "clouds", name)
    keys = np.array([key_of(start, index) for index in range(count)], dtype=np.uint64)
    return Octaves(_BASE.matrices[:count], _BASE.shifts[:count] + 50.0 * unit_of(start), keys)


def _sum(octaves: Octaves, xyz: Floats, weights: Floats) -> Floats:
    """The weighted sum ``(n,)`` of octaves at points ``(3, n)``."""
    total: Floats = octaves.mixed(xyz, weights, np.zeros(weights.size, dtype=np.int64))[0]
    return total


class CloudSky:
    """The sky of one datatake."""

    def __init__(self, seed: int, datatake: str, time_ms: float) -> None:
        """Args:
        seed: the planet's seed.
        datatake: what its granules have in common.
        time_ms: when.
        """
        octaves, count = _octaves(seed, datatake, tuple(_ALL)), len(_WIDE)
        self._wide = Octaves(octaves.matrices[:count], octaves.shifts[:count], octaves.keys[:count])
        self._narrow = Octaves(octaves.matrices[count:], octaves.shifts[count:], octaves.keys[count:])
        self._year = year_angle(time_ms)
        self.height_km = 1.1 + 3.0 * unit_of(seed, datatake, "height")

    def clear(self, lon: float, lat: float, climate: tuple[Floats, Floats, Floats]) -> bool:
        """Whether no cloud can lie within some kilometres of a point."""
        coarse = float(_sum(self._wide, unit_xyz(np.array([lon]), np.array([lat])), _WEIGHTS[: len(_WIDE)])[0])
        return coarse + float(cloud_bias(*climate, lat, self._year)) < -_MARGIN - _WITHIN_A_BLOCK

    def field(self, lon: Floats, lat: Floats, rain: Floats, dry_season: Floats, winter_rain: Floats) -> Floats | None:
        """The cloud field at points (arrays of one shape), None where the sky is clear throughout."""
        xyz = unit_xyz(lon, lat).reshape(3, -1)
        middle = float(lat.flat[lat.size // 2])
        coarse = _sum(self._wide, xyz, _WEIGHTS[: len(_WIDE)]).reshape(lon.shape)
        coarse = coarse + cloud_bias(rain, dry_season, winter_rain, middle, self._year)
        if coarse.max() < -_MARGIN:
            return None
        result: Floats = coarse + _sum(self._narrow, xyz, _WEIGHTS[len(_WIDE) :]).reshape(lon.shape)
        return result

    def shadow_offset_km(self, sun: Sun) -> tuple[float, float]:
        """Where the cloud lies whose shadow falls on a point: km east and north of it."""
        length = self.height_km * math.tan(math.radians(min(sun.zenith, 75.0)))
        angle = math.radians(sun.azimuth)
        return length * math.sin(angle), length * math.cos(angle)


def opacity(field: Floats) -> _Small:
    """Share of light from the cloud instead of the ground."""
    t = np.clip(field / _SOFT, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float32)
