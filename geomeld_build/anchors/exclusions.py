"""Exclusion layers: areas that anchors keep away from, such as the images of a benchmark.

Distances are metres in the UTM zone of the tile, from the planned 1,280 m square to the shape: exact up to the zone's
scale (0.04 % at its middle, 0.1 % at its edge). Edges are straight in lon/lat, as GeoJSON and GeoParquet define them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geomeld_build.anchors.imports import PoolFormat, read_pool
from geomeld_build.anchors.imports.columns import CSV_SUFFIXES
from geomeld_build.anchors.imports.geometry import check_shapes, unwrapped
from geomeld_build.anchors.imports.vector import read_shapes
from geomeld_build.anchors.places import Places
from geomeld_build.errors import ConfigError
from geomeld_build.grid import CELL_M, to_utm

__all__ = ["MAX_BUFFER_M", "ExclusionLayer", "ExclusionRule", "read_exclusions"]

MAX_BUFFER_M = 100_000.0
"""Largest buffer: farther away, distances in the zone of the tile stop being exact."""

_PIECE_DEG, _PIECE_POINTS = 1.0, 256
"""Larger shapes are cut, so that a tile is compared with what is near it alone."""
_STRAIGHT_DEG = 0.02
"""Edges are broken up so far: then they are straight in UTM too, to a metre."""
_COARSE_DEG = 0.25
_SLACK_DEG = 1e-6
_METRES_PER_DEG = 110_500.0
"""Less than a degree of latitude is anywhere, so that what is near is never missed."""
_HALF_DIAGONAL_M = CELL_M * 0.7072
_BATCH = 100_000

Shapes = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class ExclusionRule:
    """A layer to keep away from, and what becomes of an anchor that comes too near."""

    path: Path
    """Polygons or points: GeoParquet, GeoJSON, GeoPackage or anything else that GDAL reads, or a CSV of points."""
    name: str
    """How anchors name it in ``excluded_by``."""
    buffer_m: float = 0.0
    """Metres around its shapes, 0..100,000."""
    action: Literal["drop", "flag"] = "flag"

    def __post_init__(self) -> None:
        if not 0.0 <= self.buffer_m <= MAX_BUFFER_M:
            raise ConfigError(f"exclusion layer {self.name}: buffer_m {self.buffer_m} is not in 0..{MAX_BUFFER_M:g}")
        if not self.name or "," in self.name:
            raise ConfigError(f"an exclusion layer needs a name without commas, got {self.name!r}")
        if self.action not in ("drop", "flag"):
            raise ConfigError(f"exclusion layer {self.name}: action {self.action!r}, expected drop or flag")


@dataclass(frozen=True, slots=True, eq=False)
class ExclusionLayer:
    """A layer that was read, cut into pieces near which tiles are looked up."""

    rule: ExclusionRule
    pieces: Shapes
    """Points and polygons of at most a degree, in lon/lat within -180..180."""
    _tree: shapely.STRtree = field(init=False, repr=False)
    _coarse: NDArray[np.bool_] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tree", shapely.STRtree(self.pieces))
        object.__setattr__(self, "_coarse", _coarse_map(self.pieces, self.rule.buffer_m))

    def hits(self, places: Places) -> NDArray[np.bool_]:
        """Which tiles come within ``buffer_m`` metres of the layer; with no buffer, which touch it."""
        result = np.zeros(len(places), np.bool_)
        rows, columns = self._coarse.shape
        row = np.minimum(((places.lat + 90.0) / _COARSE_DEG).astype(np.int64), rows - 1)
        column = ((places.lon + 180.0) / _COARSE_DEG).astype(np.int64) % columns
        near = np.flatnonzero(self._coarse[row, column])
        # By zone, so that a batch projects the same pieces into few zones.
        near = near[np.argsort(places.epsg[near], kind="stable")]
        for start in range(0, len(near), _BATCH):
            some = near[start : start + _BATCH]
            result[some] = self._hits(places.take(some))
        return result

    def _hits(self, places: Places) -> NDArray[np.bool_]:
        tile, piece = self._pairs(places)
        result = np.zeros(len(places), np.bool_)
        left, top = places.left, places.top
        squares = shapely.box(left, top - CELL_M, left + CELL_M, top)
        zone = places.epsg[tile]
        for epsg in np.unique(zone):
            mine = np.flatnonzero(zone == epsg)
            wanted, which = np.unique(piece[mine], return_inverse=True)
            there = shapely.transform(self.pieces[wanted], partial(_to_zone, int(epsg)))
            within = shapely.dwithin(squares[tile[mine]], there[which], self.rule.buffer_m)
            result[tile[mine[within]]] = True
        return result

    def _pairs(self, places: Places) -> NDArray[np.int64]:
        """Tiles and pieces whose boxes, in degrees and generous, meet: ``(2, pair)``."""
        reach = _HALF_DIAGONAL_M + self.rule.buffer_m
        dx, dy = _degrees(reach, places.lat)
        index = np.arange(len(places))
        west, east = places.lon - dx, places.lon + dx
        # What reaches over the antimeridian looks on the other side as well.
        over, under = np.flatnonzero(east > 180.0), np.flatnonzero(west < -180.0)
        index = np.concatenate([index, over, under])
        turn = np.concatenate([np.zeros(len(places)), np.full(len(over), -360.0), np.full(len(under), 360.0)])
        boxes = shapely.box(west[index] + turn, (places.lat - dy)[index], east[index] + turn, (places.lat + dy)[index])
        query, piece = self._tree.query(boxes)
        return np.stack([index[query], piece])


def read_exclusions(rules: Sequence[ExclusionRule]) -> list[ExclusionLayer]:
    """Read the layers.

    Raises:
        ConfigError: a layer is missing, unreadable, empty, not on Earth or has a broken shape (named with its row), or
            two layers have one name.
    """
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{names.count(name)} exclusion layers are named {name!r}: give each a name of its own")
    return [ExclusionLayer(rule, _pieces(rule.path)) for rule in rules]


def _pieces(path: Path) -> Shapes:
    if path.suffix.lower() in CSV_SUFFIXES:
        pool = read_pool(path, format=PoolFormat.TABLE)
        return np.asarray(shapely.points(pool.lon, pool.lat))
    shapes = read_shapes(path)

    def where(row: int) -> str:
        return f"{path}, row {row + 1}"

    if not len(shapes):
        raise ConfigError(f"{path} holds no shapes: expected polygons or points to keep away from")
    check_shapes(shapes, where)
    west, south, east, north = shapely.bounds(shapes).T
    # Real coasts miss 180 and 90 by the last digits.
    fits = (west <= 180.0) & (east >= -180.0) & (east - west <= 360.0 + _SLACK_DEG)
    off = np.flatnonzero(~(fits & (south >= -90.0 - _SLACK_DEG) & (north <= 90.0 + _SLACK_DEG)))
    if len(off):
        at = int(off[0])
        bounds = ",".join(f"{side[at]:g}" for side in (west, south, east, north))
        raise ConfigError(f"{where(at)}: bounds {bounds} are not lon/lat degrees")
    return _cut(shapely.get_parts(shapes))


def _cut(shapes: Shapes) -> Shapes:
    """Shapes in pieces of at most a degree and few points, within -180..180, edges broken up."""
    west, _, east, _ = shapely.bounds(shapes).T
    done = _is_small(shapes) & (west >= -180.0) & (east <= 180.0)
    wholes = [whole for shape in shapes[~done] for whole in _within_world(unwrapped(shape))]
    pieces = [piece for whole in wholes for piece in _quarters(whole)]
    result = np.empty(int(done.sum()) + len(pieces), object)
    result[: len(result) - len(pieces)] = shapes[done]
    result[len(result) - len(pieces) :] = pieces
    shapely.prepare(result)
    return np.asarray(shapely.segmentize(result, _STRAIGHT_DEG))


def _is_small(shapes: Shapes) -> NDArray[np.bool_]:
    west, south, east, north = shapely.bounds(shapes).T
    small = (east - west <= _PIECE_DEG) & (north - south <= _PIECE_DEG)
    return np.asarray(small & (shapely.get_num_coordinates(shapes) <= _PIECE_POINTS))


def _within_world(shape: BaseGeometry) -> Iterator[BaseGeometry]:
    """What of a shape lies in -180..180, and what goes on beyond, moved there."""
    west, _, east, _ = shapely.bounds(shape)
    if west >= -180.0 and east <= 180.0:
        yield shape
        return
    for turn in (-360.0, 0.0, 360.0):
        part = shapely.intersection(shape, shapely.box(turn - 180.0, -90.0, turn + 180.0, 90.0))
        for piece in shapely.get_parts(part):
            yield shapely.transform(piece, lambda points, by=turn: points - np.array([by, 0.0]))


def _quarters(shape: BaseGeometry) -> Iterator[BaseGeometry]:
    """A shape, or its halves' halves until they are small."""
    stack = [shape]
    while stack:
        piece = stack.pop()
        if piece.is_empty:
            continue
        west, south, east, north = shapely.bounds(piece)
        if _is_small(np.array([piece], object))[0] or max(east - west, north - south) < 1e-6:
            yield piece
            continue
        wide = east - west > north - south
        middle = (west + east) / 2 if wide else (south + north) / 2
        halves = (
            (shapely.box(west, south, middle, north), shapely.box(middle, south, east, north))
            if wide
            else (shapely.box(west, south, east, middle), shapely.box(west, middle, east, north))
        )
        for half in halves:
            stack.extend(shapely.get_parts(shapely.intersection(piece, half)))


def _to_zone(epsg: int, points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack(to_utm(epsg, points[:, 0], points[:, 1]))


def _degrees(metres: float, lat: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At least so many metres in degrees of longitude and of latitude, around a place."""
    dy = np.full(len(lat), metres / _METRES_PER_DEG)
    narrowest = np.cos(np.radians(np.minimum(np.abs(lat) + dy, 89.5)))
    return np.minimum(dy / narrowest, 180.0), dy


def _coarse_map(pieces: Shapes, buffer_m: float) -> NDArray[np.bool_]:
    """Quarter-degree fields in which the centre of a tile may lie that comes near: ``(lat, lon)`` bool."""
    rows, columns = int(180 / _COARSE_DEG), int(360 / _COARSE_DEG)
    west, south, east, north = shapely.bounds(pieces).T
    farthest = np.maximum(np.abs(south), np.abs(north))
    dx, dy = _degrees(_HALF_DIAGONAL_M + buffer_m, farthest)
    first = np.floor((west - dx + 180.0) / _COARSE_DEG).astype(np.int64)
    last = np.minimum(np.floor((east + dx + 180.0) / _COARSE_DEG).astype(np.int64), first + columns)
    low = np.clip(np.floor((south - dy + 90.0) / _COARSE_DEG).astype(np.int64), 0, rows - 1)
    high = np.clip(np.floor((north + dy + 90.0) / _COARSE_DEG).astype(np.int64), 0, rows - 1)
    result = np.zeros((rows, columns), np.bool_)
    for down in range(int((high - low).max()) + 1):
        for right in range(int((last - first).max()) + 1):
            some = (low + down <= high) & (first + right <= last)
            result[(low + down)[some], (first + right)[some] % columns] = True
    return result
