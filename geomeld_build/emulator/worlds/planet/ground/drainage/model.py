"""Rivers and lakes at any place, worked out cell by cell and remembered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geomeld_build.emulator.compiled import kernel
from geomeld_build.emulator.worlds.planet.ground.cache import BlockCache
from geomeld_build.emulator.worlds.planet.ground.drainage.cells import CELL_DEGREES, cell_grid
from geomeld_build.emulator.worlds.planet.ground.drainage.channels import Pieces, pieces_of
from geomeld_build.emulator.worlds.planet.ground.drainage.coarse import Rivers, rivers_of
from geomeld_build.emulator.worlds.planet.ground.drainage.field import WIDEST_REACH_M, RiverField, river_field
from geomeld_build.emulator.worlds.planet.ground.drainage.lakes import (
    Lake,
    LakeField,
    lake_field,
    lakes_of,
    level_rivers,
)
from geomeld_build.emulator.worlds.planet.ground.drainage.local import SIDE, tree_of
from geomeld_build.emulator.worlds.planet.ground.macro import MacroModel
from geomeld_build.emulator.worlds.planet.ground.noise import KM_PER_DEGREE, Floats

__all__ = ["CellWater", "Drainage"]


@dataclass(frozen=True, slots=True)
class CellWater:
    """The running and the standing water of one cell."""

    rivers: Pieces
    lakes: list[Lake]
    lift: Floats
    """``(node, node)`` by how much hollows without an exit were filled, m."""


class Drainage:
    """The water of one planet."""

    def __init__(self, macro: MacroModel) -> None:
        self._macro = macro
        self._cells: BlockCache[CellWater] = BlockCache(256)

    @property
    def planet(self) -> Rivers:
        """The drainage from cell to cell, solved at first use."""
        return rivers_of(self._macro.seed)

    def cell(self, number: int) -> CellWater:
        """The water of a cell."""
        return self._cells.get(number, lambda: self._make(number))

    def _make(self, number: int) -> CellWater:
        tree = tree_of(self._macro, self.planet, number)
        rivers = pieces_of(tree)
        lakes = lakes_of(self._macro, tree, rivers)
        return CellWater(level_rivers(rivers, lakes), lakes, tree.lift())

    def field(self, lon: Floats, lat: Floats) -> tuple[RiverField, LakeField]:
        """Rivers and lakes at points ``(y, x)`` close to each other, degrees in the bent frame."""
        lon = _together(lon)
        found = [(self.cell(number), turn) for number, turn in self._around(lon, lat)]
        rivers = Pieces.joined([_turned(cell.rivers, turn) for cell, turn in found])
        lakes = [lake if not turn else _turned_lake(lake, turn) for cell, turn in found for lake in cell.lakes]
        return river_field(rivers, lon, lat), lake_field(lakes, lon, lat)

    def lift(self, lon: Floats, lat: Floats) -> Floats:
        """By how much the ground was raised to fill hollows without an exit, m, at points ``(y, x)``."""
        lon = _together(lon)
        grid, result = cell_grid(), np.zeros(lon.shape)
        numbers = grid.number(lon, lat)
        for number in np.unique(numbers):
            cell = self.cell(int(number))
            if not cell.lift.any():
                continue
            west, south, width = (float(part[0]) for part in grid.corner(np.array([number])))
            here = numbers == number
            u = ((lon[here] - west + 180.0) % 360.0 - 180.0) / width * SIDE
            v = (lat[here] - south) / CELL_DEGREES * SIDE
            result[here] = _cubic(np.pad(cell.lift, 1, mode="reflect", reflect_type="odd"), u, v)
        return np.maximum(result, 0.0)

    def _around(self, lon: Floats, lat: Floats) -> list[tuple[int, float]]:
        """Cells whose water may matter to the points, and the turn in degrees that brings them beside the points."""
        up = WIDEST_REACH_M / 1000.0 / KM_PER_DEGREE + 0.004
        across = up / max(0.02, float(np.cos(np.radians(np.abs(lat).max()))))
        # Steps smaller than a cell, so that none is left out.
        lons = np.linspace(lon.min() - across, lon.max() + across, 4)
        lats = np.clip(np.linspace(lat.min() - up, lat.max() + up, 4), -90.0, 90.0)
        every_lon, every_lat = (axis.ravel() for axis in np.meshgrid(lons, lats))
        numbers = cell_grid().number(every_lon, every_lat)
        found = {int(number): float(near) for number, near in zip(numbers, every_lon, strict=True)}
        west, _, width = cell_grid().corner(np.array(list(found)))
        turns = np.round((np.array(list(found.values())) - west - width / 2) / 360.0) * 360.0
        return [(number, float(turn)) for number, turn in zip(found, turns, strict=True)]


def _together(lon: Floats) -> Floats:
    """Longitudes brought to the same side of 180 degrees."""
    result: Floats = lon - 360.0 * np.round((lon - float(lon.flat[0])) / 360.0)
    return result


def _turned(rivers: Pieces, turn: float) -> Pieces:
    return rivers if not turn else Pieces(rivers.lon + turn, rivers.lat, rivers.level, rivers.half, rivers.cut)


def _turned_lake(lake: Lake, turn: float) -> Lake:
    return Lake(lake.lon + turn, lake.lat, lake.radius, lake.stretch, lake.angle, lake.level)


@kernel
def _cubic(padded: Floats, u: Floats, v: Floats) -> Floats:
    """Catmull-Rom interpolation at node coordinates (column u, row v) of a grid padded by one."""
    result = np.empty(u.size)
    wx, wy = np.empty(4), np.empty(4)
    for at in range(u.size):
        i = min(max(int(np.floor(u[at])), 0), padded.shape[1] - 4)
        j = min(max(int(np.floor(v[at])), 0), padded.shape[0] - 4)
        for t, w in ((u[at] - i, wx), (v[at] - j, wy)):
            w[0] = ((-t + 2) * t - 1) * t / 2
            w[1] = (((3 * t - 5) * t) * t + 2) / 2
            w[2] = ((-3 * t + 4) * t + 1) * t / 2
            w[3] = ((t - 1) * t * t) / 2
        total = 0.0
        for row in range(4):
            for column in range(4):
                total += wy[row] * wx[column] * padded[j + row, i + column]
        result[at] = total
    return result
