"""The lexicographically first set of tiles that do not overlap, found for millions of tiles at once.

One tile after another would be kept when nothing kept before overlaps it. The same set comes about in rounds
(Blelloch, Fineman and Shun 2012: the greedy set is found in parallel in few rounds when the order is random): a tile
that comes first of all that are left in its bin and in the bins around it is certainly kept, and what it overlaps is
certainly dropped. No list of pairs is made, so thousands of tiles in one place cost no more than elsewhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomeld_build.anchors.overlap_bins import AROUND, Bins, beside, bin_step, binned, ragged, seam_neighbours
from geomeld_build.anchors.overlap_squares import SIDE, Squares, overlap

__all__ = ["first_independent"]

_EFFORT = 8.0


def first_independent(squares: Squares, effort: float = _EFFORT) -> NDArray[np.bool_]:
    """Which tiles the greedy pass over the tiles in their order keeps: ``(tile,)``.

    Rounds look at each tile once or twice in a random order, six times where the lattice is full. Orders that are not
    random (from west to east, say) can need as many rounds as there are tiles in a row: when rounds have looked
    ``effort`` times at every tile, what is left is gone through one by one, with the same result.
    """
    bins = binned(squares)
    kept = np.zeros(len(bins.members), bool)
    edges = _edges(bins)
    tiles, owner = bins.members, np.repeat(np.arange(len(bins.codes)), bins.counts)
    looks = effort * len(tiles)
    while len(tiles) and looks >= len(tiles):
        looks -= len(tiles)
        edges, tiles, owner = _round(squares, len(bins.codes), edges, tiles, owner, kept)
    if len(tiles):
        _one_by_one(bins, tiles, owner, kept)
    return kept


def _edges(bins: Bins) -> NDArray[np.int32]:
    """``(2, edge)`` bins in which tiles may overlap, in both directions."""
    parts = []
    for column, row in AROUND[1:]:
        to = beside(bins, bins, column, row)
        from_ = np.flatnonzero(to >= 0)
        parts.append(np.stack([from_, to[from_]]).astype(np.int32))
    parts.append(seam_neighbours(bins, bins).T.astype(np.int32))
    return np.concatenate(parts, axis=1)


def _round(
    squares: Squares,
    count: int,
    edges: NDArray[np.int32],
    tiles: NDArray[np.int64],
    owner: NDArray[np.int64],
    kept: NDArray[np.bool_],
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Keep the first of each neighbourhood; what is left of edges, tiles and their bins. Writes into ``kept``."""
    begin = np.flatnonzero(np.diff(owner, prepend=-1))
    filled = owner[begin]
    nobody = len(kept)
    head = np.full(count, nobody)
    head[filled] = tiles[begin]
    start, size = np.zeros(count, np.int64), np.zeros(count, np.int64)
    start[filled], size[filled] = begin, np.diff(begin, append=len(tiles))

    edges = edges[:, (size[edges[0]] > 0) & (size[edges[1]] > 0)]
    wins = head < nobody
    wins[edges[0][head[edges[0]] > head[edges[1]]]] = False
    kept[head[wins]] = True

    from_, to = edges[:, wins[edges[0]]]
    edge, at = ragged(start[to], size[to])
    left = ~wins[owner]
    left[at[overlap(squares, head[from_][edge], squares, tiles[at])]] = False
    return edges, tiles[left], owner[left]


def _one_by_one(bins: Bins, tiles: NDArray[np.int64], owner: NDArray[np.int64], kept: NDArray[np.bool_]) -> None:
    """The greedy pass itself, over tiles that overlap nothing kept so far. Writes into ``kept``."""
    squares = bins.squares
    order = np.argsort(tiles)
    tiles, owner = tiles[order], owner[order]
    across: dict[int, list[int]] = {}
    for home, other in bins.codes[seam_neighbours(bins, bins)].tolist():
        across.setdefault(home, []).append(other)
    steps = [bin_step(column, row) for column, row in AROUND[1:]]
    inside: dict[int, tuple[int, int, int]] = {}
    columns = (tiles, bins.codes[owner], squares.x[tiles], squares.y[tiles])
    for tile, home, x, y in zip(*(column.tolist() for column in columns), strict=True):
        if home in inside:
            continue
        # Plain numbers: arrays of eight would cost a hundred times as much.
        beside_it = (inside[home + step] for step in steps if home + step in inside)
        if any(abs(x - its_x) < SIDE and abs(y - its_y) < SIDE for its_x, its_y, _ in beside_it):
            continue
        rivals = np.array([inside[bin_][2] for bin_ in across.get(home, ()) if bin_ in inside], np.int64)
        if len(rivals) and overlap(squares, np.full(len(rivals), tile), squares, rivals).any():
            continue
        inside[home] = x, y, tile
        kept[tile] = True
