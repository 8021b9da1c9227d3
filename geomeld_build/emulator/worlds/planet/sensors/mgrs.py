"""The tiling grid of Sentinel-2: squares of 100 km in UTM zones, named as in MGRS, served as granules of 109.8 km."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from geomeld_build.emulator.worlds.planet.ground.noise import Floats
from geomeld_build.emulator.worlds.planet.ground.projection import Utm, zone_of

__all__ = ["GRANULE_PIXELS", "Granule", "granule_named", "granules_touching"]

GRANULE_PIXELS = 10980
_SIDE = GRANULE_PIXELS * 10
_BANDS = "CDEFGHJKLMNPQRSTUVWX"
_COLUMNS = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")
_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_NAME = re.compile(r"(\d{2})([C-HJ-NP-X])([A-HJ-NP-Z])([A-HJ-NP-V])")
_NOT_IN_X = (32, 34, 36)
"""Zones that end at 72 N: their neighbours are wider there, for Svalbard's sake."""
SOUTHERNMOST, NORTHERNMOST = -56.5, 83.3
"""Latitudes of the centres between which granules exist; the last swaths in the north end at 82.7 N."""


@dataclass(frozen=True, slots=True)
class Granule:
    """One granule."""

    epsg: int
    name: str
    """Such as ``43RCP``."""
    left: float
    top: float
    """Upper left corner in metres; multiples of 60 east of the false origin and north of the equator."""
    lon: float
    lat: float
    """Centre."""

    @property
    def right(self) -> float:
        """Easting of the right edge, m."""
        return self.left + _SIDE

    @property
    def bottom(self) -> float:
        """Northing of the lower edge, m."""
        return self.top - _SIDE


@lru_cache(maxsize=8192)
def _granule(epsg: int, column: int, row: int) -> Granule | None:
    """The granule of a 100 km square, None where the grid has none.

    Args:
        epsg: UTM zone.
        column: easting of the square in 100 km.
        row: northing of the square in 100 km.
    """
    zone, utm = epsg % 100, Utm(epsg)
    # Multiples of 60 m from the equator: south of it the false northing is none.
    left = math.floor(column * 1e5 / 60) * 60.0
    top = math.ceil(((row + 1) * 1e5 - utm.false_northing) / 60) * 60.0 + utm.false_northing
    steps = np.linspace(0.0, _SIDE, 5)
    x, y = np.meshgrid(left + steps, top - steps)
    lon, lat = utm.inverse(x, y)
    centre_lon, centre_lat = float(lon[2, 2]), float(lat[2, 2])
    own = any(zone_of(a, b) == zone for a, b in zip(lon.flat, lat.flat, strict=True))
    if not own or not SOUTHERNMOST < centre_lat < NORTHERNMOST or not 1 <= column <= 8:
        return None
    # The equator divides the numbering: squares north of it belong to 326zz, squares south of it to 327zz.
    if row < 0 or (epsg >= 32700 and row >= 100):
        return None
    band = _BANDS[min(int((centre_lat + 80.0) // 8.0), 19)]
    if band == "X" and zone in _NOT_IN_X:
        # The square reaches across 72 N, where its zone ends: it is one of band W.
        band = "W"
    letters = _COLUMNS[(zone - 1) % 3][column - 1] + _ROWS[(row + (0 if zone % 2 else 5)) % 20]
    return Granule(epsg, f"{zone:02d}{band}{letters}", left, top, (centre_lon + 180.0) % 360.0 - 180.0, centre_lat)


@lru_cache(maxsize=4096)
def granule_named(name: str) -> Granule | None:
    """The granule of this name (``43RCP``), or None."""
    parts = _NAME.fullmatch(name)
    if parts is None:
        return None
    zone, band = int(parts[1]), parts[2]
    letters = _COLUMNS[(zone - 1) % 3]
    if not 1 <= zone <= 60 or parts[3] not in letters:
        return None
    column = letters.index(parts[3]) + 1
    first = (_ROWS.index(parts[4]) - (0 if zone % 2 else 5)) % 20
    epsg = (32600 if band >= "N" else 32700) + zone
    for row in range(first, 100, 20):
        found = _granule(epsg, column, row)
        if found is not None and found.name == name:
            return found
    # A granule at the equator may have its centre on the other side of it.
    other = epsg + (100 if epsg < 32700 else -100)
    others = (_granule(other, column, row) for row in range(first, 100, 20))
    return next((one for one in others if one is not None and one.name == name), None)


def _zones_near(west: float, east: float) -> set[int]:
    first, last = math.floor((west - 3.5 + 180.0) / 6.0), math.floor((east + 3.5 + 180.0) / 6.0)
    return {index % 60 + 1 for index in range(first, min(last, first + 60) + 1)}


def _overlaps(granule: Granule, x: Floats, y: Floats) -> bool:
    """Whether a granule overlaps the bounds of points in its zone, with room for edges that bulge between them."""
    room_x, room_y = 100.0 + 0.02 * float(np.ptp(x)), 100.0 + 0.02 * float(np.ptp(y))
    across = granule.left <= x.max() + room_x and granule.right >= x.min() - room_x
    return bool(across and granule.bottom <= y.max() + room_y and granule.top >= y.min() - room_y)


def granules_touching(west: float, south: float, east: float, north: float) -> list[Granule]:
    """Granules that may touch a lon/lat box (a superset), by name."""
    found: dict[str, Granule] = {}
    south, north = max(south, -60.0), min(north, 84.0)
    if north < south:
        return []
    lon, lat = np.meshgrid(np.linspace(west, east, 5), np.linspace(south, north, 5))
    for zone in _zones_near(west, east):
        centre = zone * 6.0 - 183.0
        away = (lon - centre + 180.0) % 360.0 - 180.0
        kept = centre + np.clip(away, -12.0, 12.0)
        for base in {32600 if north >= -1.5 else 0, 32700 if south <= 1.5 else 0} - {0}:
            x, y = Utm(base + zone).forward(kept, lat)
            # Straight box edges bulge between the sampled points by less than this margin for boxes of some degrees.
            margin = 10_000.0 + 0.02 * float(np.ptp(y))
            columns = range(math.floor((x.min() - margin) / 1e5), math.floor((x.max() + 60) / 1e5) + 1)
            rows = range(math.floor((y.min() - 60) / 1e5), math.floor((y.max() + margin) / 1e5) + 1)
            for column in columns:
                for row in rows:
                    granule = _granule(base + zone, column, row)
                    if granule is not None and _overlaps(granule, x, y):
                        found[granule.name] = granule
    return [found[name] for name in sorted(found)]
