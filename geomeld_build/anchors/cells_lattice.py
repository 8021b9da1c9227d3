"""The 1,280 m UTM lattice under an area: which blocks of cells may touch it, and which cells are whole.

Nothing here builds a global grid: an area is covered by blocks of 16 x 16 cells, one number each.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from geomeld_build.anchors.places import Places, places_of_cells, project, utm_zones
from geomeld_build.anchors.world.areas import CoarseCells
from geomeld_build.draws import draw
from geomeld_build.grid import CELL_M, to_lonlat

__all__ = ["BLOCK_CELLS", "MAX_LAT", "MIN_LAT", "BoxIndex", "cells_between", "lattice_blocks", "places_of", "whole"]

MIN_LAT, MAX_LAT = -80.0, 84.0
"""UTM's own range: cells lie in it with all corners."""

_BLOCK = 16
"""Cells on a side of a block."""
BLOCK_CELLS = _BLOCK * _BLOCK
"""Cells of a block."""
_BLOCKS_AT_ONCE = 64
"""16,384 draws at a time stay in the processor's cache, which makes them twice as fast."""
_PIECE_LON, _PIECE_LAT = 3.0, 4.0
"""Every edge and every central meridian of a zone, Norway's and Svalbard's too, is a multiple of these degrees."""
_SLIVER_DEG = 1e-7
"""What is narrower, a centimetre, comes from rounding."""
_REACH_DEG = 0.009
"""More than the half diagonal of a cell, 905 m, in degrees of latitude."""
_EDGE = 1e-6
"""Share of a box that counts as its edge: there the neighbouring box may be the one that holds a point."""


class BoxIndex:
    """Looks up in which coarse box of an area a point lies."""

    def __init__(self, coarse: CoarseCells) -> None:
        """Index the boxes.

        Args:
            coarse: boxes of an area.
        """
        self._size = coarse.size_deg
        self._width, self._height = round(360.0 / coarse.size_deg), round(180.0 / coarse.size_deg)
        x = np.rint((coarse.west + 180.0) / coarse.size_deg).astype(np.int64) % self._width
        y = np.rint((coarse.south + 90.0) / coarse.size_deg).astype(np.int64)
        number = y * self._width + x
        order = np.argsort(number)
        self._number, self._inside = number[order], coarse.inside_fully[order]

    def locate(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which points lie in a box at all, and which of them are surely in the area. ``(point,)`` each."""
        if not len(self._number):
            nowhere = np.zeros(len(lon), bool)
            return nowhere, nowhere
        x, y = (lon + 180.0) / self._size, (lat + 90.0) / self._size
        column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
        number = np.minimum(row, self._height - 1) * self._width + column % self._width
        at = np.minimum(np.searchsorted(self._number, number), len(self._number) - 1)
        boxed = self._number[at] == number
        off_edge = (np.abs(x - np.rint(x)) > _EDGE) & (np.abs(y - np.rint(y)) > _EDGE)
        return boxed, boxed & self._inside[at] & off_edge


def lattice_blocks(coarse: CoarseCells) -> NDArray[np.uint64]:
    """The blocks of 16 x 16 cells that may have a centre in one of the boxes: key of the first cell of each, sorted.

    Boxes are cut at the edges and central meridians of zones. Inside such a piece easting and northing are monotone
    in longitude and in latitude, so that its corners bound it.
    """
    west, south, east, north = _pieces(coarse)
    epsg = utm_zones((west + east) / 2, (south + north) / 2)
    corners = np.stack([project(epsg, x, y) for x in (west, east) for y in (south, north)])
    # One cell of margin for the rounding of projections.
    low = np.maximum(np.floor(corners.min(axis=0) / CELL_M).astype(np.int64) - 1, 0) // _BLOCK
    high = (np.floor(corners.max(axis=0) / CELL_M).astype(np.int64) + 1) // _BLOCK
    tall = high[:, 1] - low[:, 1] + 1
    counts = (high[:, 0] - low[:, 0] + 1) * tall
    piece = np.repeat(np.arange(len(epsg)), counts)
    within = np.arange(len(piece)) - np.repeat(np.cumsum(counts) - counts, counts)
    column, row = low[piece, 0] + within // tall[piece], low[piece, 1] + within % tall[piece]
    return np.unique(_keys(epsg[piece], column * _BLOCK, row * _BLOCK))


def cells_between(
    blocks: NDArray[np.uint64], recipe: str, first: int, last: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Cells of blocks whose draw lies in ``first..last``: keys and draws, in the order of the blocks."""
    side = np.arange(_BLOCK, dtype=np.uint64)
    offsets = np.bitwise_or.outer(side << np.uint64(20), side).ravel()
    keys, draws = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for start in range(0, len(blocks), _BLOCKS_AT_ONCE):
        key = np.add.outer(blocks[start : start + _BLOCKS_AT_ONCE], offsets).ravel()
        drawn = draw(recipe, "cell", key)
        # Unsigned numbers wrap, so one comparison serves both ends.
        found = np.flatnonzero(drawn - np.uint64(first) <= np.uint64(last - first))
        keys.append(key[found])
        draws.append(drawn[found])
    return np.concatenate(keys), np.concatenate(draws)


def places_of(keys: NDArray[np.uint64]) -> Places:
    """Cells from their keys."""
    low = np.uint64((1 << 20) - 1)
    column, row = ((keys >> np.uint64(20)) & low).astype(np.int64), (keys & low).astype(np.int64)
    return places_of_cells((32600 + (keys >> np.uint64(40)).astype(np.int64)).astype(np.int32), column, row)


def whole(places: Places) -> NDArray[np.bool_]:
    """Which cells lie between 80 S and 84 N and in the zone of their centre, with all corners. ``(place,)``."""
    result: NDArray[np.bool_] = utm_zones(places.lon, places.lat) == places.epsg
    lon_reach = _REACH_DEG / np.cos(np.radians(np.minimum(np.abs(places.lat) + _REACH_DEG, 89.0)))
    near = np.zeros(len(places), bool)
    for east in (-1.0, 1.0):
        for north in (-1.0, 1.0):
            lat = places.lat + north * _REACH_DEG
            near |= utm_zones(places.lon + east * lon_reach, lat) != places.epsg
            near |= (lat < MIN_LAT) | (lat > MAX_LAT)
    doubtful = np.flatnonzero(near & result)
    result[doubtful] = _corners_in_zone(places.take(doubtful))
    return result


def _corners_in_zone(places: Places) -> NDArray[np.bool_]:
    result = np.ones(len(places), bool)
    for epsg in np.unique(places.epsg).tolist():
        mine = np.flatnonzero(places.epsg == epsg)
        for x in (places.left[mine], places.left[mine] + CELL_M):
            for y in (places.top[mine], places.top[mine] - CELL_M):
                lon, lat = to_lonlat(epsg, x, y)
                result[mine] &= (utm_zones(lon, lat) == epsg) & (lat >= MIN_LAT) & (lat <= MAX_LAT)
    return result


def _keys(epsg: NDArray[np.int32], column: NDArray[np.int64], row: NDArray[np.int64]) -> NDArray[np.uint64]:
    """As ``Places.key`` of lattice cells."""
    number = ((epsg.astype(np.int64) - 32600) << 40) | (column << 20) | row
    return number.astype(np.uint64)


def _pieces(coarse: CoarseCells) -> tuple[NDArray[np.float64], ...]:
    """West, south, east and north of the boxes between 80 S and 84 N, cut where zones may end, neighbours joined."""
    parts = [(np.empty(0),) * 4]
    for west, east, box in _cuts(coarse.west, coarse.size_deg, _PIECE_LON):
        for south, north, strip in _cuts(coarse.south[box], coarse.size_deg, _PIECE_LAT):
            parts.append((west[strip], np.maximum(south, MIN_LAT), east[strip], np.minimum(north, MAX_LAT)))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    kept = columns[1] < columns[3]
    west, south, east, north = (column[kept] for column in columns)
    strip = np.floor((west + east) / 2 / _PIECE_LON)
    # Boxes of one row side by side are one piece: a biome has hundreds of thousands of small boxes.
    joined = (np.abs(west[1:] - east[:-1]) < _SLIVER_DEG) & (south[1:] == south[:-1]) & (north[1:] == north[:-1])
    joined &= strip[1:] == strip[:-1]
    first = np.flatnonzero(np.append(True, ~joined)[: len(west)])
    last = np.append(first[1:], len(west))[: len(first)] - 1
    return west[first], south[first], east[last], north[first]


def _cuts(
    low: NDArray[np.float64], size: float, step: float
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]]:
    """Intervals of one size cut at multiples of a step: lower ends, upper ends, and of which interval."""
    base = np.floor(low / step)
    for part in range(int(np.ceil(size / step)) + 1):
        start = np.maximum(low, (base + part) * step)
        end = np.minimum(low + size, (base + part + 1) * step)
        some = np.flatnonzero(end - start > _SLIVER_DEG)
        yield start[some], end[some], some
