"""Aligned blocks of a native pixel grid, and the coarser nodes on which long-wave fields are evaluated.

Noise of a wavelength of kilometres need not be hashed at every 10 m pixel: it is evaluated at nodes a fraction of its
wavelength apart and carried to finer nodes and to pixels by cubic (Catmull-Rom) interpolation. Nodes sit at fixed
multiples of the pixel index and a block always has one shape, so a pixel's value never depends on who asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from geomeld_build.emulator.compiled import kernel
from geomeld_build.emulator.worlds.planet.ground.noise import Floats, Ints, unit_xyz

__all__ = ["ASTER_LATTICE", "HALO", "UTM_LATTICE", "Block", "LatticeSpec", "refine"]

HALO = 1
"""Pixels of surroundings that a block is evaluated with."""

_PAD = 3
"""Nodes beyond the block's own on each side: two for cubic interpolation, one more for gradients."""


@dataclass(frozen=True, slots=True)
class LatticeSpec:
    """Shape of the blocks of one kind of grid, in pixels."""

    size: int
    """Pixels along one side of a block."""
    macro: int
    """Pixels between macro nodes (about 600 m)."""
    meso: int
    """Pixels between meso nodes (about 100 m)."""
    fine: int
    """Pixels between fine nodes (20-30 m)."""
    group: int = 1
    """Blocks along one side of a group, whose macro and meso nodes are evaluated together."""


UTM_LATTICE = LatticeSpec(size=60, macro=60, meso=10, fine=2, group=4)
"""10 m pixels of a UTM zone; 60 px blocks nest the 20 m and 60 m pixels of Sentinel-2."""

ASTER_LATTICE = LatticeSpec(size=60, macro=30, meso=5, fine=1, group=2)
"""1 arc-second pixels; larger blocks than nodes would need, for a call costs more than a pixel."""


@lru_cache(maxsize=64)
def _taps(size: int, source: int, target: int) -> tuple[Ints, Floats]:
    """Catmull-Rom interpolation from nodes ``source`` pixels apart to those ``target`` apart; target 0 = pixel centres.

    Returns:
        For every finer point the first of its four nodes ``(point,)``, and their weights ``(4, point)``.
    """
    if target:
        count = size // target + 2 * _PAD + 1
        position = (np.arange(count) - _PAD) * target / source
    else:
        position = (np.arange(size + 2 * HALO) - HALO + 0.5) / source
    nodes = size // source + 2 * _PAD + 1
    # Outermost nodes of the finer level are beyond what the coarser one supports; they are only padding.
    position = np.clip(position + _PAD, 1.0, nodes - 2.0 - 1e-9)
    left = np.floor(position).astype(np.int64)
    t = position - left
    taps = (
        ((-t + 2) * t - 1) * t / 2,
        (((3 * t - 5) * t) * t + 2) / 2,
        ((-3 * t + 4) * t + 1) * t / 2,
        ((t - 1) * t * t) / 2,
    )
    return left - 1, np.stack(taps)


def refine(field: Floats, size: int, source: int, target: int) -> Floats:
    """Fields ``(..., node, node)`` carried to finer nodes (target > 0) or to pixels with their halo (target 0)."""
    first, taps = _taps(size, source, target)
    found = _carried(np.ascontiguousarray(field).reshape(-1, *field.shape[-2:]), first, taps)
    return found.reshape(*field.shape[:-2], first.size, first.size)


@kernel
def _carried(field: Floats, first: Ints, taps: Floats) -> Floats:
    layers, nodes, _ = field.shape
    out, rows = np.empty((layers, first.size, first.size)), np.empty((nodes, first.size))
    for layer in range(layers):
        for i in range(nodes):
            for j in range(first.size):
                p, line = first[j], field[layer, i]
                total = taps[0, j] * line[p] + taps[1, j] * line[p + 1]
                rows[i, j] = total + taps[2, j] * line[p + 2] + taps[3, j] * line[p + 3]
        for i in range(first.size):
            p, a, b, c, d = first[i], taps[0, i], taps[1, i], taps[2, i], taps[3, i]
            for j in range(first.size):
                out[layer, i, j] = a * rows[p, j] + b * rows[p + 1, j] + c * rows[p + 2, j] + d * rows[p + 3, j]
    return out


@dataclass(frozen=True, slots=True)
class Block:
    """One aligned block of a grid."""

    grid: Hashable
    """Name of the grid."""
    spec: LatticeSpec
    place: Callable[[Floats, Floats], tuple[Floats, Floats]]
    """Pixel corner coordinates (column, row) to lon/lat degrees."""
    row: int
    """Index of the block: its first pixel row is ``row * size``."""
    column: int

    def group(self) -> Block:
        """The group of blocks to which this one belongs, as one large block."""
        spec, side = self.spec, self.spec.group
        whole = LatticeSpec(spec.size * side, spec.macro, spec.meso, spec.fine)
        return Block(self.grid, whole, self.place, self.row // side, self.column // side)

    def meso_in_group(self) -> tuple[slice, slice]:
        """Where the meso nodes of this block, padding included, lie among those of its group."""
        step = self.spec.size // self.spec.meso
        count = step + 2 * _PAD + 1
        row, column = self.row % self.spec.group * step, self.column % self.spec.group * step
        return slice(row, row + count), slice(column, column + count)

    def lonlat(self, spacing: int) -> tuple[Floats, Floats]:
        """Lon/lat ``(node, node)`` of the nodes ``spacing`` pixels apart, padding included."""
        count = self.spec.size // spacing + 2 * _PAD + 1
        steps = (np.arange(count) - _PAD) * float(spacing)
        columns, rows = np.meshgrid(self.column * self.spec.size + steps, self.row * self.spec.size + steps)
        return self.place(columns, rows)

    def xyz(self, spacing: int) -> Floats:
        """Points ``(3, node, node)`` in km of the nodes ``spacing`` pixels apart."""
        return unit_xyz(*self.lonlat(spacing))
