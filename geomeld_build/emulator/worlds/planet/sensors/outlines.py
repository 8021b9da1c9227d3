"""Outlines of scenes: straight edges in the scene's UTM zone, as masks over pixels and as lon/lat footprints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.seam import cut_at_seam
from geomeld_build.emulator.worlds.planet.ground.noise import Floats
from geomeld_build.emulator.worlds.planet.ground.projection import Utm

__all__ = ["HalfPlane", "footprint_of", "half_plane", "inside"]

_SEGMENT_M = 12_000.0


@dataclass(frozen=True, slots=True)
class HalfPlane:
    """The side of a line where ``a x + b y + c >= 0``; the value is the distance in metres."""

    a: float
    b: float
    c: float

    def distance(self, x: NDArray[Any], y: NDArray[Any]) -> Floats:
        """Metres from the line, positive inside."""
        gap: Floats = self.a * x + self.b * y + self.c
        return gap


def half_plane(start: tuple[float, float], end: tuple[float, float], inner: tuple[float, float]) -> HalfPlane:
    """The side of the line through two points on which a third lies. Coordinates in metres."""
    (x0, y0), (x1, y1) = start, end
    length = float(np.hypot(x1 - x0, y1 - y0))
    a, b = (y0 - y1) / length, (x1 - x0) / length
    c = -(a * x0 + b * y0)
    sign = 1.0 if a * inner[0] + b * inner[1] + c >= 0 else -1.0
    return HalfPlane(sign * a, sign * b, sign * c)


def inside(planes: tuple[HalfPlane, ...], x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
    """Which points lie on the inner side of all lines."""
    found = np.ones(np.broadcast(x, y).shape, dtype=np.bool_)
    corners = np.array([(east, north) for east in (x.min(), x.max()) for north in (y.min(), y.max())]).T
    for plane in planes:
        # Where all corners of their box are inside, all points are.
        if plane.distance(*corners).min() < 0.0:
            found &= plane.distance(x, y) >= 0.0
    return found


def footprint_of(outline: shapely.Polygon, epsg: int) -> BaseGeometry:
    """A polygon in metres of a UTM zone as a lon/lat geometry, cut in two where it crosses 180 degrees."""
    dense = shapely.segmentize(outline, _SEGMENT_M)
    corners = shapely.get_coordinates(dense)
    lon, lat = Utm(epsg).inverse(corners[:, 0], corners[:, 1])
    if lon.max() > 540.0 or lon.min() < -540.0:
        raise ValueError(f"outline spans longitudes {lon.min()}..{lon.max()}: expected less than a turn")
    whole: shapely.Polygon = shapely.polygons(np.column_stack((lon, lat)))
    return cut_at_seam(whole)
