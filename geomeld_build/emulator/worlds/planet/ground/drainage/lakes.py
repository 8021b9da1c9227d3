"""Lakes of a cell: each has one level, and a river that enters one leaves it in one place or it is not there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geomeld_build.emulator.worlds.planet.ground.drainage.cells import CELL_DEGREES, cell_grid
from geomeld_build.emulator.worlds.planet.ground.drainage.channels import Pieces
from geomeld_build.emulator.worlds.planet.ground.drainage.local import Tree
from geomeld_build.emulator.worlds.planet.ground.macro import MacroModel
from geomeld_build.emulator.worlds.planet.ground.noise import KM_PER_DEGREE, Floats, Ints, cell_hash, key_of

__all__ = ["SHORE", "Lake", "LakeField", "lake_field", "lakes_of", "level_rivers"]

SHORE = 1.9
"""How far, in radii, a lake shapes the ground around it."""
_LEVEL = 1.6
"""How far, in radii, the rivers around a lake stand at its level."""
_PER_SIDE = 6
"""A cell is divided into this many parts a side, with at most one lake in each."""


@dataclass(frozen=True, slots=True)
class Lake:
    """An ellipse of water."""

    lon: float
    lat: float
    """Degrees in the bent frame."""
    radius: float
    """Mean radius, m."""
    stretch: float
    """Ratio of the longer half axis to the mean radius."""
    angle: float
    """Direction of the longer axis, radians from east to north."""
    level: float
    """Height of the water, m."""

    def distance(self, lon: Floats, lat: Floats) -> Floats:
        """Elliptic distance from the centre in radii: below 1 is water."""
        dx = (lon - self.lon) * np.cos(np.radians(self.lat)) * 1000.0 * KM_PER_DEGREE
        dy = (lat - self.lat) * 1000.0 * KM_PER_DEGREE
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        along = (dx * cosine + dy * sine) / (self.radius * self.stretch)
        across = (dy * cosine - dx * sine) / (self.radius / self.stretch)
        result: Floats = np.hypot(along, across)
        return result


@dataclass(frozen=True, slots=True)
class LakeField:
    """For every point the nearest lake."""

    distance: Floats
    """Elliptic distance from the centre in radii; infinite where no lake is near."""
    radius: Floats
    """m."""
    level: Floats
    """m."""


def lake_field(lakes: list[Lake], lon: Floats, lat: Floats) -> LakeField:
    """The lakes at lon/lat degrees in the bent frame; beyond 3 radii none is near."""
    distance = np.full(lon.shape, np.inf)
    radius, level = np.ones_like(distance), np.zeros_like(distance)
    for lake in lakes:
        reach = 3.0 * lake.radius * lake.stretch / (1000.0 * KM_PER_DEGREE)
        across = reach / max(0.01, float(np.cos(np.radians(lake.lat))))
        beside = lake.lon + across < lon.min() or lake.lon - across > lon.max()
        if beside or lake.lat + reach < lat.min() or lake.lat - reach > lat.max():
            continue
        here = lake.distance(lon, lat)
        nearer = (here < distance) & (here < 3.0)
        distance, radius, level = (
            np.where(nearer, new, old) for new, old in ((here, distance), (lake.radius, radius), (lake.level, level))
        )
    return LakeField(distance, radius, level)


def lakes_of(macro: MacroModel, tree: Tree, rivers: Pieces) -> list[Lake]:
    """The lakes of a cell.

    Args:
        macro: the planet at large.
        tree: the cell's rivers as a tree.
        rivers: their courses.
    """
    west, south, width = (float(part[0]) for part in cell_grid().corner(np.array([tree.cell])))
    rows, columns = (axis.ravel() for axis in np.mgrid[0:_PER_SIDE, 0:_PER_SIDE])
    key = key_of(macro.seed, "lakes", tree.cell)
    draws = [cell_hash(key + i, rows, columns) for i in range(6)]
    radius = 110.0 * np.exp(draws[0] ** 1.6 * 2.3)
    stretch = 1.0 + 0.35 * draws[1]
    metres = 1000.0 * KM_PER_DEGREE
    across = metres * np.cos(np.radians(south + CELL_DEGREES / 2))
    # A lake and what it shapes, rivers' bends included, stay within its part of the cell.
    reach = radius * stretch * SHORE + 300.0
    part_x, part_y = width * across / _PER_SIDE, CELL_DEGREES * metres / _PER_SIDE
    x = (columns + 0.5) * part_x + (draws[2] - 0.5) * np.maximum(part_x - 2 * reach, 0.0)
    y = (rows + 0.5) * part_y + (draws[3] - 0.5) * np.maximum(part_y - 2 * reach, 0.0)
    lon, lat = west + x / across, south + y / metres
    fits = draws[4] < np.where(2 * reach < min(part_x, part_y), _chance(macro, lon, lat), 0.0)
    found = []
    for i in np.flatnonzero(fits):
        lake = Lake(
            float(lon[i]), float(lat[i]), float(radius[i]), float(stretch[i]), float(draws[5][i]) * np.pi, np.nan
        )
        level = _level(lake, tree, rivers)
        if level is not None and level > 0.5:
            found.append(Lake(lake.lon, lake.lat, lake.radius, lake.stretch, lake.angle, level))
    return found


def _chance(macro: MacroModel, lon: Floats, lat: Floats) -> Floats:
    ground = macro.at(lon, lat)
    wet = np.clip(ground.rain / 1200.0, 0.03, 1.0)
    once_glaciated = np.clip((np.abs(lat) - 48.0) / 12.0, 0.0, 1.0)
    chance = wet * (0.22 + 0.5 * once_glaciated + 0.3 * np.clip(ground.marsh - 0.6, 0.0, 1.0))
    return np.where((ground.coast < 0.05) | (ground.amplitude > 320.0), 0.0, chance)


def _level(lake: Lake, tree: Tree, rivers: Pieces) -> float | None:
    """Where the lake's water stands; None where rivers leave it in more than one place."""
    near = _pieces_near(lake, rivers)
    inside = lake.distance(rivers.lon[:, near], rivers.lat[:, near]) < _LEVEL
    leaves = inside[0] & ~inside[1]
    if inside.any():
        return float(rivers.level[0, near[leaves]][0]) if leaves.sum() == 1 else None
    here = lake.distance(tree.lon, tree.lat)
    nearest = int(here.argmin())
    level = float(tree.ground[nearest] - 0.1 * tree.size[nearest])
    return None if tree.sea[nearest] > 0.5 or not np.isfinite(level) else level


def _pieces_near(lake: Lake, rivers: Pieces) -> Ints:
    """Pieces with an end in the box around what has the lake's level."""
    reach = _LEVEL * lake.radius * lake.stretch / (1000.0 * KM_PER_DEGREE)
    across = reach / max(0.01, float(np.cos(np.radians(lake.lat))))
    beside = (np.abs(rivers.lat - lake.lat) > reach) | (np.abs(rivers.lon - lake.lon) > across)
    return np.flatnonzero(~beside.all(axis=0))


def level_rivers(rivers: Pieces, lakes: list[Lake]) -> Pieces:
    """The rivers with the level of each lake where they pass through it."""
    level, cut = rivers.level.copy(), rivers.cut.copy()
    for lake in lakes:
        near = _pieces_near(lake, rivers)
        inside = lake.distance(rivers.lon[:, near], rivers.lat[:, near]) < _LEVEL
        # The piece that leaves starts at the lake's level, however high it ends.
        cut[:, near] += np.where(inside, level[:, near] - lake.level, 0.0)
        level[:, near] = np.where(inside, lake.level, level[:, near])
    return Pieces(rivers.lon, rivers.lat, level, rivers.half, cut)
