"""The rivers of one cell: from every kilometre of its ground to the crossing where its water leaves, or to the sea."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from geomeld_build.emulator.worlds.planet.ground.drainage.cells import CELL_DEGREES, cell_grid
from geomeld_build.emulator.worlds.planet.ground.drainage.coarse import MM_KM2, Crossing, Rivers, is_sea
from geomeld_build.emulator.worlds.planet.ground.drainage.flow import Flow, Graph, flood, gather, levels, ways
from geomeld_build.emulator.worlds.planet.ground.macro import MacroModel
from geomeld_build.emulator.worlds.planet.ground.noise import KM_PER_DEGREE, Floats, Ints, cell_hash, key_of

__all__ = ["SIDE", "Tree", "bend_degrees", "tree_of"]

SIDE = 64
"""Parts into which a cell is divided along each side; nodes lie near the corners between parts."""
_INNER = SIDE - 1
_JITTER = 0.24
"""How far nodes are scattered, in parts; below a quarter, no two links can cross."""
_FALL = 0.15
"""Least fall of streams, m/km."""
_WINDING = 1.25
"""How much longer a river is than the line drawn for it."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Where water runs in one cell. Arrays ``(node,)``: inner nodes row by row from the south, then the crossings."""

    cell: int
    lon: Floats
    lat: Floats
    """In the bent frame; longitudes may pass 180."""
    ground: Floats
    """Height of the ground before rivers cut into it, m."""
    size: Floats
    """Amplitude of the hills, m."""
    flow: Flow
    level: Floats
    """Height of the water, or what it would be, m."""
    discharge: Floats
    """m3/s."""
    sea: Floats
    """1 in the sea."""

    def lift(self) -> Floats:
        """``(SIDE + 1, SIDE + 1)`` by how much hollows below the water's level were filled, m; 0 along the borders."""
        short = np.maximum(self.level + 0.5 - self.ground, 0.0)[: _INNER * _INNER]
        reached = np.where(self.sea[: short.size] > 0.5, 0.0, np.nan_to_num(short))
        return np.pad(reached.reshape(_INNER, _INNER), 1)


def bend_degrees(warp_x: Floats, warp_y: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """How far, in degrees east and north, the bent frame lies from the place: a few hundred metres."""
    cosine = np.clip(np.cos(np.radians(lat)), 0.02, None)
    return 0.22 * warp_x / (KM_PER_DEGREE * cosine), 0.22 * warp_y / KM_PER_DEGREE


@lru_cache(maxsize=1)
def _lattice() -> tuple[Graph, Ints, Ints]:
    """Inner nodes linked to their neighbours in triangles, so that no two links cross."""
    number = np.arange(_INNER * _INNER).reshape(_INNER, _INNER)
    rows, columns = np.mgrid[0 : _INNER - 1, 0 : _INNER - 1]
    rising = cell_hash(key_of("diagonals"), rows, columns) < 0.5
    pairs = [
        (number[:, :-1].ravel(), number[:, 1:].ravel()),
        (number[:-1].ravel(), number[1:].ravel()),
        (number[:-1, :-1][rising], number[1:, 1:][rising]),
        (number[:-1, 1:][~rising], number[1:, :-1][~rising]),
    ]
    first, second = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return Graph.of(number.size, first, second), first, second


def _nodes(macro: MacroModel, cell: int) -> tuple[Floats, Floats]:
    """Lon/lat of the inner nodes, scattered about the corners of a grid."""
    west, south, width = (float(part[0]) for part in cell_grid().corner(np.array([cell])))
    rows, columns = np.mgrid[1:SIDE, 1:SIDE]
    key = key_of(macro.seed, "nodes", cell)
    u = (columns + _JITTER * (2.0 * cell_hash(key, rows, columns) - 1.0)) / SIDE
    v = (rows + _JITTER * (2.0 * cell_hash(key + 1, rows, columns) - 1.0)) / SIDE
    return (west + u * width).ravel(), (south + v * CELL_DEGREES).ravel()


def tree_of(macro: MacroModel, rivers: Rivers, cell: int) -> Tree:
    """Work out the rivers of a cell.

    Args:
        macro: the planet at large.
        rivers: its drainage from cell to cell.
        cell: number of the cell.
    """
    lon, lat = _nodes(macro, cell)
    east, north = bend_degrees(*macro.warps(lon, lat), lat)
    relief = macro.relief(lon - east, lat - north)
    ground = relief.ground()
    sea = is_sea(relief, ground)
    way_out, ways_in = rivers.exit(cell), rivers.entries(cell)
    crossings = [*([] if way_out is None else [way_out]), *ways_in]
    lon, lat, near = _with_crossings(lon, lat, crossings)
    outlets = near[:1] if way_out is not None else _shore(ground, sea)
    graph, first, second = _lattice()
    flow = flood(graph, np.maximum(ground[first], ground[second]), outlets)
    flow = _extended(flow, near, way_out is not None)
    inner = _INNER * _INNER
    area = float(cell_grid().area_km2(np.array([cell]))[0]) / inner
    own = np.concatenate((np.full(inner, rivers.runoff[cell] * area * MM_KM2), np.zeros(len(crossings))))
    own[len(own) - len(ways_in) :] = [crossing.discharge for crossing in ways_in]
    discharge = gather(flow, own)
    ground = np.concatenate((ground, [crossing.level for crossing in crossings]))
    size = np.concatenate((relief.amplitude, relief.amplitude[near]))
    level = _levels_of(flow, (lon, lat, ground, size), discharge, crossings, way_out)
    sea = np.concatenate((sea, np.zeros(len(crossings))))
    return Tree(cell, lon, lat, ground, size, flow, level, discharge, sea)


def _with_crossings(lon: Floats, lat: Floats, crossings: list[Crossing]) -> tuple[Floats, Floats, Ints]:
    """Nodes with the crossings added, and the inner node nearest to each crossing."""
    middle = float(lon[lon.size // 2])
    cosine = np.cos(np.radians(lat))
    found_lon, found_lat, near = [], [], []
    for crossing in crossings:
        there = middle + (crossing.lon - middle + 180.0) % 360.0 - 180.0
        near.append(int(np.argmin(((lon - there) * cosine) ** 2 + (lat - crossing.lat) ** 2)))
        found_lon.append(there)
        found_lat.append(crossing.lat)
    return np.append(lon, found_lon), np.append(lat, found_lat), np.array(near, dtype=np.int64)


def _shore(ground: Floats, sea: Floats) -> Ints:
    """Where the water of a coastal cell goes: its sea or, when no node is in it, the lowest node along the border."""
    wet = np.flatnonzero(sea > 0.5)
    if wet.size:
        return wet
    border = np.ones((_INNER, _INNER), dtype=bool)
    border[1:-1, 1:-1] = False
    ring = np.flatnonzero(border.ravel())
    return ring[[int(ground[ring].argmin())]]


def _extended(flow: Flow, near: Ints, leaves: bool) -> Flow:
    """The flow with crossings as nodes: the first takes what the cell sheds when ``leaves``, others bring water in."""
    inner, count = flow.parent.size, near.size
    parent = np.concatenate((flow.parent, near))
    new = np.arange(inner, inner + count)
    order = np.concatenate((flow.order, new))
    if leaves:
        parent[inner], parent[near[0]] = -1, inner
        order = np.concatenate((new[:1], flow.order, new[1:]))
    return Flow(parent, np.full(parent.size, -1, dtype=np.int64), order)


def _levels_of(
    flow: Flow,
    places: tuple[Floats, Floats, Floats, Floats],
    discharge: Floats,
    crossings: list[Crossing],
    way_out: Crossing | None,
) -> Floats:
    lon, lat, ground, size = places
    inner, count = ground.size - len(crossings), ground.size
    down = np.where(flow.parent >= 0, flow.parent, np.arange(count))
    east = (lon - lon[down]) * np.cos(np.radians(lat))
    length = _WINDING * KM_PER_DEGREE * np.hypot(east, lat - lat[down])
    incision = 0.8 + size * (0.04 + 0.03 * np.log10(1.0 + discharge))
    wanted = ground - np.where(np.arange(count) < inner, incision, 0.0)
    lowest = np.zeros(count)
    lowest[inner:] = ground[inner:]
    highest = np.full(count, np.inf)
    ends = flow.order[flow.parent[flow.order] < 0]
    if way_out is None:
        # Where no sea was met, the lowest place of the border.
        lowest[ends] = np.maximum(ground[ends], 0.0)
    slope, first = _FALL, inner + (way_out is not None)
    if first < count:
        end, way = ways(flow, length)
        highest[first:] = ground[first:]
        fall = ground[first:] - lowest[end[first:]]
        slope = min(slope, float(np.min(0.9 * fall / np.maximum(way[first:], 1.0))))
    return levels(flow, wanted, length, slope, lowest, highest)
