"""Shapes that cross 180 degrees: drawn through, cut in two, and searched on both sides."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

__all__ = ["Bounds", "cut_at_seam", "sides_of", "together", "unwrapped"]

_WORLD = shapely.box(-180.0, -90.0, 180.0, 90.0)
Bounds = tuple[float, float, float, float]


def unwrapped(geometry: BaseGeometry) -> BaseGeometry:
    """A lon/lat shape whose edges take the shorter way round: longitudes run on past 180 where a line jumps across.

    An edge of exactly a whole turn, as rectangles around the world have, stays as it is.
    """
    if geometry.is_empty or np.ptp(shapely.get_coordinates(geometry)[:, 0]) <= 180.0:
        return geometry
    if geometry.geom_type in ("Polygon", "LineString", "LinearRing"):
        return _part(geometry)
    if geometry.geom_type == "Point":
        return geometry
    parts = [unwrapped(part) for part in shapely.get_parts(geometry)]
    return type(geometry)(parts)


def _part(geometry: BaseGeometry) -> BaseGeometry:
    if geometry.geom_type == "Polygon":
        shell = together(shapely.get_coordinates(geometry.exterior))
        holes = [_beside(together(shapely.get_coordinates(ring)), shell) for ring in geometry.interiors]
        return shapely.Polygon(shell, holes)
    return type(geometry)(together(shapely.get_coordinates(geometry)))


def together(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points ``(n, 2)`` of a line, in degrees, with whole turns added so that no step exceeds half a turn."""
    steps = np.diff(points[:, 0])
    turns = np.where(np.abs(steps) < 360.0, -np.round(steps / 360.0 - np.sign(steps) * 1e-12), 0.0)
    moved = points.copy()
    moved[1:, 0] += 360.0 * np.cumsum(turns)
    if moved[:, 0].min() < -180.0 and moved[:, 0].max() <= 180.0:
        moved[:, 0] += 360.0
    return moved


def _beside(ring: NDArray[np.float64], shell: NDArray[np.float64]) -> NDArray[np.float64]:
    turn = 360.0 * np.round((shell[:, 0].mean() - ring[:, 0].mean()) / 360.0)
    moved: NDArray[np.float64] = ring + np.array([turn, 0.0])
    return moved


def cut_at_seam(geometry: BaseGeometry) -> BaseGeometry:
    """A lon/lat shape that may run past 180 degrees, as one within -180..180."""
    if geometry.is_empty:
        return geometry
    west, _, east, _ = geometry.bounds
    if west >= -180.0 and east <= 180.0:
        return geometry
    if geometry.geom_type == "Point":
        return shapely.Point((geometry.x + 180.0) % 360.0 - 180.0, geometry.y)
    first, last = int((west + 180.0) // 360.0), int(-(-(east - 180.0) // 360.0))
    pieces = []
    for turn in range(first, last + 1):
        moved = shapely.transform(geometry, lambda points, turn=turn: points - np.array([360.0 * turn, 0.0]))
        pieces.append(shapely.intersection(moved, _WORLD))
    # A piece that only touches the seam is no part of a polygon.
    dimension = shapely.get_dimensions(geometry)
    kept = [part for part in shapely.get_parts(pieces) if shapely.get_dimensions(part) == dimension]
    return shapely.union_all(kept)


def sides_of(region: BaseGeometry) -> list[Bounds]:
    """Boxes (west, south, east, north) that hold a lon/lat shape, with a wide gap between its parts left out.

    A shape cut at 180 degrees has parts at both ends of the map: one box around them would hold whole parallels.
    """
    parts = [part.bounds for part in shapely.get_parts(region) if not part.is_empty]
    parts.sort()
    reached = parts[0][2]
    for _, following in pairwise(parts):
        if following[0] - reached > 180.0:
            east_side = [part for part in parts if part[0] >= following[0]]
            west_side = [part for part in parts if part[0] < following[0]]
            return [_around(west_side), _around(east_side)]
        reached = max(reached, following[2])
    return [_around(parts)]


def _around(parts: list[Bounds]) -> Bounds:
    west, south, east, north = zip(*parts, strict=True)
    return min(west), min(south), max(east), max(north)
