"""Which bytes to ask for: chunks that lie side by side in a shard are one read where reads are dear."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from geomeld_build.store.shard_index import ABSENT

__all__ = ["Place", "Span", "spans_of"]

_GAP = 64 * 1024
"""Bytes between two chunks that are cheaper to read than to leave out."""
_LONGEST = 16 * 1024 * 1024


class Place(NamedTuple):
    """Where a chunk lies."""

    shard: int
    offset: int
    """``ABSENT`` where there is no chunk."""
    length: int


@dataclass(slots=True)
class Span:
    """One read: bytes of a shard, and the chunks in it by their position in what was asked for."""

    shard: int
    start: int
    stop: int
    positions: list[int]


def spans_of(places: Sequence[Place], *, join: bool) -> Iterator[Span]:
    """The reads that bring all chunks that are there.

    Args:
        places: of the chunks, in any order.
        join: read neighbours together.
    """
    if not join:
        for position, place in enumerate(places):
            if place.offset != ABSENT:
                yield Span(place.shard, place.offset, place.offset + place.length, [position])
        return
    current: Span | None = None
    for position in sorted(range(len(places)), key=lambda position: places[position]):
        shard, offset, length = places[position]
        if offset == ABSENT:
            continue
        near = current is not None and shard == current.shard and offset <= current.stop + _GAP
        if current is not None and near and offset + length - current.start <= _LONGEST:
            current.stop = max(current.stop, offset + length)
            current.positions.append(position)
            continue
        if current is not None:
            yield current
        current = Span(shard, offset, offset + length, [position])
    if current is not None:
        yield current
