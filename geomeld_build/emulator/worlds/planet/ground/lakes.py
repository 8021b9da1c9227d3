"""Lakes: at most one in each cell of 9 km, with one level."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from geomeld_build.emulator.worlds.planet.ground.frames import Cells, centre_lonlat
from geomeld_build.emulator.worlds.planet.ground.macro import MacroModel
from geomeld_build.emulator.worlds.planet.ground.noise import Floats, cell_hash, key_of

__all__ = ["LAKE_CELL_KM", "LakeBook", "LakeField"]

LAKE_CELL_KM = 9.0
_SHORE = 1.9
"""How far, in radii, a lake shapes the ground around it."""
_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class LakeField:
    """For every point the lake of its cell."""

    distance: Floats
    """Elliptic distance from the centre in radii: below 1 is water; infinite where the cell has no lake."""
    radius: Floats
    """Mean radius, m."""
    level: Floats
    """Height of the water, m."""


@dataclass(frozen=True, slots=True)
class _Lake:
    x: float
    y: float
    radius: float
    stretch: float
    angle: float
    level: float


class LakeBook:
    """The lakes of one planet, worked out when first needed."""

    def __init__(self, seed: int, macro: MacroModel) -> None:
        self._key = key_of(seed, "lakes")
        self._macro = macro
        self._known: dict[tuple[int, int, int], _Lake | None] = {}
        self._lock = threading.Lock()

    def field(self, cells: Cells) -> LakeField:
        """The lakes of the cells that points lie in.

        Args:
            cells: cells of ``LAKE_CELL_KM``.
        """
        distance = np.full(cells.x.shape, np.inf)
        radius, level = np.ones_like(distance), np.zeros_like(distance)
        code = (cells.band * 100_003 + cells.row) * 100_003 + cells.column
        for value in np.unique(code):
            where = code == value
            at = int(np.argmax(where))
            lake = self._lake(cells, at)
            if lake is None:
                continue
            dx, dy = cells.x[where] - lake.x, cells.y[where] - lake.y
            cosine, sine = np.cos(lake.angle), np.sin(lake.angle)
            along = (dx * cosine + dy * sine) / (lake.radius * lake.stretch)
            across = (dy * cosine - dx * sine) / (lake.radius / lake.stretch)
            distance[where] = np.sqrt(along * along + across * across)
            radius[where], level[where] = lake.radius, lake.level
        return LakeField(distance, radius, level)

    def _lake(self, cells: Cells, at: int) -> _Lake | None:
        key = (int(cells.band.flat[at]), int(cells.row.flat[at]), int(cells.column.flat[at]))
        with self._lock:
            if key in self._known:
                return self._known[key]
        lake = self._make(key, float(cells.width.flat[at]), float(cells.height.flat[at]))
        with self._lock:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            self._known[key] = lake
        return lake

    def _make(self, key: tuple[int, int, int], width: float, height: float) -> _Lake | None:
        band, row, column = (np.array([part]) for part in key)
        draws = [float(cell_hash(self._key + i, band, row, column)[0]) for i in range(6)]
        radius = 110.0 * float(np.exp(draws[0] ** 1.6 * 2.3))
        stretch = 1.0 + 0.35 * draws[1]
        reach = radius * stretch * _SHORE + 450.0
        x, y = ((draw - 0.5) * max(0.0, side - 2 * reach) for draw, side in ((draws[2], width), (draws[3], height)))
        blank = np.zeros(1)
        place = Cells(band, column, row, blank, blank, np.array([width]), np.array([height]))
        lon, lat = centre_lonlat(place, LAKE_CELL_KM, np.array([x]), np.array([y]))
        ground = self._macro.at(lon, lat)
        wet = float(np.clip(ground.rain[0] / 1200.0, 0.03, 1.0))
        once_glaciated = float(np.clip((abs(lat[0]) - 48.0) / 12.0, 0.0, 1.0))
        chance = wet * (0.22 + 0.5 * once_glaciated + 0.3 * float(np.clip(ground.marsh[0] - 0.6, 0.0, 1.0)))
        if ground.coast[0] < 0.05 or ground.amplitude[0] > 320.0 or draws[4] > chance:
            return None
        level = float(ground.base[0] + ground.amplitude[0] * (min(float(ground.hills[0]), 0.4) - 0.2))
        return _Lake(x, y, radius, stretch, draws[5] * np.pi, round(max(level, 1.0)))
