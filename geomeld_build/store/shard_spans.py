"""Which bytes to ask for: chunks that lie side by side in a shard are one read where reads are dear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomeld_build.store.shard_index import ABSENT

__all__ = ["Span", "joined_spans"]

_GAP = 64 * 1024
"""Bytes between two chunks that are cheaper to read than to leave out."""


@dataclass(frozen=True, slots=True)
class Span:
    """One read: bytes of a shard, and the chunks in it by their position in what was asked for."""

    shard: int
    start: int
    stop: int
    positions: list[int]


def joined_spans(places: NDArray[np.int64]) -> Iterator[Span]:
    """Reads of neighbouring chunks together, in the order in which they lie.

    Args:
        places: ``(chunk, 3)``: shard, offset (``ABSENT`` where there is no chunk), length; in any order.
    """
    order = np.lexsort((places[:, 1], places[:, 0]))
    order = order[places[order, 1] != ABSENT]
    if len(order) == 0:
        return
    shards, starts = places[order, 0], places[order, 1]
    stops = starts + places[order, 2]
    near = (shards[1:] == shards[:-1]) & (starts[1:] <= stops[:-1] + _GAP)
    for part in np.split(np.arange(len(order)), np.flatnonzero(~near) + 1):
        yield Span(int(shards[part[0]]), int(starts[part[0]]), int(stops[part].max()), order[part].tolist())
