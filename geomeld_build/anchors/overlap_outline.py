"""Whether a tile is reached by any tile of the next bin, without comparing it with each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomeld_build.anchors.overlap_bins import Bins
from geomeld_build.anchors.overlap_squares import SIDE, Squares

__all__ = ["Outline"]


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """How far the tiles of each bin reach towards one of its corners: a staircase.

    Offsets of upper left corners inside their bins are 0..63, counted from the side that faces the asker. Seen from
    the bin before, a tile at offset ``u`` reaches one at offset ``v`` exactly when ``u < v``; likewise in the other
    direction. So of all tiles with a smaller ``u`` only the smallest other offset counts.
    """

    mirrored: tuple[bool, bool]
    """Whether offsets count from the far side, in x and in y."""
    across: NDArray[np.int64]
    """``(tile,)`` bin * 64 + offset in x, ascending."""
    lowest: NDArray[np.int64]
    """``(tile,)`` the smallest offset in y of the bin's tiles up to here."""
    starts: NDArray[np.int64]
    """``(bin + 1,)`` where each bin begins."""

    @classmethod
    def of(cls, bins: Bins, left: bool, down: bool) -> Outline:
        """The staircases of all bins, offsets counted from the far side where mirrored."""
        owner = np.repeat(np.arange(len(bins.codes)), bins.counts)
        u, v = (_offsets(axis[bins.members], flip) for axis, flip in ((bins.squares.x, left), (bins.squares.y, down)))
        across = owner * SIDE + u
        order = np.argsort(across, kind="stable")
        # Every bin starts below all before it, so that one running minimum serves all.
        fall = owner * SIDE
        lowest = np.minimum.accumulate(v[order] - fall) + fall
        return cls((left, down), across[order], lowest, bins.starts)

    def reached(
        self, bins: NDArray[np.int64], squares: Squares, tiles: NDArray[np.int64], column: int, row: int
    ) -> NDArray[np.bool_]:
        """Whether a tile of the given bin overlaps the tile so many columns and rows before it, one by one."""
        left, down = self.mirrored
        u, v = _offsets(squares.x[tiles], left), _offsets(squares.y[tiles], down)
        # Tiles of one column, or of one row, overlap in that direction wherever they are in their bins.
        u, v = (axis if step else np.full(len(tiles), SIDE) for axis, step in ((u, column), (v, row)))
        last = np.searchsorted(self.across, bins * SIDE + u) - 1
        result: NDArray[np.bool_] = (last >= self.starts[bins]) & (self.lowest[last] < v)
        return result


def _offsets(axis: NDArray[np.int32], mirrored: bool) -> NDArray[np.int64]:
    offset = axis.astype(np.int64) % SIDE
    return SIDE - 1 - offset if mirrored else offset
