"""Which polygon each of millions of points lies in, exactly, at the price of a look-up for most of them.

Boxes of the coarse grid that no outline touches lie wholly in a polygon or in none; only points of the other boxes
are tested, and only against the polygons whose outline passes there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geomeld_build.anchors.world.coarse import (
    BOX_DEG,
    COLUMNS,
    EARTH_RADIUS_M,
    PAD_DEG,
    ROWS,
    boxes_of,
    corners_of,
)

__all__ = ["PolygonLocator", "locate_in_polygons", "sphere_areas_m2"]

_BOXES = ROWS * COLUMNS
_VERTICES_AT_ONCE = 500_000


@dataclass(frozen=True, slots=True, eq=False)
class PolygonLocator:
    """Rows of polygons, with what is known of every box. A point on the edge of two rows, or in both, is in the first.

    Make one with :func:`locate_in_polygons`.
    """

    parts: NDArray[Any]
    """Simple polygons, prepared; those of a row one after another."""
    row_of_part: NDArray[np.int32]
    areas_m2: NDArray[np.float64]
    """On the sphere, of each row."""
    whole: NDArray[np.int32]
    """Of each box: the first row that fills it, or -1."""
    slot: NDArray[np.int32]
    """Of each box: its place in ``first`` when outlines of rows before ``whole`` pass through it, else -1."""
    first: NDArray[np.int64]
    """Where the candidates of each slot start; one more at the end."""
    candidates: NDArray[np.int32]
    """Parts whose outline passes through the box of a slot, in order."""

    def locate(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int32]:
        """The first row that holds each point, edges included; -1 in none."""
        box = boxes_of(lon, lat)
        found = self.whole[box]
        slot = self.slot[box]
        doubtful = np.flatnonzero(slot >= 0)
        starts, ends = self.first[slot[doubtful]], self.first[slot[doubtful] + 1]
        point = np.repeat(doubtful, ends - starts)
        part = self.candidates[_ranges(starts, ends)]
        # One polygon after another: its index stays in the cache. The lowest row is written last, and so stays.
        order = np.argsort(part, kind="stable")[::-1]
        point, part = point[order], part[order]
        hit = shapely.intersects_xy(self.parts[part], lon[point], lat[point])
        found[point[hit]] = self.row_of_part[part[hit]]
        return found

    def boxes(self, member: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of every box: whether a member row touches it, and whether every point of it is in a member row."""
        filled = np.append(member, False)[self.whole]
        mine = member[self.row_of_part[self.candidates]]
        sizes = np.diff(self.first)
        slot = np.repeat(np.arange(len(sizes)), sizes)
        some = np.bincount(slot, weights=mine, minlength=len(sizes)) > 0
        others = np.bincount(slot, weights=~mine, minlength=len(sizes)) > 0
        doubtful = self.slot >= 0
        touched, inside = filled.copy(), filled.copy()
        touched[doubtful] |= some[self.slot[doubtful]]
        inside[doubtful] &= ~others[self.slot[doubtful]]
        return touched, inside


def locate_in_polygons(geometries: NDArray[Any]) -> PolygonLocator:
    """Prepare polygons or multipolygons, a row each: valid, lon/lat degrees within -180..180 and -90..90."""
    parts, row_of_part = shapely.get_parts(geometries, return_index=True)
    row_of_part = row_of_part.astype(np.int32)
    shapely.prepare(parts)
    keys = _boundary_boxes(parts)
    part, box = (axis.astype(np.int32) for axis in np.divmod(keys, _BOXES))
    whole = _whole_boxes(parts, row_of_part, part, box)
    # A row that fills the box hides all later ones.
    counts = (whole[box] < 0) | (row_of_part[part] < whole[box])
    part, box = part[counts], box[counts]
    order = np.lexsort((part, box))
    mixed, first = np.unique(box[order], return_index=True)
    slot = np.full(_BOXES, -1, np.int32)
    slot[mixed] = np.arange(len(mixed), dtype=np.int32)
    # The first test within its bounds builds a prepared polygon's index, which threads must not do at the same time.
    west, south, east, north = shapely.bounds(parts).T
    shapely.intersects_xy(parts, (west + east) / 2, (south + north) / 2)
    return PolygonLocator(
        parts=parts,
        row_of_part=row_of_part,
        areas_m2=sphere_areas_m2(geometries),
        whole=whole,
        slot=slot,
        first=np.append(first, len(box)).astype(np.int64),
        candidates=part[order],
    )


def sphere_areas_m2(geometries: NDArray[Any]) -> NDArray[np.float64]:
    """Areas on the sphere whose edges are straight in lon/lat, exactly: the integral of sin(lat) over lon.

    Args:
        geometries: polygons and multipolygons.
    """
    parts, row = shapely.get_parts(geometries, return_index=True)
    areas = np.zeros(len(parts))
    for some in _portions(parts):
        rings, part = shapely.get_rings(parts[some], return_index=True)
        start, end, ring = _segments(rings)
        dlon = np.radians(end[:, 0] - start[:, 0])
        middle, half = np.radians(start[:, 1] + end[:, 1]) / 2, np.radians(end[:, 1] - start[:, 1]) / 2
        # The mean of sin(lat) along an edge; np.sinc(x) is sin(pi x) / (pi x).
        strips = dlon * np.sin(middle) * np.sinc(half / np.pi)
        area = np.abs(np.bincount(ring, strips, len(rings))) * EARTH_RADIUS_M**2
        # The first ring of a part is its outer one.
        outer = np.append(True, part[1:] != part[:-1])
        areas[some] = np.bincount(part, np.where(outer, area, -area))
    return np.bincount(row, areas, len(geometries)).astype(np.float64)


def _portions(parts: NDArray[Any]) -> Iterator[slice]:
    """Neighbouring parts of some hundred thousand vertices together, which bounds the memory that they take."""
    ends = np.cumsum(shapely.get_num_coordinates(parts))
    number = ends // _VERTICES_AT_ONCE
    edges = np.flatnonzero(np.diff(number)) + 1
    for first, last in pairwise([0, *edges.tolist(), len(parts)]):
        yield slice(first, last)


def _segments(rings: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Starts and ends of edges ``(edge, 2)``, and the ring of each."""
    points, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    return points[:-1][same], points[1:][same], ring[:-1][same]


def _boundary_boxes(parts: NDArray[Any]) -> NDArray[np.int64]:
    """Sorted ``part * _BOXES + box`` of all boxes that an outline touches; never too few."""
    found = []
    for some in _portions(parts):
        rings, part = shapely.get_rings(parts[some], return_index=True)
        start, end, ring = _segments(rings)
        found.append(np.unique(_boxes_of_edges(*_short_pieces(start, end, part[ring] + some.start))))
    # Portions are of other parts, in order: what is sorted in each is sorted in all.
    return np.concatenate(found)


def _short_pieces(
    start: NDArray[np.float64], end: NDArray[np.float64], part: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Edges cut to at most a box in length, so that their bounds touch few boxes that they do not."""
    count = np.maximum(np.ceil(np.abs(end - start).max(axis=1) / BOX_DEG), 1).astype(np.int64)
    index = np.repeat(np.arange(len(count)), count)
    step = _ranges(np.zeros_like(count), count)[:, None]
    per = count[index][:, None]
    vector = (end - start)[index]
    return start[index] + vector * (step / per), start[index] + vector * ((step + 1) / per), part[index]


def _boxes_of_edges(start: NDArray[np.float64], end: NDArray[np.float64], part: NDArray[np.int64]) -> NDArray[np.int64]:
    low, high = np.minimum(start, end) - PAD_DEG, np.maximum(start, end) + PAD_DEG
    row0, column0 = np.divmod(boxes_of(low[:, 0], low[:, 1]).astype(np.int64), COLUMNS)
    row1, column1 = np.divmod(boxes_of(high[:, 0], high[:, 1]).astype(np.int64), COLUMNS)
    width = column1 - column0 + 1
    count = width * (row1 - row0 + 1)
    index = np.repeat(np.arange(len(count)), count)
    down, across = np.divmod(_ranges(np.zeros_like(count), count), width[index])
    keys: NDArray[np.int64] = part[index] * _BOXES + (row0[index] + down) * COLUMNS + column0[index] + across
    return keys


def _whole_boxes(
    parts: NDArray[Any], row_of_part: NDArray[np.int32], part: NDArray[np.int32], box: NDArray[np.int32]
) -> NDArray[np.int32]:
    """The first row that fills each box.

    Between two neighbouring boundary boxes of a part in a line of boxes, all are inside it or none: one test a run.
    """
    gap = (part[1:] == part[:-1]) & (box[1:] // COLUMNS == box[:-1] // COLUMNS) & (box[1:] - box[:-1] > 1)
    starts, ends, of_part = box[:-1][gap] + 1, box[1:][gap], part[:-1][gap]
    west, south = corners_of(starts)
    inside = shapely.intersects_xy(parts[of_part], west + BOX_DEG / 2, south + BOX_DEG / 2)
    starts, ends, of_part = starts[inside], ends[inside], of_part[inside]
    boxes = _ranges(starts.astype(np.int64), ends.astype(np.int64))
    rows = np.repeat(row_of_part[of_part], ends - starts)
    whole = np.full(_BOXES, -1, np.int32)
    # Rows ascend, so that in reverse the first is written last.
    whole[boxes[::-1]] = rows[::-1]
    return whole


def _ranges(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """``starts[0]..ends[0] - 1``, then ``starts[1]..ends[1] - 1``, and so on."""
    sizes = ends - starts
    before = np.cumsum(sizes) - sizes
    values: NDArray[np.int64] = np.arange(int(sizes.sum())) + np.repeat(starts - before, sizes)
    return values
