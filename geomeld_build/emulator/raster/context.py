"""What rendering shares within one request: memoised pixels, plans and footprints, and the reading budget."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.errors import EvalError, ServiceError
from geomeld_build.emulator.raster.grid import Grid
from geomeld_build.emulator.raster.resample import Fetch, Pixels, Plan, build_plan, grid_coordinates, sample
from geomeld_build.emulator.settings import LimitSettings
from geomeld_build.emulator.values import WGS84, Projection

__all__ = ["Node", "RenderContext"]


class Node(Protocol):
    """One lazy band: renders itself onto any grid."""

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:
        """Pixels of the band on the grid."""
        ...


class RenderContext:
    """Renders nodes, each at most once per grid.

    Attributes:
        native_pixels: source pixels read so far.
    """

    def __init__(self, limits: LimitSettings) -> None:
        self._limits = limits
        self._pixels: dict[tuple[Node, Grid], Pixels] = {}
        self._plans: dict[tuple[Projection, Grid, str], Plan] = {}
        self._inside: dict[tuple[int, Grid], tuple[BaseGeometry, NDArray[np.bool_] | None]] = {}
        self.native_pixels = 0

    def render(self, node: Node, grid: Grid) -> Pixels:
        """Pixels of a node on a grid, computed once."""
        key = (node, grid)
        found = self._pixels.get(key)
        if found is None:
            found = self._pixels[key] = node.render(self, grid)
        return found

    def forget(self) -> None:
        """Drop rendered pixels, to bound memory between blocks of a large request."""
        self._pixels.clear()
        self._plans.clear()
        self._inside.clear()

    def sample(self, lattice: Projection, grid: Grid, mode: str, fetch: Fetch) -> Pixels:
        """Read a lattice onto a grid through ``fetch``."""
        try:
            return sample(self._plan, lattice, grid, mode, fetch, self._limits.window_pixels)
        except EvalError as exc:
            raise ServiceError(str(exc)) from exc

    def charge(self, pixels: int) -> None:
        """Count native pixels about to be read.

        Raises:
            ServiceError: the request reads more than the limit allows.
        """
        self.native_pixels += pixels
        if self.native_pixels > self._limits.native_pixels:
            raise ServiceError("User memory limit exceeded.")

    def inside(self, shape: BaseGeometry, grid: Grid) -> NDArray[np.bool_] | None:
        """Where pixel centres lie inside a lon/lat shape; None = everywhere."""
        key = (id(shape), grid)
        found = self._inside.get(key)
        if found is None:
            # The shape is kept next to its result, so that its id stays taken.
            found = self._inside[key] = (shape, _inside(shape, grid))
        return found[1]

    def _plan(self, lattice: Projection, grid: Grid, mode: str) -> Plan:
        key = (lattice, grid, mode)
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = build_plan(lattice, grid, mode)
        return found


def _inside(shape: BaseGeometry, grid: Grid) -> NDArray[np.bool_] | None:
    x: NDArray[Any]
    y: NDArray[Any]
    x, y = np.broadcast_arrays(*grid_coordinates(WGS84, grid))
    x = np.where(np.abs(x) > 180.0, (x + 180.0) % 360.0 - 180.0, x)
    if np.isfinite(x).all() and np.isfinite(y).all():
        box = shapely.box(float(x.min()), float(y.min()), float(x.max()), float(y.max()))
        if shape.covers(box):
            return None
    shapely.prepare(shape)
    return np.asarray(shapely.intersects_xy(shape, x.ravel(), y.ravel())).reshape(x.shape)
