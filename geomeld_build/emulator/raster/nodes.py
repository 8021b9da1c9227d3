"""Lazy bands: sources, reprojection, arithmetic and mask algebra."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.raster.context import Node, RenderContext
from geomeld_build.emulator.raster.grid import Grid, columns_around, compose, invert, window_grid
from geomeld_build.emulator.raster.resample import Pixels
from geomeld_build.emulator.values import Projection
from geomeld_build.emulator.worlds.base import BandInfo, PixelReader

__all__ = [
    "ChangeProjNode",
    "ClipNode",
    "ConstantNode",
    "LatticeNode",
    "MapNode",
    "MaskNode",
    "SetMaskNode",
    "SourceNode",
    "UnmaskNode",
    "UpdateMaskNode",
    "WhereNode",
    "both_valid",
    "either_valid",
    "opacity",
]

Array = NDArray[Any]


def both_valid(first: Array | None, second: Array | None) -> Array | None:
    """Intersection of two masks: the smaller opacity."""
    if first is None:
        return second
    if second is None:
        return first
    if first.dtype == bool and second.dtype == bool:
        return first & second
    return np.minimum(first, second, dtype=np.float64)


def either_valid(first: Array | None, second: Array | None) -> Array | None:
    """Union of two masks: the larger opacity."""
    if first is None or second is None:
        return None
    if first.dtype == bool and second.dtype == bool:
        return first | second
    return np.maximum(first, second, dtype=np.float64)


def opacity(mask: Array | None) -> Array:
    """A mask as numbers 0..1."""
    return np.float64(1.0) if mask is None else mask.astype(np.float64)  # type: ignore[return-value]


def _beside(left: Pixels, right: Pixels) -> Pixels:
    """Two windows of one band side by side."""
    values = np.concatenate((left.values, right.values), axis=1)
    if left.mask is None and right.mask is None:
        return Pixels(values, None)
    masks = [np.ones(part.values.shape, dtype=bool) if part.mask is None else part.mask for part in (left, right)]
    return Pixels(values, np.concatenate(masks, axis=1))


@dataclass(frozen=True, eq=False, slots=True)
class SourceNode:
    """One band of an image asset. Reads nearest; interpolation is :class:`LatticeNode`'s."""

    read: PixelReader
    band: BandInfo

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:
        """Native pixels under the grid's pixel centres."""
        lattice = Projection(self.band.crs, self.band.transform)
        return ctx.sample(lattice, grid, "nearest", lambda *window: self._window(ctx, *window))

    def _window(self, ctx: RenderContext, row0: int, row1: int, col0: int, col1: int) -> Pixels:
        turn = columns_around(Projection(self.band.crs, self.band.transform))
        if turn is not None and col0 < turn < col1:
            # Across 180 degrees: what lies beyond the last column begins again with the first.
            near, far = self._window(ctx, row0, row1, col0, turn), self._window(ctx, row0, row1, 0, col1 - turn)
            return _beside(near, far)
        if turn is not None and col0 >= turn:
            return self._window(ctx, row0, row1, col0 - turn, col1 - turn)
        info = self.band
        inner = (max(row0, 0), min(row1, info.height), max(col0, 0), min(col1, info.width))
        shape = (row1 - row0, col1 - col0)
        dtype = np.dtype(info.dtype)
        if inner[0] >= inner[1] or inner[2] >= inner[3]:
            return Pixels(np.zeros(shape, dtype), np.zeros(shape, dtype=bool))
        ctx.charge((inner[1] - inner[0]) * (inner[3] - inner[2]))
        values, valid = self.read(info.name, *inner)
        if inner == (row0, row1, col0, col1):
            return Pixels(values, None if valid.all() else valid)
        out, mask = np.zeros(shape, dtype), np.zeros(shape, dtype=bool)
        place = np.s_[inner[0] - row0 : inner[1] - row0, inner[2] - col0 : inner[3] - col0]
        out[place] = values
        mask[place] = valid
        return Pixels(out, mask)


@dataclass(frozen=True, eq=False, slots=True)
class LatticeNode:
    """Pixels of the child on its own lattice, read from there onto the requested grid."""

    child: Node
    lattice: Projection
    mode: str

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:
        """The child's lattice pixels, interpolated onto the grid; equal grids copy."""
        return ctx.sample(
            self.lattice, grid, self.mode, lambda *window: ctx.render(self.child, window_grid(self.lattice, *window))
        )


@dataclass(frozen=True, eq=False, slots=True)
class ChangeProjNode:
    """Moves pixels to the same pixel coordinates of another projection."""

    child: Node
    source: Projection
    target: Projection

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:
        """The child's pixels at the grid's pixel coordinates in ``target``."""
        if grid.crs != self.target.crs:
            return ctx.sample(
                self.target, grid, "nearest", lambda *window: self.render(ctx, window_grid(self.target, *window))
            )
        pixel = compose(invert(self.target.transform), grid.transform)
        moved = compose(self.source.transform, pixel)
        return ctx.render(self.child, Grid(self.source.crs, moved, grid.width, grid.height))


@dataclass(frozen=True, eq=False, slots=True)
class ConstantNode:
    """The same valid value everywhere."""

    value: float

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:  # noqa: ARG002
        """A scalar."""
        return Pixels(np.asarray(self.value), None)


@dataclass(frozen=True, eq=False, slots=True)
class MapNode:
    """A pixel-wise function of one or more bands; the mask is the intersection of theirs."""

    function: Callable[..., Array]
    children: Sequence[Node]

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:
        """The function of the children's values."""
        values, mask = [], None
        for child in self.children:
            pixels = ctx.render(child, grid)
            values.append(pixels.values)
            mask = both_valid(mask, pixels.mask)
        with np.errstate(all="ignore"):
            return Pixels(self.function(*values), mask)


@dataclass(frozen=True, eq=False, slots=True)
class MaskNode:
    """The mask of a band as a valid band of opacities 0..1."""

    child: Node

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:
        """Opacity, valid everywhere."""
        return Pixels(opacity(ctx.render(self.child, grid).mask), None)


def _new_mask(pixels: Pixels) -> Array:
    values = np.clip(np.nan_to_num(pixels.values.astype(np.float64)), 0.0, 1.0)
    return values if pixels.mask is None else np.where(pixels.mask > 0, values, 0.0)


@dataclass(frozen=True, eq=False, slots=True)
class UpdateMaskNode:
    """Takes a new mask wherever the old one is not zero."""

    child: Node
    mask: Node

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:
        """The child's values under the new mask."""
        old = ctx.render(self.child, grid)
        new = _new_mask(ctx.render(self.mask, grid))
        return Pixels(old.values, new if old.mask is None else np.where(old.mask > 0, new, 0.0))


@dataclass(frozen=True, eq=False, slots=True)
class SetMaskNode:
    """Takes a new mask everywhere; pixels that were masked before become 0."""

    child: Node
    mask: Node

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:
        """The child's values under the new mask."""
        old = ctx.render(self.child, grid)
        values = old.values if old.mask is None else np.where(old.mask > 0, old.values, 0)
        return Pixels(values, _new_mask(ctx.render(self.mask, grid)))


@dataclass(frozen=True, eq=False, slots=True)
class UnmaskNode:
    """Fills masked pixels from another band, inside the footprint of the first one."""

    child: Node
    fill: Node
    footprint: BaseGeometry | None
    """Lon/lat shape outside which nothing is filled; None = fill everywhere."""

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:
        """The child's pixels, and the fill's where the child is masked."""
        pixels = ctx.render(self.child, grid)
        if pixels.mask is None:
            return pixels
        fill = ctx.render(self.fill, grid)
        keep = pixels.mask > 0
        values = np.where(keep, pixels.values, fill.values)
        filled = opacity(fill.mask)
        if self.footprint is not None:
            inside = ctx.inside(self.footprint, grid)
            filled = filled if inside is None else filled * inside
        mask = np.where(keep, pixels.mask, filled)
        return Pixels(values, None if (mask >= 1).all() else mask)


@dataclass(frozen=True, eq=False, slots=True)
class WhereNode:
    """Replaces values where a test is valid and not zero, and the replacement is valid. The mask stays."""

    child: Node
    test: Node
    value: Node

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:
        """The child's pixels with replacements."""
        pixels, test, value = (ctx.render(node, grid) for node in (self.child, self.test, self.value))
        replace = (test.values != 0) & (opacity(test.mask) > 0) & (opacity(value.mask) > 0)
        return Pixels(np.where(replace, value.values, pixels.values), pixels.mask)


@dataclass(frozen=True, eq=False, slots=True)
class ClipNode:
    """Masks pixels whose centre lies outside a lon/lat shape."""

    child: Node
    shape: BaseGeometry

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:
        """The child's pixels, masked outside the shape."""
        pixels = ctx.render(self.child, grid)
        return Pixels(pixels.values, both_valid(pixels.mask, ctx.inside(self.shape, grid)))
