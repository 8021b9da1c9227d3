"""Geometries: GeoJSON in and out, measures in metres, operations.

Edges are straight in the geometry's own coordinates. The service draws great circles between the vertices of lon/lat
polygons; at the size of scenes and tiles the two differ by metres at most, and callers must not depend on it.
Measures use the WGS84 ellipsoid; the service uses a sphere of the same area (differences below 0.5 %).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from pyproj import Geod
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.raster.coords import transform_points
from geomeld_build.emulator.seam import cut_at_seam, unwrapped
from geomeld_build.emulator.values import WGS84, Geometry

__all__ = [
    "METRES_PER_DEGREE",
    "area_m2",
    "buffer_m",
    "centroid",
    "contains",
    "from_geojson",
    "in_crs",
    "length_m",
    "lonlat",
    "to_geojson",
    "union",
]

METRES_PER_DEGREE = 111_319.49079327358
_GEOD = Geod(ellps="WGS84")


def from_geojson(value: Mapping[str, Any]) -> Geometry:
    """A geometry from a GeoJSON dict, with the service's ``geodesic`` and ``crs`` members."""
    kind = value.get("type")
    if kind == "LinearRing":
        value = {"type": "LineString", "coordinates": value["coordinates"]}
    try:
        found = shape(dict(value))
    except Exception as exc:  # shapely raises many kinds; all mean "not a geometry"
        raise EvalError(f"Invalid GeoJSON geometry of type {kind!r}: {exc}.") from exc
    crs = value.get("crs")
    name = crs["properties"]["name"] if isinstance(crs, Mapping) else WGS84
    return Geometry(found, str(name), bool(value.get("geodesic", True)))


def to_geojson(geometry: Geometry) -> dict[str, Any]:
    """The GeoJSON of a geometry, as ``getInfo`` answers it."""
    found = _plain(mapping(geometry.shape))
    out: dict[str, Any] = {"type": found["type"]}
    if "coordinates" in found:
        out["coordinates"] = found["coordinates"]
    else:
        out["geometries"] = found["geometries"]
    if geometry.crs != WGS84:
        out["crs"] = {"type": "name", "properties": {"name": geometry.crs}}
    if not geometry.geodesic:
        out["geodesic"] = False
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def in_crs(geometry: Geometry, crs: str) -> BaseGeometry:
    """The shape in another CRS, vertex by vertex."""
    if geometry.crs == crs:
        return geometry.shape

    def move(points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        x, y = transform_points(geometry.crs, crs, points[:, 0], points[:, 1])
        return np.column_stack([x, y])

    return shapely.transform(geometry.shape, move)


def lonlat(geometry: Geometry) -> BaseGeometry:
    """The shape in lon/lat; one that crosses 180 degrees is cut there in two."""
    return cut_at_seam(_whole_lonlat(geometry))


def _whole_lonlat(geometry: Geometry) -> BaseGeometry:
    """The shape in lon/lat; longitudes run on past 180 where it crosses there."""
    found = in_crs(geometry, WGS84)
    return unwrapped(found) if geometry.geodesic or geometry.crs != WGS84 else found


def local(geometry: Geometry) -> tuple[BaseGeometry, Callable[[BaseGeometry], BaseGeometry]]:
    """The shape in metres around its centre (azimuthal equidistant), and the way back to lon/lat."""
    found = _whole_lonlat(geometry)
    centre = found.centroid if not found.is_empty else None
    if centre is None:
        return found, lambda moved: moved
    crs = _local_crs(round(centre.x, 4), round(centre.y, 4))

    def move(source: str, target: str) -> Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
        def apply(points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            return np.column_stack(transform_points(source, target, points[:, 0], points[:, 1]))

        return apply

    return shapely.transform(found, move(WGS84, crs)), lambda moved: shapely.transform(moved, move(crs, WGS84))


@lru_cache(maxsize=256)
def _local_crs(lon: float, lat: float) -> str:
    return f"+proj=aeqd +lat_0={lat} +lon_0={lon} +datum=WGS84 +units=m +type=crs"


def area_m2(geometry: Geometry) -> float:
    """Area in square metres on the ellipsoid."""
    return abs(float(_GEOD.geometry_area_perimeter(lonlat(geometry))[0]))


def length_m(geometry: Geometry) -> float:
    """Length of lines, or perimeter of polygons, in metres on the ellipsoid."""
    found = lonlat(geometry)
    if found.geom_type in ("Polygon", "MultiPolygon"):
        found = found.boundary
    return float(_GEOD.geometry_length(found))


def buffer_m(geometry: Geometry, distance: float) -> Geometry:
    """The geometry grown by ``distance`` metres (negative shrinks)."""
    metres, back = local(geometry)
    return Geometry(back(metres.buffer(distance, quad_segs=16)))


def centroid(geometry: Geometry) -> Geometry:
    """Centre of mass, computed in metres around it."""
    metres, back = local(geometry)
    return Geometry(back(metres.centroid))


def contains(outer: BaseGeometry, inner: BaseGeometry, max_error_m: float) -> bool:
    """Whether lon/lat ``outer`` contains ``inner``, where ``inner`` may stick out by ``max_error_m``."""
    if outer.covers(inner):
        return not outer.is_empty and not inner.is_empty
    if not outer.intersects(inner):
        return False
    # A polygon that sticks out does so furthest at one of its vertices, when the outer edge is straight there.
    ways = shapely.get_coordinates(shapely.shortest_line(shapely.points(shapely.get_coordinates(inner)), outer))
    start, step = ways[0::2], ways[1::2] - ways[0::2]
    east = step[:, 0] * METRES_PER_DEGREE * np.cos(np.radians(start[:, 1]))
    return bool(np.hypot(east, step[:, 1] * METRES_PER_DEGREE).max() <= max_error_m)


def union(geometries: list[BaseGeometry]) -> BaseGeometry:
    """Union of lon/lat shapes; an empty collection of them gives an empty shape."""
    return shapely.union_all(geometries)
