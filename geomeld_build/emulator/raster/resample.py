"""Where each output pixel reads in a source lattice, and the weighted reading itself.

Coordinates are exact: those of every output pixel *centre* by PROJ, to the last digits. Nearest takes the source pixel
that contains the centre; bilinear the 4, bicubic the 16 nearest source centres, without anti-aliasing. Where centres
coincide values are copied. Downsampling samples too: unlike the service there are no image pyramids.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.raster.coords import transform_points
from geomeld_build.emulator.raster.grid import Grid, aligned_offset, columns_around, pixel_coordinates
from geomeld_build.emulator.raster.smooth import smooth_coordinates
from geomeld_build.emulator.raster.taps import REACH, locate, weigh_cubic, weigh_linear, weigh_masked
from geomeld_build.emulator.values import Projection

__all__ = ["MODES", "Pixels", "Plan", "build_plan", "grid_coordinates", "sample"]

Array = NDArray[Any]
MODES = tuple(REACH)
_CACHE_BYTES = 96 * 2**20


class Pixels(NamedTuple):
    """Values and mask of one band on a grid, both broadcastable to ``(h, w)``."""

    values: Array
    mask: Array | None
    """None = valid everywhere; else bool, or float 0..1 as interpolation leaves it. 0 = masked."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a grid reads a lattice: the window it touches, and weighted flat indices into it."""

    window: tuple[int, int, int, int]
    """row0, row1, col0, col1 in lattice pixels."""
    shape: tuple[int, int]
    first: Array | None
    """Flat window index of each pixel's first neighbour ``(n,)``. None: the window is the output."""
    parts: tuple[Array, Array] | None
    """Fractions of a pixel from the first neighbour to the right and down ``(n,)``. None: it is copied."""
    mode: str
    outside: Array | None
    """True where the point lies outside the domain of the source CRS."""

    @property
    def area(self) -> int:
        """Pixels of the window."""
        row0, row1, col0, col1 = self.window
        return (row1 - row0) * (col1 - col0)


class _CoordinateCache:
    """Bounded by bytes, shared by all requests: the bands of a tile, and its retries, ask for the same points."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._items: OrderedDict[tuple[str, Grid], tuple[Array, Array]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, crs: str, grid: Grid) -> tuple[Array, Array]:
        key = (crs, grid)
        with self._lock:
            found = self._items.get(key)
            if found is not None:
                self._items.move_to_end(key)
                return found
        made = _transformed(crs, grid)
        size = made[0].nbytes + made[1].nbytes
        if size > self._most // 8:
            return made
        with self._lock:
            if key not in self._items:
                self._items[key] = made
                self._bytes += size
            while self._bytes > self._most:
                _, old = self._items.popitem(last=False)
                self._bytes -= old[0].nbytes + old[1].nbytes
        return made


_COORDINATES = _CoordinateCache(_CACHE_BYTES)


def _transformed(crs: str, grid: Grid) -> tuple[Array, Array]:
    smooth = smooth_coordinates(crs, grid)
    if smooth is not None:
        return smooth
    x, y = np.broadcast_arrays(*grid.centres())
    out_x, out_y = transform_points(grid.crs, crs, x.ravel(), y.ravel())
    shape = (grid.height, grid.width)
    return out_x.reshape(shape), out_y.reshape(shape)


def grid_coordinates(crs: str, grid: Grid) -> tuple[Array, Array]:
    """Coordinates of the grid's pixel centres in a CRS, broadcastable to ``(h, w)``; x first."""
    if crs == grid.crs:
        return grid.centres()
    return _COORDINATES.get(crs, grid)


def build_plan(lattice: Projection, grid: Grid, mode: str) -> Plan:
    """The plan for reading ``lattice`` onto ``grid``.

    Raises:
        EvalError: unknown mode or CRS, or a degenerate transform.
    """
    if mode not in MODES:
        raise EvalError(f"Unknown resampling mode '{mode}'. Expected one of {list(MODES[1:])}.")
    shape = (grid.height, grid.width)
    offset = aligned_offset(lattice, grid)
    if offset is not None:
        row, column = offset
        return Plan((row, row + grid.height, column, column + grid.width), shape, None, None, mode, None)
    u, v = pixel_coordinates(lattice, *grid_coordinates(lattice.crs, grid))
    outside = None
    # A sum is finite when all its terms are.
    if not (np.isfinite(u.sum()) and np.isfinite(v.sum())):
        outside = ~(np.isfinite(u) & np.isfinite(v))
        if outside.all():
            return Plan((0, 0, 0, 0), shape, None, None, mode, outside)
        u = np.where(outside, u[~outside].flat[0], u)
        v = np.where(outside, v[~outside].flat[0], v)
    u = _past_seam(lattice, u)
    u, v = (np.ascontiguousarray(np.broadcast_to(axis, shape)).ravel() for axis in (u, v))
    first, right, down, bounds = locate(u, v, *REACH[mode])
    row0, row1, col0, col1 = bounds.tolist()
    parts = (right, down) if mode != "nearest" and (right.any() or down.any()) else None
    return Plan((row0, row1, col0, col1), shape, first, parts, mode, outside)


def _past_seam(lattice: Projection, columns: Array) -> Array:
    """Columns that run on past 180 degrees where the points lie on both sides of it, so that their window is small."""
    turn = columns_around(lattice)
    if turn is None or np.ptp(columns) < turn / 2:
        return columns
    moved = np.where(columns < columns.max() - turn / 2, columns + turn, columns)
    # Points all around the world stay where they are.
    return moved if np.ptp(moved) < turn / 4 else columns


def _apply(plan: Plan, window: Pixels) -> Pixels:
    """Read the window through the plan."""
    if plan.first is None:
        return window
    width = plan.window[3] - plan.window[2]
    shape = (plan.window[1] - plan.window[0], width)
    values = np.ascontiguousarray(np.broadcast_to(window.values, shape)).ravel()
    mask = None
    if window.mask is not None:
        mask = np.ascontiguousarray(np.broadcast_to(window.mask, shape)).ravel()
    if plan.parts is None:
        read, seen = values[plan.first], None if mask is None else mask[plan.first]
    else:
        # The compiled loops know one type.
        values, cubic, place = values.astype(np.float64, copy=False), plan.mode == "bicubic", (plan.first, *plan.parts)
        if mask is None:
            read, seen = (weigh_cubic if cubic else weigh_linear)(values, width, *place), None
        else:
            read, seen = weigh_masked(values, mask.astype(np.float64, copy=False), width, *place, cubic)
    return _cut(plan, Pixels(read.reshape(plan.shape), None if seen is None else seen.reshape(plan.shape)))


def _cut(plan: Plan, pixels: Pixels) -> Pixels:
    if plan.outside is None:
        return pixels
    inside = ~plan.outside
    if pixels.mask is None:
        return Pixels(pixels.values, inside)
    return Pixels(pixels.values, np.where(inside, pixels.mask, 0).astype(pixels.mask.dtype))


Fetch = Callable[[int, int, int, int], Pixels]
"""Reads rows row0..row1 and columns col0..col1 of a lattice."""
Planner = Callable[[Projection, Grid, str], Plan]


def sample(planner: Planner, lattice: Projection, grid: Grid, mode: str, fetch: Fetch, most: int) -> Pixels:
    """Read a lattice onto a grid; a sparse request whose window exceeds ``most`` pixels is split."""
    plan = planner(lattice, grid, mode)
    if plan.area == 0 and plan.outside is not None:
        return Pixels(np.zeros(plan.shape), np.zeros(plan.shape, dtype=bool))
    if plan.area <= most or plan.area <= 4 * grid.width * grid.height or grid.width * grid.height == 1:
        return _apply(plan, fetch(*plan.window))
    vertical = grid.height >= grid.width
    half = (grid.height if vertical else grid.width) // 2
    if vertical:
        parts = [grid.window(0, half, 0, grid.width), grid.window(half, grid.height, 0, grid.width)]
    else:
        parts = [grid.window(0, grid.height, 0, half), grid.window(0, grid.height, half, grid.width)]
    pieces = [sample(build_plan, lattice, part, mode, fetch, most) for part in parts]
    return _joined(pieces, parts, axis=0 if vertical else 1)


def _joined(pieces: list[Pixels], parts: list[Grid], axis: int) -> Pixels:
    shapes = [(part.height, part.width) for part in parts]
    values = np.concatenate([np.broadcast_to(p.values, s) for p, s in zip(pieces, shapes, strict=True)], axis=axis)
    if all(piece.mask is None for piece in pieces):
        return Pixels(values, None)
    masks = [
        np.ones(shape, dtype=bool) if piece.mask is None else np.broadcast_to(piece.mask, shape)
        for piece, shape in zip(pieces, shapes, strict=True)
    ]
    return Pixels(values, np.concatenate(masks, axis=axis))
