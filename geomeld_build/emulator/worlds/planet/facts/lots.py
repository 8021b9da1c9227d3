"""Buildings: one on every lot of a settlement that somebody built on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet.facts.places import Box, Town, cells_around, middle_of, towns_in
from geomeld_build.emulator.worlds.planet.ground.cover import BUILT
from geomeld_build.emulator.worlds.planet.ground.frames import Cells
from geomeld_build.emulator.worlds.planet.ground.noise import KM_PER_DEGREE, Floats
from geomeld_build.emulator.worlds.planet.ground.projection import Utm, epsg_of
from geomeld_build.emulator.worlds.planet.ground.settlement import EMPTY_LOTS, VILLAGE, lots, streets_of
from geomeld_build.emulator.worlds.planet.ground.truth import BLOCK, PIXEL_M, GroundModel

__all__ = ["Building", "buildings_in"]

_INSIDE = 0.2
"""Built share of the pixel in the middle of a lot from which on there is a building."""
_FRAYED = 3.0
"""How far houses may stand from the middle of a settlement, in radii."""
_BUILT_ON = 0.25 + 0.65 * EMPTY_LOTS
"""Share of the lot under roofs from which on somebody built there."""


@dataclass(frozen=True, slots=True)
class Building:
    """A building, as large as the roofs of its lot together."""

    key: str
    outline: shapely.Polygon
    """Lon/lat degrees."""


def buildings_in(ground: GroundModel, box: Box) -> list[Building]:
    """The buildings whose middle lies in a box."""
    west, south, east, north = box
    room = 0.03 / max(0.2, float(np.cos(np.radians(south))))
    towns = towns_in(ground, (west - room, south - 0.03, east + room, north + 0.03))
    found: list[Building] = []
    if not towns:
        return found
    cells = cells_around(ground, box, VILLAGE)
    for number in range(cells.band.size):
        cell = Cells(*(getattr(cells, name)[number : number + 1] for name in Cells.__slots__))
        found.extend(_of_cell(ground, cell, box, towns))
    return found


def _of_cell(ground: GroundModel, cell: Cells, box: Box, towns: list[Town]) -> list[Building]:
    """Buildings on the lots of one village's cell."""
    street = float(streets_of(ground.seed, cell)[0])
    wide, deep = street / 2, street * 0.35
    columns = np.arange(-int(cell.width[0] / 2 / wide), int(cell.width[0] / 2 / wide))
    rows = np.arange(-int(cell.height[0] / 2 / deep), int(cell.height[0] / 2 / deep))
    x, y = (axis.ravel() for axis in np.meshgrid((columns + 0.5) * wide, (rows + 0.5) * deep))
    many = Cells(*(np.repeat(getattr(cell, name), x.size) for name in Cells.__slots__))
    here, frame = middle_of(many, VILLAGE, x, y)
    # Bending moves places by less than a kilometre: what is farther away need not be bent back.
    near = _within(frame, box, 0.012)
    if not near.any():
        return []
    here = Cells(*(getattr(here, name)[near] for name in Cells.__slots__))
    lon, lat = ground.terrain.unbent(frame[0][near], frame[1][near])
    plots = lots(ground.seed, here)
    built = (plots.roof >= _BUILT_ON) & _within((lon, lat), box, 0.0) & _settled(towns, lon, lat)
    built[built] = _built(ground, lon[built], lat[built]) >= _INSIDE
    where = f"{int(cell.band[0])}/{int(cell.row[0])}/{int(cell.column[0])}"
    return [
        Building(
            f"building/{where}/{int(plots.row[at])}/{int(plots.column[at])}",
            _square(float(lon[at]), float(lat[at]), float(np.sqrt(plots.roof[at] * wide * deep))),
        )
        for at in np.flatnonzero(built)
    ]


def _within(places: tuple[Floats, Floats], box: Box, room: float) -> NDArray[np.bool_]:
    lon, lat = places
    west, south, east, north = box
    lon = lon - 360.0 * np.round((lon - (west + east) / 2) / 360.0)
    across = room / max(0.05, float(np.cos(np.radians(south))))
    found: NDArray[np.bool_] = (
        (lon >= west - across) & (lon < east + across) & (lat >= south - room) & (lat < north + room)
    )
    return found


def _settled(towns: list[Town], lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    """Whether places lie where a settlement may reach: its outline frays."""
    found = np.zeros(lon.shape, dtype=bool)
    for town in towns:
        east = ((lon - town.lon + 180.0) % 360.0 - 180.0) * np.cos(np.radians(town.lat))
        found |= 1000.0 * KM_PER_DEGREE * np.hypot(east, lat - town.lat) < _FRAYED * town.radius_m
    return found


def _built(ground: GroundModel, lon: Floats, lat: Floats) -> Floats:
    """Built share of the pixels that places lie in."""
    found = np.zeros(lon.shape)
    zones = np.array([epsg_of(float(x), float(y)) for x, y in zip(lon, lat, strict=True)])
    for epsg in np.unique(zones):
        here, utm = np.flatnonzero(zones == epsg), Utm(int(epsg))
        x, y = utm.forward(lon[here], lat[here])
        row = np.floor((utm.false_northing - y) / PIXEL_M).astype(np.int64)
        column = np.floor(x / PIXEL_M).astype(np.int64)
        for at, i, j in zip(here, row, column, strict=True):
            block = ground.block(int(epsg), int(i) // BLOCK, int(j) // BLOCK)
            found[at] = block.cover[BUILT][int(i) % BLOCK, int(j) % BLOCK]
    return found


def _square(lon: float, lat: float, side_m: float) -> shapely.Polygon:
    up = side_m / 2 / (1000.0 * KM_PER_DEGREE)
    across = up / float(np.cos(np.radians(lat)))
    return shapely.box(lon - across, lat - up, lon + across, lat + up)
