"""Roads, settlements and rivers as lines and points: the very ones that pixels are drawn from.

Everything is worked out whole, cell by cell, and keyed by its cell: a road that passes through two tiles is the same
road in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet.ground.drainage.cells import cell_grid
from geomeld_build.emulator.worlds.planet.ground.drainage.channels import Pieces
from geomeld_build.emulator.worlds.planet.ground.frames import Cells, cells_of, centre_lonlat, subdivide
from geomeld_build.emulator.worlds.planet.ground.names import name_of
from geomeld_build.emulator.worlds.planet.ground.noise import Floats, Ints
from geomeld_build.emulator.worlds.planet.ground.settlement import (
    TOWN,
    TOWN_CELL_KM,
    VILLAGE,
    VILLAGES_PER_SIDE,
    Kind,
)
from geomeld_build.emulator.worlds.planet.ground.truth import GroundModel

__all__ = ["Box", "River", "Road", "Town", "cells_around", "middle_of", "rivers_in", "roads_in", "towns_in"]

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees; longitudes may pass 180."""
_STEP_M = 40.0
_ROOM = 0.02
"""Degrees. Places just outside a box may reach into it."""
_NAMED_M = 30.0
"""Rivers from this width on have a name."""


@dataclass(frozen=True, slots=True)
class Road:
    """A road from the middle of a cell to its border, or the part of it that people keep up."""

    key: str
    """The same wherever one looks from."""
    kind: str
    """``primary`` between towns, ``tertiary`` between villages."""
    line: shapely.LineString
    """Lon/lat degrees."""


@dataclass(frozen=True, slots=True)
class Town:
    """A settlement."""

    key: str
    kind: str
    """``town``, ``village`` or ``hamlet``."""
    name: str
    lon: float
    lat: float
    radius_m: float


@dataclass(frozen=True, slots=True)
class River:
    """A stretch of a river between two confluences, in the direction of its flow."""

    key: str
    name: str | None
    """Named by where it reaches the sea; narrow streams have none."""
    width_m: float
    """Mean width."""
    line: shapely.LineString
    """Lon/lat degrees."""


def cells_around(ground: GroundModel, box: Box, kind: Kind) -> Cells:
    """Every cell of a kind that has ground in a box, once."""
    west, south, east, north = box
    lon, lat = np.meshgrid(np.linspace(west, east, 24), np.linspace(south, north, 24))
    every = cells_of(*ground.terrain.bent(lon.ravel(), lat.ravel()), TOWN_CELL_KM)
    if kind is VILLAGE:
        every = subdivide(every, VILLAGES_PER_SIDE)
    _, first = np.unique(np.stack((every.band, every.row, every.column)), axis=1, return_index=True)
    return Cells(*(getattr(every, name)[first] for name in Cells.__slots__))


def middle_of(cells: Cells, kind: Kind, x: Floats, y: Floats) -> tuple[Cells, tuple[Floats, Floats]]:
    """Points ``x``, ``y`` metres from the middles of cells, and their lon/lat degrees in the bent frame."""
    here = replace(cells, x=x, y=y)
    if kind is TOWN:
        return here, centre_lonlat(here, TOWN_CELL_KM, x, y)
    parts = VILLAGES_PER_SIDE
    i, j = cells.column % parts, cells.row % parts
    width, height = cells.width * parts, cells.height * parts
    whole = Cells(cells.band, cells.column // parts, cells.row // parts, x, y, width, height)
    dx, dy = (i + 0.5 - parts / 2) * cells.width + x, (j + 0.5 - parts / 2) * cells.height + y
    return here, centre_lonlat(whole, TOWN_CELL_KM, dx, dy)


def _beside(lon: Floats, box: Box) -> Floats:
    """Longitudes on the same side of 180 degrees as a box."""
    result: Floats = lon - 360.0 * np.round((lon - (box[0] + box[2]) / 2) / 360.0)
    return result


def _people(ground: GroundModel, lon: Floats, lat: Floats) -> Floats:
    """How densely settled, as pixels have it: a wilderness ends at once."""
    people = ground.terrain.macro.at(lon, lat).people
    return np.where(people < 0.006, 0.0, np.minimum(people, 1.0))


def _repeat(cells: Cells, counts: Ints) -> Cells:
    return Cells(*(np.repeat(getattr(cells, name), counts) for name in Cells.__slots__))


def roads_in(ground: GroundModel, box: Box) -> list[Road]:
    """The roads of every cell that has ground in a box, whole."""
    return [road for kind in (TOWN, VILLAGE) for road in _roads_of(ground, box, kind)]


def _roads_of(ground: GroundModel, box: Box, kind: Kind) -> Iterator[Road]:
    cells = cells_around(ground, box, kind)
    for arm, (across, up) in {"north": (0, 1), "south": (0, -1), "east": (1, 0), "west": (-1, 0)}.items():
        reach = np.where(up != 0, cells.height, cells.width) / 2
        counts = np.ceil(reach / _STEP_M).astype(np.int64) + 1
        many = _repeat(cells, counts)
        share = np.concatenate([np.linspace(0.0, 1.0, int(count)) for count in counts])
        away = share * np.repeat(reach, counts)
        # The very middle and the very border belong to either side: a hair towards this arm.
        away = np.clip(away, 1e-6, np.repeat(reach, counts) - 1e-6)
        here, frame = middle_of(many, kind, across * away, up * away)
        lon, lat = ground.terrain.unbent(*frame)
        lon = _beside(lon, box)
        there = kind.arms(ground.seed, here, _people(ground, lon, lat))[0 if up else 1]
        starts = np.concatenate(([0], np.cumsum(counts)))
        for number in range(counts.size):
            part = slice(int(starts[number]), int(starts[number + 1]))
            where = f"{kind.name}/{cells.band[number]}/{cells.row[number]}/{cells.column[number]}/{arm}"
            yield from _stretches(where, kind, lon[part], lat[part], there[part])


def _stretches(where: str, kind: Kind, lon: Floats, lat: Floats, there: NDArray[np.bool_]) -> Iterator[Road]:
    """The runs of an arm along which there is a road."""
    change = np.flatnonzero(np.diff(np.concatenate(([0], there.astype(np.int8), [0]))))
    for number, (first, behind) in enumerate(zip(change[::2], change[1::2], strict=True)):
        if behind - first >= 2:
            line = shapely.LineString(np.column_stack((lon[first:behind], lat[first:behind])))
            yield Road(f"{where}/{number}", "primary" if kind is TOWN else "tertiary", line)


def towns_in(ground: GroundModel, box: Box) -> list[Town]:
    """The settlements of every cell that has ground in a box."""
    found = []
    for kind in (TOWN, VILLAGE):
        cells = cells_around(ground, box, kind)
        zero = np.zeros(cells.band.size)
        here, frame = middle_of(cells, kind, zero, zero)
        lon, lat = ground.terrain.unbent(*frame)
        lon = _beside(lon, box)
        there, radius = kind.at(ground.seed, here, _people(ground, lon, lat))
        for at in np.flatnonzero(there):
            key = (kind.name, int(cells.band[at]), int(cells.row[at]), int(cells.column[at]))
            small = "village" if radius[at] >= 110.0 else "hamlet"
            name = name_of(ground.seed, *key)
            label = "town" if kind is TOWN else small
            found.append(Town("/".join(map(str, key)), label, name, float(lon[at]), float(lat[at]), float(radius[at])))
    return found


def rivers_in(ground: GroundModel, box: Box) -> list[River]:
    """The stretches of rivers that come near a box, as far as their own cell of half a degree reaches."""
    west, south, east, north = box
    west, south, east, north = west - _ROOM, south - _ROOM, east + _ROOM, north + _ROOM
    lon, lat = np.meshgrid(np.linspace(west, east, 6), np.linspace(south, north, 6))
    numbers = cell_grid().number(*ground.terrain.bent(lon.ravel(), lat.ravel(), rivers=True))
    found: list[River] = []
    for number in np.unique(numbers):
        found.extend(_rivers_of(ground, int(number), (west, south, east, north)))
    return found


def _rivers_of(ground: GroundModel, cell: int, box: Box) -> Iterator[River]:
    drainage = ground.terrain.drainage
    pieces = drainage.cell(cell).rivers
    if not pieces.lon.size:
        return
    chains = _chains(pieces)
    lon, lat = ground.terrain.unbent(pieces.lon, pieces.lat, rivers=True)
    lon = _beside(lon, box)
    mouth = _mouth(drainage.planet.downstream, cell)
    for number, chain in enumerate(chains):
        x, y = np.append(lon[0, chain], lon[1, chain[-1]]), np.append(lat[0, chain], lat[1, chain[-1]])
        if x.max() < box[0] or x.min() > box[2] or y.max() < box[1] or y.min() > box[3]:
            continue
        width = float(2.0 * pieces.half[:, chain].mean())
        name = name_of(ground.seed, "river", mouth) if width >= _NAMED_M else None
        yield River(f"river/{cell}/{number}", name, width, shapely.LineString(np.column_stack((x, y))))


def _chains(pieces: Pieces) -> list[Ints]:
    """Pieces put together from confluence to confluence, each in the direction of the flow."""
    starts = {(a, b): i for i, (a, b) in enumerate(zip(pieces.lon[0], pieces.lat[0], strict=True))}
    following = [starts.get(end, -1) for end in zip(pieces.lon[1], pieces.lat[1], strict=True)]
    counts = np.bincount([i for i in following if i >= 0], minlength=len(following))
    heads = [i for i in range(len(following)) if counts[i] != 1]
    chains = []
    for head in heads:
        chain, at = [head], head
        while following[at] >= 0 and counts[following[at]] == 1:
            at = following[at]
            chain.append(at)
        chains.append(np.array(chain))
    return chains


def _mouth(downstream: Ints, cell: int) -> int:
    """The cell at the coast that a cell's water reaches."""
    while downstream[cell] >= 0:
        cell = int(downstream[cell])
    return cell
