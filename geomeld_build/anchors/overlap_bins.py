"""Tiles in bins as wide as a tile: a tile can only overlap tiles of its own bin and of the bins around it.

All tiles of one bin overlap each other, so no more than one tile of a bin survives thinning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geomeld_build.anchors.overlap_squares import REACH_M, SIDE, Squares, earth_xyz, sheet_lonlat

__all__ = ["AROUND", "Bins", "beside", "bin_step", "binned", "pairs_in_bins", "ragged", "seam_neighbours"]

AROUND = [(0, 0), *((column, row) for column in (-1, 0, 1) for row in (-1, 0, 1) if (column, row) != (0, 0))]
"""Steps in columns and rows to a bin and the eight around it."""
_ROWS, _COLUMNS = 1 << 16, 1 << 14
_SHEET = _ROWS * _COLUMNS
_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """Tiles grouped by the bin of their upper left corner."""

    squares: Squares
    codes: NDArray[np.int64]
    """``(bin,)`` sheet, column and row in one number, ascending."""
    starts: NDArray[np.int64]
    """``(bin + 1,)`` where the members of each bin begin."""
    members: NDArray[np.int64]
    """``(tile,)`` positions of tiles, bin by bin, ascending in each."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """Tiles of each bin."""
        return np.diff(self.starts)

    def owners(self) -> NDArray[np.int64]:
        """Bin of each tile, in the order of the tiles."""
        owner = np.empty(len(self.members), np.int64)
        owner[self.members] = np.repeat(np.arange(len(self.codes)), self.counts)
        return owner


def binned(squares: Squares) -> Bins:
    """Sort tiles into bins."""
    column, row = squares.x // SIDE + _COLUMNS // 2, squares.y // SIDE + _ROWS // 2
    code = (squares.sheet.astype(np.int64) * _COLUMNS + column) * _ROWS + row
    members = np.argsort(code, kind="stable")
    code = code[members]
    first = np.flatnonzero(np.diff(code, prepend=-1))
    return Bins(squares, code[first], np.append(first, len(code)), members)


def bin_step(column: int, row: int) -> int:
    """What to add to the code of a bin for the bin so many columns and rows away."""
    return column * _ROWS + row


def beside(a: Bins, b: Bins, column: int, row: int) -> NDArray[np.int64]:
    """For each bin of ``a`` the bin of ``b`` so many columns and rows away on the same sheet, -1 where it is empty."""
    wanted = a.codes + bin_step(column, row)
    if not len(b.codes):
        return np.full(len(wanted), -1, np.int64)
    at = np.minimum(np.searchsorted(b.codes, wanted), len(b.codes) - 1)
    return np.where(b.codes[at] == wanted, at, -1)


def seam_neighbours(a: Bins, b: Bins) -> NDArray[np.int64]:
    """``(pair, 2)`` bins of ``a`` and ``b`` on different sheets of which tiles may overlap."""
    near_a, near_b = _at_seams(a), _at_seams(b)
    if not (len(near_a) and len(near_b)):
        return np.empty((0, 2), np.int64)
    # Centres of a bin's tiles lie within half a diagonal of the point in their middle.
    reach = 2.0 * REACH_M
    found = cKDTree(_middles(a.codes[near_a])).sparse_distance_matrix(
        cKDTree(_middles(b.codes[near_b])), reach, output_type="ndarray"
    )
    pairs = np.column_stack([near_a[found["i"]], near_b[found["j"]]])
    other_sheet: NDArray[np.bool_] = a.codes[pairs[:, 0]] // _SHEET != b.codes[pairs[:, 1]] // _SHEET
    return pairs[other_sheet]


def pairs_in_bins(
    a: Bins, b: Bins, bins: NDArray[np.int64], block: int = _BLOCK
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Every tile of the one bin with every tile of the other, for ``(pair, 2)`` bins, about ``block`` at a time."""
    edge, at = ragged(a.starts[bins[:, 0]], a.counts[bins[:, 0]])
    first, other = a.members[at], bins[edge, 1]
    ends = np.cumsum(b.counts[other])
    begin = 0
    while begin < len(first):
        done = int(ends[begin - 1]) if begin else 0
        end = max(int(np.searchsorted(ends, done + block, side="right")), begin + 1)
        part = other[begin:end]
        row, at = ragged(b.starts[part], b.counts[part])
        yield first[begin:end][row], b.members[at]
        begin = end


def ragged(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ranges of different lengths one after another: the number of the range, and its elements."""
    owner = np.repeat(np.arange(len(counts)), counts)
    shift = starts - (np.cumsum(counts) - counts)
    return owner, shift[owner] + np.arange(len(owner))


def _at_seams(bins: Bins) -> NDArray[np.int64]:
    """Bins with a tile near a seam."""
    return np.unique(bins.owners()[bins.squares.slot >= 0])


def _middles(codes: NDArray[np.int64]) -> NDArray[np.float64]:
    sheet, column, row = codes // _SHEET, codes // _ROWS % _COLUMNS, codes % _ROWS
    x, y = (column - _COLUMNS // 2 + 1) * SIDE, (row - _ROWS // 2) * SIDE
    return earth_xyz(*sheet_lonlat(*(part.astype(np.int32) for part in (sheet, x, y))))
