"""Which tiles overlap, and which stay when none may: exact for the planned 1,280 m squares.

Tiles overlap when they share more than an edge. Inside a zone this is decided in whole numbers; across the seams of
zones (every 6 degrees, Norway, Svalbard, the antimeridian) the turned squares are compared, and squares that share
less than 1 cm across touch. North and south of the equator a zone is one grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geomeld_build.anchors.overlap_bins import AROUND, Bins, beside, binned, pairs_in_bins, seam_neighbours
from geomeld_build.anchors.overlap_outline import Outline
from geomeld_build.anchors.overlap_rounds import first_independent
from geomeld_build.anchors.overlap_squares import earth_xyz, overlap, squares
from geomeld_build.anchors.places import Places
from geomeld_build.errors import ConfigError

__all__ = ["Thinned", "nearest_distance_m", "overlapping_pairs", "overlaps_any", "thin"]

_MEAN_RADIUS_M = 6_371_008.8
_AHEAD = [(0, 1), (1, -1), (1, 0), (1, 1)]


@dataclass(frozen=True, slots=True, eq=False)
class Thinned:
    """What became of each place; exactly one of the columns is true. All ``(place,)``."""

    kept: NDArray[np.bool_]
    """Stays: overlaps nothing that stays, nor anything of the other places."""
    by_block: NDArray[np.bool_]
    """Dropped because it overlaps one of the other places."""
    by_pool: NDArray[np.bool_]
    """Dropped because it overlaps a kept one that comes earlier."""


def overlapping_pairs(places: Places, others: Places | None = None) -> NDArray[np.int64]:
    """Positions of tiles that overlap: ``(pair, 2)``, sorted.

    Args:
        places: tiles.
        others: tiles to compare them with; the second column holds their positions. Without them the places are
            compared among themselves, each pair once, the smaller position first.

    Raises:
        ConfigError: an origin is not on the 20 m grid of a UTM zone.
    """
    a = binned(squares(places))
    if others is None:
        pairs = np.concatenate([_own_pairs(a), np.sort(_hits(a, a, _bins_ahead(a)), axis=1)])
    else:
        b = binned(squares(others))
        pairs = _hits(a, b, _bins_around(a, b))
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def overlaps_any(places: Places, others: Places) -> NDArray[np.bool_]:
    """Whether each place overlaps one of the others or more: ``(place,)``.

    Raises:
        ConfigError: an origin is not on the 20 m grid of a UTM zone.
    """
    return _overlaps_any(binned(squares(places)), binned(squares(others)))


def thin(places: Places, order: NDArray[np.uint64], blocked_by: Places | None = None) -> Thinned:
    """Drop places until no two overlap: each is kept unless it overlaps an earlier kept one, or one of ``blocked_by``.

    Places come in the order of (``order``, key); what stays does not depend on their order in the columns. Places with
    equal order, key and origin are one tile, of which one stays.

    Args:
        places: tiles.
        order: ``(place,)`` what comes first; a keyed draw, or anything else.
        blocked_by: tiles that stay in any case; they may overlap each other.

    Raises:
        ConfigError: ``order`` has another length than the places; an origin is not on the 20 m grid of a UTM zone.
    """
    if len(order) != len(places):
        raise ConfigError(f"order has {len(order)} numbers for {len(places)} places: expected one for each")
    tiles = squares(places)
    by_block = np.zeros(len(places), bool)
    if blocked_by is not None:
        by_block = _overlaps_any(binned(tiles), binned(squares(blocked_by)))
    sequence = _sequence(places, order)
    sequence = sequence[~by_block[sequence]]
    kept = np.zeros(len(places), bool)
    kept[sequence[first_independent(tiles.take(sequence))]] = True
    return Thinned(kept, by_block, ~(kept | by_block))


def nearest_distance_m(places: Places, others: Places | None = None) -> NDArray[np.float64]:
    """Metres from each centre to the nearest of the others, or of its own kind without them: ``(place,)``.

    The straight line between points of the ellipsoid, turned into an arc of the mean radius: good to 0.1 % up to
    1,000 km (0.01 % up to 100 km). Infinite where there is no other.
    """
    points = earth_xyz(places.lon, places.lat)
    own = others is None
    tree = cKDTree(points if others is None else earth_xyz(others.lon, others.lat), balanced_tree=False)
    if tree.n <= own:
        return np.full(len(places), np.inf)
    distance, _ = tree.query(points, k=[2 if own else 1])
    chord: NDArray[np.float64] = distance[:, 0]
    return 2.0 * _MEAN_RADIUS_M * np.arcsin(np.minimum(chord / (2.0 * _MEAN_RADIUS_M), 1.0))


def _own_pairs(bins: Bins) -> NDArray[np.int64]:
    """Pairs of tiles of one bin: they all overlap."""
    full = np.flatnonzero(bins.counts > 1)
    found = [np.empty((0, 2), np.int64)]
    for i, j in pairs_in_bins(bins, bins, np.column_stack([full, full])):
        once = i < j
        found.append(np.column_stack([i[once], j[once]]))
    return np.concatenate(found)


def _hits(a: Bins, b: Bins, bins: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs of tiles of the given pairs of bins that overlap: ``(pair, 2)``."""
    found = [np.empty((0, 2), np.int64)]
    for i, j in pairs_in_bins(a, b, bins):
        hit = overlap(a.squares, i, b.squares, j)
        found.append(np.column_stack([i[hit], j[hit]]))
    return np.concatenate(found)


def _bins_ahead(bins: Bins) -> NDArray[np.int64]:
    """Pairs of different bins to compare, each once."""
    seams = seam_neighbours(bins, bins)
    # Bins are sorted by sheet.
    return np.concatenate([*(_step(bins, bins, *step) for step in _AHEAD), seams[seams[:, 0] < seams[:, 1]]])


def _bins_around(a: Bins, b: Bins) -> NDArray[np.int64]:
    return np.concatenate([*(_step(a, b, *step) for step in AROUND), seam_neighbours(a, b)])


def _step(a: Bins, b: Bins, column: int, row: int) -> NDArray[np.int64]:
    to = beside(a, b, column, row)
    from_ = np.flatnonzero(to >= 0)
    return np.column_stack([from_, to[from_]])


def _overlaps_any(a: Bins, b: Bins) -> NDArray[np.bool_]:
    """Without pairs: on one sheet only the outermost tiles of a bin matter."""
    owner = a.owners()
    hit = (beside(a, b, 0, 0) >= 0)[owner]
    outlines: dict[tuple[bool, bool], Outline] = {}
    for column, row in AROUND[1:]:
        to = beside(a, b, column, row)[owner]
        open_ = np.flatnonzero((to >= 0) & ~hit)
        mirrored = (column < 0, row < 0)
        if mirrored not in outlines:
            outlines[mirrored] = Outline.of(b, *mirrored)
        hit[open_] = outlines[mirrored].reached(to[open_], a.squares, open_, column, row)
    for i, j in pairs_in_bins(a, b, seam_neighbours(a, b)):
        open_ = np.flatnonzero(~hit[i])
        i, j = i[open_], j[open_]
        hit[i[overlap(a.squares, i, b.squares, j)]] = True
    return hit


def _sequence(places: Places, order: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Positions in the order in which places are looked at."""
    sequence = np.argsort(order, kind="stable")
    ranked = order[sequence]
    equal = ranked[1:] == ranked[:-1]
    if not equal.any():
        return sequence
    # Ties in the order are few or total; only they are sorted again, each run in its own stretch.
    tied = np.flatnonzero(np.append(equal, False) | np.append(False, equal))
    mine = sequence[tied]
    columns = (places.top, places.left, places.epsg, places.key)
    sequence[tied] = mine[np.lexsort((*(column[mine] for column in columns), ranked[tied]))]
    return sequence
