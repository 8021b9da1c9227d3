"""What people draw on the land: towns, villages, roads and parcels of fields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet.ground.frames import Cells, cells_of, subdivide
from geomeld_build.emulator.worlds.planet.ground.macro import smoothstep
from geomeld_build.emulator.worlds.planet.ground.noise import Floats, cell_draws, cell_hash, key_of

__all__ = [
    "EMPTY_LOTS",
    "TOWN",
    "TOWN_CELL_KM",
    "VILLAGE",
    "VILLAGES_PER_SIDE",
    "Kind",
    "Lots",
    "Parcels",
    "Settlement",
    "frames",
    "lots",
    "parcels",
    "settlement",
    "streets_of",
]

TOWN_CELL_KM = 12.0
VILLAGES_PER_SIDE = 4
EMPTY_LOTS = 0.12
"""Share of the lots that nobody built on."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """Fractions of the pixel, 0..1."""

    built: Floats
    """Roofs and sealed ground, streets included."""
    road: Floats
    """Roads between settlements."""
    density: Floats
    """How far inside a town or village: 1 in its middle."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of settlement: at most one in the middle of each of its cells, and the roads that lead there."""

    name: str
    smallest: float
    largest: float
    """Radius of the smallest, and what the largest has on top, m."""
    lane: float
    """Half the width of the roads, m."""

    def at(self, seed: int, cells: Cells, people: Floats) -> tuple[NDArray[np.bool_], Floats]:
        """Whether the cells have a settlement where so many people live, and its radius in m."""
        drawn = _draws(key_of(seed, self.name), cells)
        return drawn[0] < 1.15 * people, self.smallest + self.largest * drawn[1] * drawn[1] * np.sqrt(people)

    def arms(self, seed: int, cells: Cells, people: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether roads run there along the cells' middle lines, north and south, and east and west.

        An arm has one number on both sides of the border between two cells, so that it goes on beyond it.
        """
        key = key_of(seed, self.name)
        north, east = (cells.y > 0).astype(np.int64), (cells.x > 0).astype(np.int64)
        wanted = 1.5 * people + 0.02 * (people > 0.0)
        upright = cell_hash(key + 7, cells.band, cells.row + north, cells.column) < wanted
        level = cell_hash(key + 8, cells.band, cells.row, cells.column + east) < wanted
        return upright, level


TOWN = Kind("town", 250.0, 1500.0, 5.5)
VILLAGE = Kind("village", 70.0, 240.0, 2.4)


@dataclass(frozen=True, slots=True)
class Parcels:
    """The field that each pixel belongs to."""

    rank: Floats
    """0..1, one number a field: the fields with low ranks are cultivated first."""
    kind: Floats
    """0..1, one number a field: what grows there."""
    phase: Floats
    """0..1, one number a field: when it is sown."""
    edge: Floats
    """Fraction of the pixel taken by the field's margin."""
    habit: Floats
    """0..1, one number a cell of 3 km: how much of it is cultivated."""


def _draws(key: int, cells: Cells) -> Floats:
    """Four numbers a cell, ``(4, ...)``."""
    return cell_draws(key, cells.band, cells.row, cells.column)


def frames(frame_lon: Floats, frame_lat: Floats) -> tuple[Cells, Cells]:
    """The cells of towns and those of villages at bent lon/lat degrees."""
    towns = cells_of(frame_lon, frame_lat, TOWN_CELL_KM)
    return towns, subdivide(towns, VILLAGES_PER_SIDE)


def settlement(seed: int, cells: tuple[Cells, Cells], people: Floats, ragged: Floats) -> Settlement:
    """Towns, villages and roads.

    Args:
        seed: the planet's seed.
        cells: of towns and of villages.
        people: how densely settled, 0..1; where it is 0, nothing is built.
        ragged: noise of about unit deviation that frays the outlines.
    """
    if not people.any():
        return Settlement(people, people, people)
    towns, villages = cells
    # Interpolation between the points of the coarse lattice can undershoot zero along coasts.
    people = np.maximum(people, 0.0)
    fray = 1.0 + 0.22 * ragged
    density = np.zeros_like(people)
    road = np.zeros_like(people)
    for kind, places in ((TOWN, towns), (VILLAGE, villages)):
        there, radius = kind.at(seed, places, people)
        away = np.hypot(places.x, places.y) * fray
        density = np.maximum(density, there * (1.0 - smoothstep(0.55, 1.0, away / radius)))
        road = np.maximum(road, _roads(kind.arms(seed, places, people), places, kind.lane))
    built = density
    if density.any():
        plots = lots(seed, villages)
        built = density * np.maximum(plots.sealed, plots.roof * (0.6 + 0.4 * density))
    return Settlement(built=np.clip(built, 0.0, 1.0), road=road * (1.0 - density), density=density)


def _roads(arms: tuple[NDArray[np.bool_], NDArray[np.bool_]], cells: Cells, lane: float) -> Floats:
    """Fraction of the pixel under the roads along the middle lines of cells."""
    full = min(1.0, lane / 5.0)
    along_y = np.clip((lane + 5.0 - np.abs(cells.x)) / 10.0, 0.0, full) * arms[0]
    along_x = np.clip((lane + 5.0 - np.abs(cells.y)) / 10.0, 0.0, full) * arms[1]
    road: Floats = np.maximum(along_x, along_y)
    return road


@dataclass(frozen=True, slots=True)
class Lots:
    """The lots of a settlement at pixels: 25-45 m wide, in blocks between streets."""

    row: Floats
    column: Floats
    """Whole numbers, counted in the cell of the village."""
    roof: Floats
    """Share of the lot under roofs, where the settlement is densest."""
    sealed: Floats
    """Share of the pixel under streets."""


def streets_of(seed: int, cells: Cells) -> Floats:
    """From street to street in the cells of villages, m; 0.7 of it the other way, with two lots each way between."""
    result: Floats = 60.0 + 45.0 * _draws(key_of(seed, "lots"), cells)[0]
    return result


def lots(seed: int, cells: Cells) -> Lots:
    """The lots at pixels; ``cells`` are those of villages."""
    key, street = key_of(seed, "lots"), streets_of(seed, cells)
    lot_x, lot_y = cells.x / street, cells.y / (street * 0.7)
    column, row = np.floor(lot_x), np.floor(lot_y)
    to_street = np.minimum(np.minimum(lot_x - column, column + 1 - lot_x), np.minimum(lot_y - row, row + 1 - lot_y))
    sealed = np.clip((7.0 - to_street * street * 0.7) / 10.0 + 0.3, 0.0, 0.75)
    half_column, half_row = np.floor(lot_x * 2), np.floor(lot_y * 2)
    lot = cell_hash(key + 1, cells.band, cells.row * 4096 + cells.column, half_column, half_row)
    return Lots(half_row, half_column, np.where(lot < EMPTY_LOTS, 0.02, 0.25 + 0.65 * lot), sealed)


def parcels(seed: int, places: tuple[Cells, Cells], latitude: Floats, people: Floats) -> Parcels:
    """The field pattern: in every cell of 3 km one direction and one size of field.

    Args:
        seed: the planet's seed.
        places: cells of towns and of villages.
        latitude: degrees.
        people: how densely settled, 0..1; where it is 0 there are no fields.
    """
    if not people.any():
        nobody = np.ones_like(people)
        return Parcels(rank=nobody, kind=nobody, phase=nobody, edge=people, habit=people)
    towns, cells = places
    key = key_of(seed, "parcels")
    drawn = _draws(key + 1, cells)
    temperate = smoothstep(24.0, 42.0, np.abs(latitude))
    scale = np.clip(0.5 * _draws(key, towns)[0] + 0.25 * drawn[0] + 0.3 * temperate, 0.0, 1.0)
    length = 55.0 * np.exp(2.1 * scale)
    width = length * (0.45 + 0.6 * drawn[1])
    angle = np.pi * drawn[2]
    cosine, sine = np.cos(angle), np.sin(angle)
    across = (cells.y * cosine - cells.x * sine) / width
    row = np.floor(across)
    strip = cells.row * 8192 + cells.column
    along = (cells.x * cosine + cells.y * sine) / length + cell_hash(key + 4, cells.band, strip, row)
    column = np.floor(along)
    gap = np.minimum(
        np.minimum(along - column, column + 1.0 - along) * length, np.minimum(across - row, row + 1.0 - across) * width
    )
    field = cell_draws(key + 5, cells.band, strip, row, column)
    return Parcels(
        rank=field[0],
        kind=field[1],
        phase=field[2],
        edge=np.clip((6.5 - gap) / 10.0, 0.0, 0.5),
        habit=drawn[3],
    )
