"""Where the sun stands, and where in the year a moment lies."""

from __future__ import annotations

import math
from dataclasses import dataclass

from geomeld_build.emulator.worlds.planet.sensors.orbits import DAY_MS

__all__ = ["Sun", "sun_at", "year_angle"]

_YEAR_DAYS = 365.2422


@dataclass(frozen=True, slots=True)
class Sun:
    """Direction of the sun."""

    zenith: float
    """Degrees from the vertical."""
    azimuth: float
    """Degrees clockwise from north."""


def year_angle(time_ms: float) -> float:
    """Where in the year a moment lies, radians from 1 January."""
    return 2.0 * math.pi * ((time_ms / DAY_MS - 18262.0) / _YEAR_DAYS % 1.0)


def sun_at(time_ms: float, lon: float, lat: float) -> Sun:
    """The sun's place in the sky to about half a degree."""
    year = year_angle(time_ms)
    declination = math.radians(-23.44 * math.cos(year + 2.0 * math.pi * 10.0 / _YEAR_DAYS))
    equation_min = 9.87 * math.sin(2.0 * year - 2.79) - 7.53 * math.cos(year - 1.395) - 1.5 * math.sin(year - 1.395)
    hours = (time_ms % DAY_MS) / 3_600_000 + lon / 15.0 + equation_min / 60.0
    hour_angle = math.radians(15.0 * (hours - 12.0))
    phi = math.radians(lat)
    cosine = math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(hour_angle)
    zenith = math.acos(max(-1.0, min(1.0, cosine)))
    east = -math.cos(declination) * math.sin(hour_angle)
    north = math.sin(declination) * math.cos(phi) - math.cos(declination) * math.sin(phi) * math.cos(hour_angle)
    return Sun(math.degrees(zenith), math.degrees(math.atan2(east, north)) % 360.0)
