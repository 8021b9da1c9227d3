"""Train, validation and test: whole blocks, with a band between them that belongs to none.

A place's split is computed from its location and the rule alone, so it never changes when a frame grows.

Why no tile of one split overlaps a tile of another. Let V be a validation (or test) tile of ``split_of``, and W its
square widened by the guard on every side; W lies in blocks of V's split alone, or V would be ``guard``. If a tile T
shares a point with V, the centre of T is within half a diagonal of that point, 905.1 m, whatever the zone of T and
however it is turned. A guard of 910 m or more covers that together with the scale of both grids (0.9996 to 1.0014),
so the centre of T lies in W, hence in a block of V's split. So T is of V's split, or ``guard``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomeld_build.anchors.blocks import BLOCK_KM, block_grid
from geomeld_build.anchors.places import Places
from geomeld_build.draws import uniform
from geomeld_build.errors import ConfigError
from geomeld_build.grid import CELL_M

__all__ = ["GUARD", "SPLITS", "SplitRule", "split_of"]

SPLITS = ("train", "val", "test")
"""In the order of a rule's shares."""
GUARD = "guard"
"""Left out: validation or test that comes too near to another split."""

_LEAST_GUARD_M = 910.0
_CHUNK = 1 << 18
_GRID_TO_GROUND = 1.0005
"""A metre of a UTM grid is at most 1 / 0.9996 metres on the ground; the rest is for the rounding of the centres."""
_MERIDIAN_RADIUS_M, _RADIUS_M = 6_335_439.0, 6_378_137.0
"""Least radii of curvature of WGS 84 along and across the meridian: a degree is nowhere shorter."""


@dataclass(frozen=True, slots=True)
class SplitRule:
    """How places are split.

    Raises:
        ConfigError: shares that are not shares of one whole, or a guard that is too narrow or leaves no block.
    """

    recipe: str
    """Names the rules; keys every draw."""
    train: float = 0.8
    """Share of blocks."""
    val: float = 0.1
    test: float = 0.1
    block_km: float = BLOCK_KM
    guard_m: float = float(CELL_M)
    """Metres around a validation or test tile that must lie in blocks of its split. 0: no guard, tiles may overlap."""

    def __post_init__(self) -> None:
        shares = (self.train, self.val, self.test)
        if not (all(0.0 <= share <= 1.0 for share in shares) and abs(sum(shares) - 1.0) < 1e-9):
            raise ConfigError(f"splits {shares}: expected three shares in 0..1 (train, val, test) whose sum is 1")
        block_grid(self.block_km)
        widest = self.block_km * 1000.0 / 2.0 - CELL_M
        if self.guard_m != 0.0 and not _LEAST_GUARD_M <= self.guard_m < widest:
            raise ConfigError(
                f"guard of {self.guard_m:g} m: expected 0 (none), or {_LEAST_GUARD_M:g} m, which keeps tiles of two "
                f"splits apart, up to {widest:g} m, where blocks of {self.block_km:g} km have nothing left"
            )


def split_of(places: Places, rule: SplitRule) -> NDArray[np.str_]:
    """``train``, ``val``, ``test`` or ``guard`` for every place, ``(place,)``.

    Training tiles stay: giving up the rarer validation and test tiles near a border costs least.
    """
    names = np.array([*SPLITS, GUARD])
    grid = block_grid(rule.block_km)
    codes = _codes(grid.of(places.lon, places.lat), rule)
    if rule.guard_m:
        held_out = np.flatnonzero(codes != 0)
        for mine in np.array_split(held_out, len(held_out) // _CHUNK + 1):
            touched = grid.touching(*_widened(places.take(mine), rule.guard_m))
            mixed = (_codes(touched, rule) != codes[mine][:, None]).any(axis=1)
            codes[mine[mixed]] = len(SPLITS)
    return names[codes]


def _codes(blocks: NDArray[np.uint64], rule: SplitRule) -> NDArray[np.int8]:
    """The split of each block, as its position in ``SPLITS``."""
    drawn = uniform(rule.recipe, "split", blocks)
    return np.where(drawn < rule.test, 2, np.where(drawn < rule.test + rule.val, 1, 0)).astype(np.int8)


def _widened(places: Places, guard_m: float) -> tuple[NDArray[np.float64], ...]:
    """A lon/lat box (west, south, east, north) around the square of each tile widened by a guard.

    The square is turned against north by the convergence of its zone, so its box is up to 8 % larger; at latitude
    ``lat`` its edges bend by ``tan(lat)`` times the squared half diagonal over twice the radius (5 m at 84 degrees).
    """
    half = (CELL_M / 2 + guard_m) * _GRID_TO_GROUND
    lat = np.radians(places.lat)
    off_centre = np.radians(places.lon - (places.epsg % 100 * 6.0 - 183.0))
    # Convergence on the sphere, which is within 0.01 degrees of that of the ellipsoid.
    turn = np.arctan2(np.sin(off_centre) * np.sin(lat), np.cos(off_centre))
    diagonal = half * np.sqrt(2.0)
    bend = diagonal**2 * np.abs(np.tan(lat)) / (2.0 * _MERIDIAN_RADIUS_M)
    reach = np.minimum(half * (np.abs(np.cos(turn)) + np.abs(np.sin(turn))), diagonal) + bend
    up = np.degrees(np.minimum(reach, diagonal) / _MERIDIAN_RADIUS_M)
    room = np.cos(np.minimum(np.abs(lat) + np.radians(up), np.pi / 2))
    aside = np.degrees(np.minimum(reach / _RADIUS_M, np.pi * room) / np.maximum(room, 1e-12))
    aside = np.where(np.abs(places.lat) + up >= 90.0, 180.0, np.minimum(aside, 180.0))
    return places.lon - aside, places.lat - up, places.lon + aside, places.lat + up
