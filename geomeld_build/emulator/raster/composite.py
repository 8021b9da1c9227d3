"""Composites of many bands: mosaic and per-pixel statistics. Masks are united."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.raster.context import Node, RenderContext
from geomeld_build.emulator.raster.grid import Grid
from geomeld_build.emulator.raster.nodes import either_valid
from geomeld_build.emulator.raster.resample import Pixels

__all__ = ["STATISTICS", "MosaicNode", "StatisticNode"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False, slots=True)
class MosaicNode:
    """The last band that is not masked wins."""

    children: Sequence[Node]

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:
        """Values of the topmost unmasked child."""
        if not self.children:
            return Pixels(np.asarray(0.0), np.asarray(False))
        values, mask = ctx.render(self.children[-1], grid)
        # From the top down: children under a complete cover are never read.
        for child in reversed(self.children[:-1]):
            if mask is None:
                break
            below = ctx.render(child, grid)
            values = np.where(mask > 0, values, below.values)
            mask = either_valid(mask, below.mask)
            if mask is not None and mask.shape and (mask >= 1).all():
                mask = None
        return Pixels(values, mask)


@dataclass(frozen=True, eq=False, slots=True)
class StatisticNode:
    """A statistic over the unmasked values of all children, pixel by pixel."""

    statistic: str
    children: Sequence[Node]

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:
        """The statistic; masked where every child is."""
        shape = (grid.height, grid.width)
        if not self.children:
            return Pixels(np.zeros(shape), np.zeros(shape, dtype=bool))
        pixels = [ctx.render(child, grid) for child in self.children]
        stack = np.stack([np.broadcast_to(p.values, shape) for p in pixels])
        valid = np.stack(
            [np.ones(shape, bool) if p.mask is None else np.broadcast_to(p.mask > 0, shape) for p in pixels]
        )
        with np.errstate(all="ignore"):
            values = STATISTICS[self.statistic](stack, valid)
        if self.statistic == "count":
            return Pixels(values, None)
        any_valid = valid.any(axis=0)
        return Pixels(np.where(any_valid, values, 0), None if any_valid.all() else np.asarray(any_valid))


def _masked_sum(stack: Array, valid: Array) -> Array:
    return np.asarray(np.where(valid, stack, 0).sum(axis=0, dtype=np.float64))


def _count(stack: Array, valid: Array) -> Array:  # noqa: ARG001
    return np.asarray(valid.sum(axis=0))


def _mean(stack: Array, valid: Array) -> Array:
    return np.asarray(_masked_sum(stack, valid) / valid.sum(axis=0))


def _min(stack: Array, valid: Array) -> Array:
    return np.asarray(np.where(valid, stack, np.inf).min(axis=0))


def _max(stack: Array, valid: Array) -> Array:
    return np.asarray(np.where(valid, stack, -np.inf).max(axis=0))


def _product(stack: Array, valid: Array) -> Array:
    return np.asarray(np.where(valid, stack, 1).astype(np.float64).prod(axis=0))


def _variance(stack: Array, valid: Array) -> Array:
    deviation = np.where(valid, stack - _mean(stack, valid), 0.0)
    return np.asarray((deviation**2).sum(axis=0) / valid.sum(axis=0))


def _std(stack: Array, valid: Array) -> Array:
    return np.asarray(np.sqrt(_variance(stack, valid)))


def _median(stack: Array, valid: Array) -> Array:
    ordered = np.sort(np.where(valid, stack.astype(np.float64), np.inf), axis=0)
    count = np.maximum(valid.sum(axis=0), 1)
    low = np.take_along_axis(ordered, ((count - 1) // 2)[None], axis=0)[0]
    high = np.take_along_axis(ordered, (count // 2)[None], axis=0)[0]
    return np.asarray((low + high) / 2.0)


def _mode(stack: Array, valid: Array) -> Array:
    """The most frequent value; of equally frequent ones the smallest."""
    best = np.zeros(stack.shape[1:], dtype=np.int64)
    winner = np.zeros(stack.shape[1:], dtype=stack.dtype)
    for index in range(len(stack)):
        candidate = stack[index]
        votes = ((stack == candidate) & valid).sum(axis=0)
        better = valid[index] & ((votes > best) | ((votes == best) & (candidate < winner)))
        winner = np.where(better, candidate, winner)
        best = np.where(better, votes, best)
    return winner


def _first(stack: Array, valid: Array) -> Array:
    return np.asarray(np.take_along_axis(stack, valid.argmax(axis=0)[None], axis=0)[0])


def _last(stack: Array, valid: Array) -> Array:
    return np.asarray(np.take_along_axis(stack, (len(stack) - 1 - valid[::-1].argmax(axis=0))[None], axis=0)[0])


def _and(stack: Array, valid: Array) -> Array:
    return np.asarray((np.where(valid, stack, 1) != 0).all(axis=0).astype(np.uint8))


def _or(stack: Array, valid: Array) -> Array:
    return np.asarray((np.where(valid, stack, 0) != 0).any(axis=0).astype(np.uint8))


STATISTICS: dict[str, Callable[[Array, Array], Array]] = {
    "count": _count,
    "sum": _masked_sum,
    "mean": _mean,
    "min": _min,
    "max": _max,
    "product": _product,
    "variance": _variance,
    "stdDev": _std,
    "median": _median,
    "mode": _mode,
    "first": _first,
    "last": _last,
    "and": _and,
    "or": _or,
}
