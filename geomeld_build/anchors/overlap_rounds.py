"""The lexicographically first set of tiles that do not overlap, found for millions of tiles at once.

One tile after another would be kept when nothing kept before overlaps it. The same set comes about in rounds
(Blelloch, Fineman and Shun 2012: the greedy set is found in parallel in few rounds when the order is random): a tile
that comes first of all that are left in its bin and in the bins around it is certainly kept, and what it overlaps is
certainly dropped. No list of pairs is made, so thousands of tiles in one place cost no more than elsewhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomeld_build.anchors.overlap_bins import AROUND, Bins, beside, binned, ragged, seam_neighbours
from geomeld_build.anchors.overlap_squares import Squares, overlap

__all__ = ["first_independent"]

_ROUNDS = 200


def first_independent(squares: Squares, rounds: int = _ROUNDS) -> NDArray[np.bool_]:
    """Which tiles the greedy pass over the tiles in their order keeps: ``(tile,)``.

    Orders that are not random (from west to east, say) can need as many rounds as tiles in a row; what is left after
    ``rounds`` is gone through one by one.
    """
    bins = binned(squares)
    kept = np.zeros(len(bins.members), bool)
    edges = _edges(bins)
    tiles, owner = bins.members, np.repeat(np.arange(len(bins.codes)), bins.counts)
    for _ in range(rounds):
        if not len(tiles):
            return kept
        edges, tiles, owner = _round(squares, len(bins.codes), edges, tiles, owner, kept)
    if len(tiles):
        _one_by_one(squares, edges, tiles, owner, kept)
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


def _one_by_one(
    squares: Squares,
    edges: NDArray[np.int32],
    tiles: NDArray[np.int64],
    owner: NDArray[np.int64],
    kept: NDArray[np.bool_],
) -> None:
    """The greedy pass itself, over tiles that overlap nothing kept so far. Writes into ``kept``."""
    edges = edges[:, np.argsort(edges[0], kind="stable")]
    neighbours = np.split(edges[1], np.flatnonzero(np.diff(edges[0])) + 1)
    around = dict(zip(np.unique(edges[0]).tolist(), (part.tolist() for part in neighbours), strict=False))
    inside: dict[int, int] = {}
    order = np.argsort(tiles)
    for tile, home in zip(tiles[order].tolist(), owner[order].tolist(), strict=True):
        if home in inside:
            continue
        rivals = np.array([inside[bin_] for bin_ in around.get(home, []) if bin_ in inside], np.int64)
        if not overlap(squares, np.full(len(rivals), tile), squares, rivals).any():
            inside[home] = tile
            kept[tile] = True
