"""A window of tiles held compressed in memory: fetched in contiguous reads, decoded when a batch wants them.

Compressed, a window takes a third of the memory that its pixels would, so three times as many tiles are shuffled among
each other. Its buffer is used again for a later window: fresh memory costs more than the read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.store.decode_many import decode_many
from geomeld_build.store.decode_zarr import ZarrRows
from geomeld_build.store.shard_index import ABSENT
from geomeld_build.store.shard_reader import Bands, ShardReader, shared_pool
from geomeld_build.store.shard_spans import Span, joined_spans

__all__ = ["Arena", "CompressedWindow", "fetch_window"]

_GROWTH = 1.1
_FETCHERS = 16
"""Reads of a bucket at once."""


class Arena:
    """Memory for the chunks of one window, as large as the largest so far."""

    def __init__(self) -> None:
        self._memory = np.empty(0, np.uint8)

    def room(self, count: int) -> memoryview:
        """So many bytes; what was there is gone."""
        if count > len(self._memory):
            # The old memory first, so that both are never there together.
            self._memory = np.empty(0, np.uint8)
            self._memory = np.empty(int(count * _GROWTH), np.uint8)
        return self._memory.data[:count]

    @property
    def size(self) -> int:
        """Bytes held."""
        return len(self._memory)


@dataclass(frozen=True, slots=True)
class CompressedWindow:
    """The chunks of some places; where a chunk is missing, the tile is nodata."""

    reader: ShardReader
    rows: NDArray[np.int64]
    """Places along ``tile``."""
    memory: memoryview
    starts: dict[str, NDArray[np.int64]]
    """By row of the table: where the chunk of each place begins, ``ABSENT`` where there is none. Rows that zarr-python
    reads are not among them: they are read when they are decoded."""
    lengths: dict[str, NDArray[np.int64]]

    def missing(self, name: str) -> NDArray[np.bool_]:
        """Places without pixels of a row; nowhere for a row that zarr-python reads."""
        starts = self.starts.get(name)
        return np.zeros(len(self.rows), np.bool_) if starts is None else starts == ABSENT

    def decode(self, name: str, positions: NDArray[np.int64], bands: Bands | None, out: NDArray[Any]) -> None:
        """Pixels of some of the places.

        Args:
            name: row of the table.
            positions: of the places in the window.
            bands: bands to keep, by row.
            out: ``(position, band, y, x)`` in the stored dtype, filled.

        Raises:
            StoreError: a chunk is damaged, or cannot be read.
        """
        array = self.reader.array(name)
        chosen = self.reader.bands(name, bands)
        rows = self.rows[positions].tolist()
        if isinstance(array, ZarrRows):
            array.read(rows, chosen, out)
            return
        places = self.starts[name][positions], self.lengths[name][positions]
        done = 0
        if chosen is None:
            done = decode_many(array.chain, self.memory, places, out, verify=self.reader.verify)
        # One by one where all at once cannot, and where a chunk is damaged: that is what names it.
        starts, lengths = places[0].tolist(), places[1].tolist()
        for at in range(done, len(rows)):
            row, start, length = rows[at], starts[at], lengths[at]
            if start == ABSENT:
                out[at] = array.chain.fill
            else:
                self.reader.unpack(name, row, self.memory[start : start + length], chosen, out[at])


def fetch_window(reader: ShardReader, rows: NDArray[np.int64], names: Sequence[str], arena: Arena) -> CompressedWindow:
    """Read the chunks of places into an arena, neighbours in one read.

    Args:
        reader: of the store.
        rows: places along ``tile``, in any order.
        names: rows of the table.
        arena: memory, whose earlier window is over.

    Raises:
        StoreError: an object is damaged or cannot be read.
    """
    reads: list[tuple[str, Span, int]] = []
    starts: dict[str, NDArray[np.int64]] = {}
    lengths: dict[str, NDArray[np.int64]] = {}
    total = 0
    for name in names:
        if isinstance(reader.array(name), ZarrRows):
            continue
        places = reader.locate(name, rows)
        starts[name], lengths[name] = np.full(len(rows), ABSENT, np.int64), places[:, 2]
        for span in joined_spans(places):
            reads.append((name, span, total))
            starts[name][span.positions] = places[span.positions, 1] + (total - span.start)
            total += span.stop - span.start
    memory = arena.room(total)
    _read_all(reader, reads, memory)
    return CompressedWindow(reader, rows, memory, starts, lengths)


def _read_all(reader: ShardReader, reads: Sequence[tuple[str, Span, int]], memory: memoryview) -> None:
    def read(name: str, span: Span, at: int) -> None:
        array = reader.array(name)
        assert not isinstance(array, ZarrRows)
        reader.ranges.read_into(array.chain.key(span.shard), span.start, memory[at : at + span.stop - span.start])

    if reader.ranges.cheap:
        for item in reads:
            read(*item)
        return
    pool = shared_pool(_FETCHERS)
    jobs = [pool.submit(read, *item) for item in reads]
    errors = [error for job in jobs if (error := job.exception()) is not None]
    if errors:
        raise errors[0]
