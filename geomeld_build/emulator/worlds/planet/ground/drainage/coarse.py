"""The rivers of the whole planet on cells of half a degree: which way each cell drains, where, how high, how much.

Solved once for a planet, in about a second. What is finer is worked out cell by cell between these crossings, so that
neighbouring cells agree on every river that passes from one to the other, whichever is looked at first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet.ground.drainage.cells import Edges, cell_grid
from geomeld_build.emulator.worlds.planet.ground.drainage.flow import Flow, Graph, flood, gather, levels
from geomeld_build.emulator.worlds.planet.ground.macro import MacroModel, Relief
from geomeld_build.emulator.worlds.planet.ground.noise import Floats, Ints

__all__ = ["MM_KM2", "Crossing", "Rivers", "is_sea", "rivers_of", "runoff"]

_SHARES = np.linspace(0.1, 0.9, 7)
"""Where along an edge its height is looked at."""
_WAY_KM = 70.0
"""Length of a river in one cell: half as long again as the cell."""
_FALL = 0.008
"""Least fall of great rivers, m/km: a tenth of a degree of longitude costs them less than their ground varies."""
MM_KM2 = 1e3 / 31_556_952.0
"""1 mm a year over 1 km2, in m3/s."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where a river passes from one cell to the next."""

    lon: float
    lat: float
    level: float
    """Height of the water, m."""
    discharge: float
    """Mean flow, m3/s."""


@dataclass(frozen=True, slots=True)
class Rivers:
    """Drainage of all cells; arrays ``(cell,)``."""

    downstream: Ints
    """The cell that each drains to; -1 for those at the coast, which drain to the sea themselves."""
    lon: Floats
    lat: Floats
    """Where water leaves the cell."""
    level: Floats
    """Height of the water there, m."""
    discharge: Floats
    """Mean flow there, m3/s."""
    runoff: Floats
    """What becomes of the cell's own rain, mm a year."""
    coastal: Ints
    """1 where the cell has sea in it."""
    starts: Ints
    upstream: Ints
    """The cells that drain to cell i are ``upstream[starts[i]:starts[i + 1]]``."""

    def exit(self, cell: int) -> Crossing | None:
        """Where a cell's water leaves it; None at the coast."""
        if self.downstream[cell] < 0:
            return None
        return Crossing(
            float(self.lon[cell]), float(self.lat[cell]), float(self.level[cell]), float(self.discharge[cell])
        )

    def entries(self, cell: int) -> list[Crossing]:
        """Where water comes in from other cells."""
        found = self.upstream[self.starts[cell] : self.starts[cell + 1]]
        return [crossing for crossing in map(self.exit, map(int, found)) if crossing is not None]


def is_sea(relief: Relief, ground: Floats) -> Floats:
    """1 in the sea, 0 elsewhere: below its level and near a coast."""
    return ((ground < 0.0) & (relief.coast < 0.12)).astype(np.float64)


def runoff(rain: Floats, mean: Floats) -> Floats:
    """What does not evaporate of a year's rain, mm, by Budyko's curve (1974, Climate and Life).

    Args:
        rain: mm a year.
        mean: annual mean temperature, degrees C; decides what could evaporate.
    """
    dryness = np.clip((300.0 + 45.0 * np.clip(mean, -4.0, None)) / np.maximum(rain, 1.0), 0.05, 50.0)
    evaporated = np.sqrt(dryness * np.tanh(1.0 / dryness) * (1.0 - np.exp(-dryness)))
    frozen = np.clip((mean + 14.0) / 3.0, 0.0, 1.0)
    result: Floats = rain * (1.0 - evaporated) * frozen
    return result


@lru_cache(maxsize=4)
def rivers_of(seed: int) -> Rivers:
    """The rivers of a planet."""
    return _solve(MacroModel(seed))


def _solve(macro: MacroModel) -> Rivers:
    grid = cell_grid()
    lon, lat = grid.centre()
    centre = macro.relief(lon, lat)
    height = centre.ground()
    land = is_sea(centre, height) < 0.5
    edges = _near_land(grid.edges(), land)
    sill, at_lon, at_lat, wet = _sills(macro, edges)
    coastal = ~land
    coastal[edges.first[wet]] = True
    coastal[edges.second[wet]] = True
    own = np.zeros(grid.count)
    mean, rain = macro.weather(lon[land], lat[land], np.maximum(height[land], 0.0))
    own[land] = runoff(rain, mean)
    graph = Graph.of(grid.count, edges.first, edges.second)
    flow = flood(graph, sill, np.flatnonzero(coastal))
    passes = flow.link >= 0
    out_lon, out_lat = np.full(grid.count, np.nan), np.full(grid.count, np.nan)
    out_lon[passes], out_lat[passes] = at_lon[flow.link[passes]], at_lat[flow.link[passes]]
    order = np.argsort(flow.parent, kind="stable")
    return Rivers(
        downstream=flow.parent,
        lon=out_lon,
        lat=out_lat,
        level=_river_levels(flow, edges, sill),
        discharge=gather(flow, own * grid.area_km2(np.arange(grid.count)) * MM_KM2),
        runoff=own,
        coastal=coastal.astype(np.int64),
        starts=np.searchsorted(flow.parent[order], np.arange(grid.count + 1)),
        upstream=order,
    )


def _near_land(edges: Edges, land: NDArray[np.bool_]) -> Edges:
    near = land[edges.first] | land[edges.second]
    return Edges(*(getattr(edges, name)[near] for name in Edges.__slots__))


def _sills(macro: MacroModel, edges: Edges) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """The lowest place of every edge: height m, lon, lat; and whether there is sea on it."""
    lon, lat = edges.at(_SHARES)
    relief = macro.relief(lon, lat)
    ground = relief.ground()
    lowest = ground.argmin(axis=1)
    rows = np.arange(lowest.size)
    wet = is_sea(relief, ground).max(axis=1) > 0.5
    return ground[rows, lowest], lon[rows, lowest], lat[rows, lowest], wet


def _river_levels(flow: Flow, edges: Edges, sill: Floats) -> Floats:
    """Height at which water leaves each cell: no higher than the lowest place of its whole border."""
    count = flow.parent.size
    wanted = np.full(count, np.inf)
    np.minimum.at(wanted, edges.first, sill)
    np.minimum.at(wanted, edges.second, sill)
    result: Floats = levels(flow, wanted, np.full(count, _WAY_KM), _FALL, np.zeros(count), np.full(count, np.inf))
    return result
