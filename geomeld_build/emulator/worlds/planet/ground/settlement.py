"""What people draw on the land: towns, villages, roads and parcels of fields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geomeld_build.emulator.worlds.planet.ground.frames import Cells, cells_of, subdivide
from geomeld_build.emulator.worlds.planet.ground.macro import smoothstep
from geomeld_build.emulator.worlds.planet.ground.noise import Floats, cell_draws, cell_hash, key_of

__all__ = ["Parcels", "Settlement", "frames", "parcels", "settlement"]

_TOWN_CELL_KM = 12.0
_VILLAGES_PER_SIDE = 4


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
    towns = cells_of(frame_lon, frame_lat, _TOWN_CELL_KM)
    return towns, subdivide(towns, _VILLAGES_PER_SIDE)


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
    sizes = (("town", towns, 250.0, 1500.0, 5.5), ("village", villages, 70.0, 240.0, 2.4))
    for name, places, smallest, largest, lane in sizes:
        key = key_of(seed, name)
        drawn = _draws(key, places)
        radius = smallest + largest * drawn[1] * drawn[1] * np.sqrt(people)
        away = np.hypot(places.x, places.y) * fray
        there = drawn[0] < 1.15 * people
        density = np.maximum(density, there * (1.0 - smoothstep(0.55, 1.0, away / radius)))
        road = np.maximum(road, _roads(key, places, people, lane))
    built = density * _blocks(seed, villages, density) if density.any() else density
    return Settlement(built=np.clip(built, 0.0, 1.0), road=road * (1.0 - density), density=density)


def _roads(key: int, cells: Cells, people: Floats, lane: float) -> Floats:
    """Roads along the middle lines of cells; an arm reaches the edge when both cells want it."""
    north, east = (cells.y > 0).astype(np.int64), (cells.x > 0).astype(np.int64)
    arm_y = cell_hash(key + 7, cells.band, cells.row + north, cells.column)
    arm_x = cell_hash(key + 8, cells.band, cells.row, cells.column + east)
    wanted = 1.5 * people + 0.02 * (people > 0.0)
    full = min(1.0, lane / 5.0)
    along_y = np.clip((lane + 5.0 - np.abs(cells.x)) / 10.0, 0.0, full) * (arm_y < wanted)
    along_x = np.clip((lane + 5.0 - np.abs(cells.y)) / 10.0, 0.0, full) * (arm_x < wanted)
    road: Floats = np.maximum(along_x, along_y)
    return road


def _blocks(seed: int, cells: Cells, density: Floats) -> Floats:
    """Built fraction inside a settlement: lots of 25-45 m between streets."""
    key = key_of(seed, "lots")
    street = 60.0 + 45.0 * _draws(key, cells)[0]
    lot_x, lot_y = cells.x / street, cells.y / (street * 0.7)
    column, row = np.floor(lot_x), np.floor(lot_y)
    to_street = np.minimum(np.minimum(lot_x - column, column + 1 - lot_x), np.minimum(lot_y - row, row + 1 - lot_y))
    sealed = np.clip((7.0 - to_street * street * 0.7) / 10.0 + 0.3, 0.0, 0.75)
    lot = cell_hash(key + 1, cells.band, cells.row * 4096 + cells.column, np.floor(lot_x * 2), np.floor(lot_y * 2))
    roofs = np.where(lot < 0.12, 0.02, 0.25 + 0.65 * lot) * (0.6 + 0.4 * density)
    share: Floats = np.maximum(sealed, roofs)
    return share


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
