"""The planet as an extract of OpenStreetMap: roads, rivers, places, land use and buildings in a ``.osm.pbf`` file.

Needs pyosmium (`pip install 'geomeld-build[osm]'`). Everything has the tags that mappers give such things, and an
identifier made from what it is: two extracts that overlap agree on what they share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from rasterio.features import shapes
from rasterio.transform import Affine
from shapely.geometry import shape

from geomeld_build.emulator.worlds.planet.facts.lots import buildings_in
from geomeld_build.emulator.worlds.planet.facts.measure import Extent, distance_m
from geomeld_build.emulator.worlds.planet.facts.places import rivers_in, roads_in, towns_in
from geomeld_build.emulator.worlds.planet.ground.cover import BUILT, CROP, TREE
from geomeld_build.emulator.worlds.planet.ground.lattice import UTM_LATTICE
from geomeld_build.emulator.worlds.planet.ground.noise import key_of
from geomeld_build.emulator.worlds.planet.ground.projection import Utm
from geomeld_build.emulator.worlds.planet.ground.truth import BLOCK, PIXEL_M, GroundModel

if TYPE_CHECKING:
    import osmium

__all__ = ["write_osm"]

_CHUNK = BLOCK * UTM_LATTICE.group
"""Land use is drawn in squares of so many pixels, as mappers cut large forests into pieces."""
_SMALLEST_PIXELS = 20
_APART_M = 1.0
_MARGIN = 0.01
"""Degrees that the bounds of an extract are wider than the squares."""
_RIVER_M = 15.0
"""Narrower waters are streams."""
_Tags = dict[str, str]


@dataclass(frozen=True, slots=True)
class _Feature:
    key: str
    shape: shapely.Geometry
    """Lon/lat degrees."""
    tags: _Tags


def write_osm(ground: GroundModel, extents: Sequence[Extent], path: Path) -> int:
    """Write everything in and around some squares.

    Args:
        ground: the truth.
        extents: the squares; what reaches into one is written whole, land use in pieces of 2.4 km.
        path: a file that ends in ``.osm.pbf``; it must not exist.

    Returns:
        How many features were written.

    Raises:
        ImportError: pyosmium is not installed.
        FileExistsError: the file exists.
    """
    import osmium

    if path.exists():
        raise FileExistsError(f"{path} exists: delete it or choose another name")
    features: dict[str, _Feature] = {}
    for extent in extents:
        for feature in _features(ground, extent):
            features[feature.key] = feature
    collected = _Collected()
    for key in sorted(features):
        collected.add(features[key])
    header = osmium.io.Header()
    west, south, east, north = np.array([extent.box() for extent in extents]).T
    # Readers tell by the bounds whether a place without anything is empty or not in the extract.
    low, high = np.maximum(west.min() - _MARGIN, -180.0), np.minimum(east.max() + _MARGIN, 180.0)
    header.add_box(osmium.osm.Box(low, max(south.min() - _MARGIN, -90.0), high, min(north.max() + _MARGIN, 90.0)))
    with osmium.SimpleWriter(str(path), header=header) as writer:
        collected.write(writer)
    return len(features)


def _features(ground: GroundModel, extent: Extent) -> Iterator[_Feature]:
    box, outline = extent.box(), extent.outline()
    for road in roads_in(ground, box):
        if road.line.intersects(outline):
            yield _Feature(road.key, road.line, {"highway": road.kind})
    for river in rivers_in(ground, box):
        if river.line.intersects(outline):
            tags = {"waterway": "river" if river.width_m >= _RIVER_M else "stream", "width": f"{river.width_m:.0f}"}
            yield _Feature(river.key, river.line, tags | ({} if river.name is None else {"name": river.name}))
    for town in towns_in(ground, box):
        if distance_m(outline, town.lon, town.lat) > town.radius_m:
            continue
        yield _Feature(town.key, shapely.Point(town.lon, town.lat), {"place": town.kind, "name": town.name})
    for building in buildings_in(ground, box):
        yield _Feature(building.key, building.outline, {"building": "yes"})
    yield from _land_use(ground, extent)


def _land_use(ground: GroundModel, extent: Extent) -> Iterator[_Feature]:
    row0, row1, column0, column1 = extent.window()
    for row in range(row0 // _CHUNK, (row1 - 1) // _CHUNK + 1):
        for column in range(column0 // _CHUNK, (column1 - 1) // _CHUNK + 1):
            yield from _chunk(ground, extent.epsg, row, column)


def _chunk(ground: GroundModel, epsg: int, row: int, column: int) -> Iterator[_Feature]:
    """Water, forest, farmland and settled land of one square of the ground's grid."""
    side = UTM_LATTICE.group
    blocks = [[ground.block(epsg, row * side + i, column * side + j) for j in range(side)] for i in range(side)]
    cover = np.block([[block.cover for block in line] for line in blocks])
    wet = np.block([[block.wet * (block.sea < 0.5) for block in line] for line in blocks])
    kinds: dict[str, tuple[Any, _Tags]] = {
        "water": (wet > 0.0, {"natural": "water"}),
        "forest": (cover[TREE] > 0.6, {"natural": "wood"}),
        "farmland": (cover[CROP] > 0.5, {"landuse": "farmland"}),
        "residential": (cover[BUILT] > 0.25, {"landuse": "residential"}),
    }
    utm = Utm(epsg)
    corner = Affine(PIXEL_M, 0.0, column * _CHUNK * PIXEL_M, 0.0, -PIXEL_M, utm.false_northing - row * _CHUNK * PIXEL_M)
    for name, (mask, tags) in kinds.items():
        found = shapes(mask.astype(np.uint8), mask=mask, transform=corner)
        for number, (geometry, _) in enumerate(found):
            # Outlines of pixels may touch themselves at a corner, which no area of OpenStreetMap may.
            apart = shapely.get_parts(shape(geometry).buffer(-_APART_M, join_style="mitre"))
            for part, polygon in enumerate(apart):
                if polygon.area >= _SMALLEST_PIXELS * PIXEL_M**2:
                    yield _Feature(f"{name}/{epsg}/{row}/{column}/{number}/{part}", _lonlat(polygon, utm), tags)


def _lonlat(polygon: shapely.Polygon, utm: Utm) -> shapely.Geometry:
    return shapely.transform(polygon, lambda points: np.column_stack(utm.inverse(points[:, 0], points[:, 1])))


def _number(*key: int | str) -> int:
    """A positive identifier."""
    return key_of("osm", *key) >> 2


class _Collected:
    """Nodes, ways and relations, written in the order that readers expect: by type, then by number."""

    def __init__(self) -> None:
        self._nodes: dict[int, tuple[float, float, _Tags]] = {}
        self._ways: dict[int, tuple[list[int], _Tags]] = {}
        self._relations: dict[int, tuple[list[tuple[str, int, str]], _Tags]] = {}

    def add(self, feature: _Feature) -> None:
        """Take a feature apart."""
        geometry, tags = feature.shape, feature.tags
        if isinstance(geometry, shapely.Point):
            self._node(feature.key, geometry.x, geometry.y, tags)
        elif isinstance(geometry, shapely.LineString):
            self._way(feature.key, geometry.coords, tags)
        elif not geometry.interiors:
            self._way(feature.key, geometry.exterior.coords, tags)
        else:
            members = [("w", self._way(f"{feature.key}/outer", geometry.exterior.coords, {}), "outer")]
            for hole, ring in enumerate(geometry.interiors):
                members.append(("w", self._way(f"{feature.key}/inner/{hole}", ring.coords, {}), "inner"))
            self._relations[_number(feature.key)] = (members, tags | {"type": "multipolygon"})

    def _node(self, key: str, lon: float, lat: float, tags: _Tags) -> int:
        number = _number("node", key)
        self._nodes[number] = ((lon + 180.0) % 360.0 - 180.0, lat, tags)
        return number

    def _way(self, key: str, points: Iterable[tuple[float, ...]], tags: _Tags) -> int:
        points = list(points)
        closed = points[0] == points[-1] and len(points) > 2
        nodes = [self._node(f"{key}/{i}", x, y, {}) for i, (x, y, *_) in enumerate(points[:-1] if closed else points)]
        number = _number("way", key)
        self._ways[number] = ([*nodes, nodes[0]] if closed else nodes, tags)
        return number

    def write(self, writer: osmium.SimpleWriter) -> None:
        """Write everything."""
        from osmium.osm import mutable

        for number in sorted(self._nodes):
            lon, lat, tags = self._nodes[number]
            writer.add_node(mutable.Node(id=number, location=(lon, lat), tags=tags, version=1))
        for number in sorted(self._ways):
            nodes, tags = self._ways[number]
            writer.add_way(mutable.Way(id=number, nodes=nodes, tags=tags, version=1))
        for number in sorted(self._relations):
            members, tags = self._relations[number]
            writer.add_relation(mutable.Relation(id=number, members=members, tags=tags, version=1))
