"""What people draw on the land: towns, villages, roads and parcels of fields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geomeld_build.emulator.worlds.planet.ground.frames import Cells, cells_of, subdivide
from geomeld_build.emulator.worlds.planet.ground.macro import smoothstep
from geomeld_build.emulator.worlds.planet.ground.noise import Floats, cell_hash, key_of

__all__ = ["Parcels", "Settlement", "parcels", "settlement"]

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


def _at(key: int, cells: Cells, *more: Floats) -> Floats:
    return cell_hash(key, cells.band, cells.row, cells.column, *more)


def _frames(frame_lon: Floats, frame_lat: Floats) -> tuple[Cells, Cells]:
    towns = cells_of(frame_lon, frame_lat, _TOWN_CELL_KM)
    return towns, subdivide(towns, _VILLAGES_PER_SIDE)


def settlement(seed: int, frame_lon: Floats, frame_lat: Floats, people: Floats, ragged: Floats) -> Settlement:
    """Towns, villages and roads.

    Args:
        seed: the planet's seed.
        frame_lon: bent longitudes, degrees.
        frame_lat: bent latitudes, degrees.
        people: how densely settled, 0..1.
        ragged: noise of about unit deviation that frays the outlines.
    """
    towns, villages = _frames(frame_lon, frame_lat)
    fray = 1.0 + 0.22 * ragged
    density = np.zeros_like(people)
    road = np.zeros_like(people)
    for name, cells, smallest, largest, lane in (
        ("town", towns, 250.0, 1500.0, 5.5),
        ("village", villages, 70, 240, 2.4),
    ):
        key = key_of(seed, name)
        size = _at(key + 1, cells)
        radius = smallest + largest * size**2.2 * np.sqrt(people)
        away = np.hypot(cells.x, cells.y) * fray
        there = _at(key, cells) < 1.15 * people
        density = np.maximum(density, there * (1.0 - smoothstep(0.55, 1.0, away / radius)))
        road = np.maximum(road, _roads(key, cells, people, lane))
    built = density * _blocks(seed, villages, density)
    return Settlement(built=np.clip(built, 0.0, 1.0), road=road * (1.0 - density), density=density)


def _roads(key: int, cells: Cells, people: Floats, lane: float) -> Floats:
    """Roads along the middle lines of cells; an arm reaches the edge when both cells want it."""
    north, east = (cells.y > 0).astype(np.int64), (cells.x > 0).astype(np.int64)
    arm_y = cell_hash(key + 7, cells.band, cells.row + north, cells.column)
    arm_x = cell_hash(key + 8, cells.band, cells.row, cells.column + east)
    wanted = 1.5 * people + 0.02
    full = min(1.0, lane / 5.0)
    along_y = np.clip((lane + 5.0 - np.abs(cells.x)) / 10.0, 0.0, full) * (arm_y < wanted)
    along_x = np.clip((lane + 5.0 - np.abs(cells.y)) / 10.0, 0.0, full) * (arm_x < wanted)
    return np.maximum(along_x, along_y)


def _blocks(seed: int, cells: Cells, density: Floats) -> Floats:
    """Built fraction inside a settlement: lots of 25-45 m between streets."""
    key = key_of(seed, "lots")
    street = 60.0 + 45.0 * _at(key, cells)
    lot_x, lot_y = cells.x / street, cells.y / (street * 0.7)
    column, row = np.floor(lot_x), np.floor(lot_y)
    to_street = np.minimum(np.minimum(lot_x - column, column + 1 - lot_x), np.minimum(lot_y - row, row + 1 - lot_y))
    sealed = np.clip((7.0 - to_street * street * 0.7) / 10.0 + 0.3, 0.0, 0.75)
    lot = cell_hash(key + 1, cells.band, cells.row * 4096 + cells.column, np.floor(lot_x * 2), np.floor(lot_y * 2))
    roofs = np.where(lot < 0.12, 0.02, 0.25 + 0.65 * lot) * (0.6 + 0.4 * density)
    return np.maximum(sealed, roofs)


def parcels(seed: int, frame_lon: Floats, frame_lat: Floats, latitude: Floats) -> Parcels:
    """The field pattern: in every cell of 3 km one direction and one size of field."""
    towns, cells = _frames(frame_lon, frame_lat)
    key = key_of(seed, "parcels")
    temperate = smoothstep(24.0, 42.0, np.abs(latitude))
    scale = np.clip(0.5 * _at(key, towns) + 0.25 * _at(key + 1, cells) + 0.3 * temperate, 0.0, 1.0)
    length = 55.0 * np.exp(2.1 * scale)
    width = length * (0.45 + 0.6 * _at(key + 2, cells))
    angle = np.pi * _at(key + 3, cells)
    cosine, sine = np.cos(angle), np.sin(angle)
    across = (cells.y * cosine - cells.x * sine) / width
    row = np.floor(across)
    strip = cells.row * 8192 + cells.column
    along = (cells.x * cosine + cells.y * sine) / length + cell_hash(key + 4, cells.band, strip, row)
    column = np.floor(along)
    gap = np.minimum(
        np.minimum(along - column, column + 1.0 - along) * length, np.minimum(across - row, row + 1.0 - across) * width
    )
    return Parcels(
        rank=cell_hash(key + 5, cells.band, strip, row, column),
        kind=cell_hash(key + 6, cells.band, strip, row, column),
        phase=cell_hash(key + 7, cells.band, strip, row, column),
        edge=np.clip((6.5 - gap) / 10.0, 0.0, 0.5),
        habit=_at(key + 8, cells),
    )
