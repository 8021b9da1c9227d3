"""GeometryConstructors.* and Geometry.*."""

# ruff: noqa: ARG001 - argument lists are those of the service's signatures
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import shapely
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator import geometry as geo
from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.functions.coerce import as_projection
from geomeld_build.emulator.functions.registry import function
from geomeld_build.emulator.values import WGS84, Geometry, Projection

__all__: list[str] = []


def _located(shape: BaseGeometry, crs: Projection | None, geodesic: bool | None) -> Geometry:
    """A shape whose coordinates are pixel coordinates of a projection."""
    if crs is None:
        return Geometry(shape, geodesic=geodesic is not False)
    a, b, c, d, e, f = crs.transform
    if crs.transform != (1.0, 0.0, 0.0, 0.0, 1.0, 0.0):
        shape = affinity.affine_transform(shape, [a, b, d, e, c, f])
    return Geometry(shape, crs.crs, bool(geodesic) if geodesic is not None else crs.crs == WGS84)


def _parsed(kind: str, coordinates: Any) -> BaseGeometry:
    return geo.from_geojson({"type": kind, "coordinates": coordinates}).shape


@function("GeometryConstructors.Point")
def point(coordinates: list[float], crs: Projection | None) -> Geometry:
    """A point."""
    if len(coordinates) != 2:
        raise EvalError(f"A point needs 2 coordinates, found {len(coordinates)}.")
    return _located(shapely.Point(*coordinates), crs, None)


def _path(kind: str, coordinates: Any, crs: Projection | None, geodesic: bool | None, _error: Any) -> Geometry:
    return _located(_parsed(kind, _pairs(coordinates, 2)), crs, geodesic)


for _kind in ("LineString", "LinearRing"):
    function(f"GeometryConstructors.{_kind}")(partial(_path, "LineString"))


@function("GeometryConstructors.MultiLineString")
def multi_line(coordinates: Any, crs: Projection | None, geodesic: bool | None, _error: Any) -> Geometry:
    """Lines."""
    return _located(_parsed("MultiLineString", _pairs(coordinates, 3)), crs, geodesic)


def _pairs(coordinates: Any, depth: int) -> Any:
    """Coordinates nested as GeoJSON wants them, from shapes or a flat list."""
    items = [geo.to_geojson(c)["coordinates"] if isinstance(c, Geometry) else c for c in coordinates]
    if depth > 1 and items and isinstance(items[0], int | float):
        items = [[items[i], items[i + 1]] for i in range(0, len(items), 2)]
    if depth == 3 and items and isinstance(items[0][0], int | float):
        items = [items]
    return items


@function("GeometryConstructors.MultiPoint")
def multi_point(coordinates: Any, crs: Projection | None) -> Geometry:
    """Points."""
    return _located(shapely.MultiPoint(_pairs(coordinates, 2)), crs, None)


@function("GeometryConstructors.Polygon")
def polygon(coordinates: Any, crs: Projection | None, geodesic: bool | None, _error: Any, even_odd: bool) -> Geometry:
    """A polygon with holes."""
    return _located(_parsed("Polygon", _closed(_pairs(coordinates, 3))), crs, geodesic)


def _closed(rings: list[Any]) -> list[Any]:
    return [ring if ring[0] == ring[-1] else [*ring, ring[0]] for ring in rings]


@function("GeometryConstructors.MultiPolygon")
def multi_polygon(
    coordinates: Any, crs: Projection | None, geodesic: bool | None, _error: Any, even_odd: bool
) -> Geometry:
    """Polygons."""
    parts = [_closed(_pairs(part, 3)) for part in coordinates]
    return _located(_parsed("MultiPolygon", parts), crs, geodesic)


@function("GeometryConstructors.Rectangle")
def rectangle(coordinates: Any, crs: Projection | None, geodesic: bool | None, even_odd: bool) -> Geometry:
    """A rectangle from two corners."""
    pairs = _pairs(coordinates, 2)
    xs, ys = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return _located(shapely.box(min(xs), min(ys), max(xs), max(ys)), crs, geodesic)


@function("GeometryConstructors.BBox")
def bbox(west: float, south: float, east: float, north: float) -> Geometry:
    """A lon/lat box; it crosses the antimeridian when west > east."""
    if south > north:
        raise EvalError(f"South {south} must not be above north {north}.")
    if west <= east:
        return Geometry(shapely.box(west, south, east, north), geodesic=False)
    halves = [shapely.box(west, south, 180.0, north), shapely.box(-180.0, south, east, north)]
    return Geometry(shapely.MultiPolygon(halves), geodesic=False)


@function("GeometryConstructors.MultiGeometry")
def multi_geometry(geometries: list[Geometry], crs: Projection | None, geodesic: bool | None, _error: Any) -> Geometry:
    """A collection of geometries."""
    return Geometry(shapely.GeometryCollection([geo.lonlat(item) for item in geometries]))


_SET: dict[str, Callable[[BaseGeometry, BaseGeometry], BaseGeometry]] = {
    "intersection": shapely.intersection,
    "union": shapely.union,
    "difference": shapely.difference,
    "symmetricDifference": shapely.symmetric_difference,
}
_TESTS: dict[str, Callable[[BaseGeometry, BaseGeometry], Any]] = {
    "intersects": shapely.intersects,
    "disjoint": shapely.disjoint,
}


def _combine(name: str, left: Geometry, right: Geometry, _error: Any, proj: Projection | None) -> Geometry:
    made = Geometry(_SET[name](geo.lonlat(left), geo.lonlat(right)), geodesic=left.geodesic and right.geodesic)
    return made if proj is None or proj.crs == WGS84 else Geometry(geo.in_crs(made, proj.crs), proj.crs, False)


def _test(name: str, left: Geometry, right: Geometry, _error: Any, proj: Projection | None) -> bool:
    return bool(_TESTS[name](geo.lonlat(left), geo.lonlat(right)))


for _name in _SET:
    function(f"Geometry.{_name}")(partial(_combine, _name))
for _name in _TESTS:
    function(f"Geometry.{_name}")(partial(_test, _name))


@function("Geometry.contains")
def contains(left: Geometry, right: Geometry, error: float | None, proj: Projection | None) -> bool:
    """Whether the left geometry contains the right one."""
    return geo.contains(geo.lonlat(left), geo.lonlat(right), error or 0.0)


@function("Geometry.containedIn")
def contained_in(left: Geometry, right: Geometry, error: float | None, proj: Projection | None) -> bool:
    """Whether the right geometry contains the left one."""
    return contains(right, left, error, proj)


@function("Geometry.distance")
def distance(left: Geometry, right: Geometry, error: float | None, proj: Projection | None, spherical: bool) -> float:
    """Shortest distance in metres."""
    both = Geometry(shapely.GeometryCollection([geo.lonlat(left), geo.lonlat(right)]))
    metres, _ = geo.local(both)
    first, second = shapely.get_parts(metres)
    return float(shapely.distance(first, second))


@function("Geometry.withinDistance")
def within_distance(
    left: Geometry, right: Geometry, limit: float, error: float | None, proj: Projection | None
) -> bool:
    """Whether the geometries are at most this many metres apart."""
    return distance(left, right, error, proj, False) <= limit


def _projected(found: Geometry, proj: Projection | None) -> Geometry:
    if proj is None or proj.crs == found.crs:
        return found
    return Geometry(geo.in_crs(found, proj.crs), proj.crs, False)


@function("Geometry.area")
def area(found: Geometry, error: float | None, proj: Projection | None) -> float:
    """Square metres on the ellipsoid, or square units of a projection."""
    return geo.area_m2(found) if proj is None else float(_projected(found, proj).shape.area)


@function("Geometry.length", "Geometry.perimeter")
def length(found: Geometry, error: float | None, proj: Projection | None) -> float:
    """Metres on the ellipsoid, or units of a projection."""
    return geo.length_m(found) if proj is None else float(_projected(found, proj).shape.length)


@function("Geometry.bounds")
def bounds(found: Geometry, error: float | None, proj: Projection | None) -> Geometry:
    """Bounding box in lon/lat, or in a projection."""
    moved = _projected(found, proj or Projection())
    return Geometry(moved.shape.envelope, moved.crs, False)


@function("Geometry.buffer")
def buffer(found: Geometry, metres: float, error: float | None, proj: Projection | None) -> Geometry:
    """Grown by metres, or by units of a projection."""
    if proj is None:
        return geo.buffer_m(found, metres)
    moved = _projected(found, proj)
    return Geometry(moved.shape.buffer(metres, quad_segs=16), moved.crs, False)


@function("Geometry.centroid")
def centroid(found: Geometry, error: float | None, proj: Projection | None) -> Geometry:
    """Centre of mass."""
    if proj is None:
        return geo.centroid(found)
    moved = _projected(found, proj)
    return Geometry(moved.shape.centroid, moved.crs, False)


@function("Geometry.transform")
def transform(found: Geometry, proj: Projection, error: float | None, geodesic: bool | None) -> Geometry:
    """The same geometry in another CRS, vertex by vertex."""
    moved = _projected(found, proj)
    return Geometry(moved.shape, moved.crs, moved.geodesic if geodesic is None else geodesic)


@function("Geometry.simplify")
def simplify(found: Geometry, error: float, proj: Projection | None) -> Geometry:
    """Fewer vertices, within metres."""
    metres, back = geo.local(found)
    return Geometry(back(metres.simplify(error)), geodesic=found.geodesic)


@function("Geometry.convexHull")
def convex_hull(found: Geometry, error: float | None, proj: Projection | None) -> Geometry:
    """The convex hull."""
    return Geometry(_projected(found, proj).shape.convex_hull, found.crs if proj is None else proj.crs, found.geodesic)


@function("Geometry.coordinates")
def coordinates(found: Geometry) -> list[Any]:
    """GeoJSON coordinates."""
    return list(geo.to_geojson(found).get("coordinates", []))


@function("Geometry.type")
def kind(found: Geometry) -> str:
    """GeoJSON type."""
    return str(geo.to_geojson(found)["type"])


@function("Geometry.geometries")
def geometries(found: Geometry) -> list[Geometry]:
    """The parts."""
    return [Geometry(part, found.crs, found.geodesic) for part in shapely.get_parts(found.shape)]


@function("Geometry.projection")
def projection(found: Geometry) -> Projection:
    """The CRS of the coordinates."""
    return as_projection(found.crs)


@function("Geometry.geodesic", "Geometry.edgesAreGeodesics")
def geodesic(found: Geometry) -> bool:
    """Whether edges follow the earth."""
    return found.geodesic


@function("Geometry.isUnbounded")
def is_unbounded(found: Geometry) -> bool:
    """Whether the geometry is the whole earth."""
    return bool(found.crs == WGS84 and found.shape.bounds == (-180.0, -90.0, 180.0, 90.0))
