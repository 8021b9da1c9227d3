"""The shard reader: any tiles, rows and bands of a store, decoded straight into the caller's buffers.

zarr-python fetches and parses the index of a shard for every read of it. Here indexes and files stay open, a chunk is
one ``pread``, and Blosc decodes it without the GIL into a slot of a buffer that is used again. What is not there, chunk
or shard, is nodata. Arrays under codecs that this reader does not know are read by zarr-python.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.modalities import modality
from geomeld_build.store.decode_chunks import ChunkDecoder, chunk_decoder
from geomeld_build.store.decode_zarr import ZarrRows
from geomeld_build.store.layout import array_key
from geomeld_build.store.objects import ObjectMissing, open_objects
from geomeld_build.store.shard_index import ABSENT, ShardChain, UnknownChain, parse_chain, parse_index
from geomeld_build.store.shard_ranges import Ranges, open_ranges
from geomeld_build.store.shard_spans import joined_spans

__all__ = ["Bands", "PackedArray", "ShardReader", "shared_pool"]

logger = logging.getLogger(__name__)

Bands = Mapping[str, Sequence[str]]
"""Names of the bands to read, by row; a row that is left out is read whole."""
_INDEXES = 8192
"""Shard indexes that are kept: about 4 kB each."""
_PIECES = 4
"""Pieces a thread: the pieces of an uneven batch still end at about the same time."""
_IO_THREADS = 16
"""Threads that wait for a bucket, whatever the number that decode."""
_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}


def shared_pool(threads: int) -> ThreadPoolExecutor:
    """The pool of this process with so many threads; a forked child makes its own, because threads do not survive."""
    key = (os.getpid(), threads)
    if (pool := _pools.get(key)) is None:
        pool = _pools.setdefault(key, ThreadPoolExecutor(threads, thread_name_prefix="geomeld-read"))
    return pool


@dataclass(frozen=True, slots=True)
class PackedArray:
    """An array that this reader decodes itself."""

    chain: ShardChain
    decode: ChunkDecoder


class _Scratch(threading.local):
    """Buffers of one thread, used again for every chunk: a fresh one costs more page faults than the read."""

    def __init__(self) -> None:
        self._bytes = memoryview(bytearray(1 << 20))
        self._tiles: dict[str, NDArray[Any]] = {}

    def bytes(self, count: int) -> memoryview:
        if count > len(self._bytes):
            self._bytes = memoryview(bytearray(count))
        return self._bytes[:count]

    def tile(self, chain: ShardChain) -> NDArray[Any]:
        if chain.name not in self._tiles:
            self._tiles[chain.name] = np.empty(chain.shape, chain.dtype)
        return self._tiles[chain.name]


class ShardReader:
    """Reads tiles by their places. Safe to use from many threads; pickles as its arguments."""

    def __init__(self, uri: str, modalities: Sequence[str], *, threads: int = 1, verify: bool = True) -> None:
        """Open the arrays of a store.

        Args:
            uri: the store.
            modalities: rows to read from.
            threads: that decode at once; with one, the caller's own thread does.
            verify: compare the crc32c of chunks where the codecs of an array have one.

        Raises:
            ConfigError: no thread, or a row is unknown.
            StoreError: an array is missing or damaged.
        """
        if threads < 1:
            raise ConfigError(f"expected at least one thread, got {threads}")
        self.uri = uri
        self.names = tuple(modality(name).name for name in modalities)
        self.threads = threads
        self.verify = verify
        self.ranges: Ranges = open_ranges(uri)
        self._indexes: dict[tuple[str, int], NDArray[np.int64] | None] = {}
        self._locks: dict[int, threading.Lock] = {}
        self._scratch = _Scratch()
        self._arrays: dict[str, PackedArray | ZarrRows] = {name: self._open(name) for name in self.names}

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.uri, self.names, self.threads, self.verify)

    def close(self) -> None:
        """Let go of open files and cached indexes; the next read opens them again."""
        self.ranges.close()
        self._indexes = {}

    def array(self, name: str) -> PackedArray | ZarrRows:
        """How a row is read.

        Raises:
            ConfigError: the reader was not opened with the row.
        """
        if (found := self._arrays.get(name)) is None:
            raise ConfigError(f"this reader has no {name}: it was opened with {', '.join(self.names)}")
        return found

    def bands(self, name: str, wanted: Bands | None) -> NDArray[np.intp] | None:
        """Positions of the wanted bands of a row, None for all of them.

        Raises:
            ConfigError: the row has no such band.
        """
        if wanted is None or name not in wanted:
            return None
        known = modality(name).bands
        if unknown := [band for band in wanted[name] if band not in known]:
            raise ConfigError(f"{name} has no band {', '.join(unknown)}: expected some of {', '.join(known)}")
        return np.array([known.index(band) for band in wanted[name]], np.intp)

    def buffers(
        self, count: int, names: Sequence[str] | None = None, bands: Bands | None = None
    ) -> dict[str, NDArray[Any]]:
        """Empty arrays ``(tile, band, y, x)`` for ``read`` to fill again and again."""
        return {name: np.empty(*self.layout(name, count, bands)) for name in names or self.names}

    def layout(self, name: str, count: int, bands: Bands | None) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape ``(tile, band, y, x)`` and type of so many tiles of a row."""
        array = self.array(name)
        shape, dtype = (
            (array.chain.shape, array.chain.dtype) if isinstance(array, PackedArray) else (array.shape, array.dtype)
        )
        chosen = self.bands(name, bands)
        return (count, shape[0] if chosen is None else len(chosen), *shape[1:]), dtype

    def read(
        self,
        rows: ArrayLike,
        names: Sequence[str] | None = None,
        *,
        bands: Bands | None = None,
        out: Mapping[str, NDArray[Any]] | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Tiles as stored.

        Args:
            rows: places along ``tile``, in any order, e.g. the catalog's column ``row``.
            names: rows of the table to read, all of the reader's by default.
            bands: bands to read, all by default.
            out: arrays to fill, from ``buffers``; they may have room for more tiles than asked for.

        Returns:
            Row name to ``(tile, band, y, x)`` in the stored dtype, nodata where there is no chunk.

        Raises:
            ConfigError: a row or band is unknown, a place lies outside, or ``out`` does not fit.
            StoreError: an object is damaged or cannot be read.
        """
        places = [int(row) for row in np.atleast_1d(np.asarray(rows))]
        wanted = tuple(names) if names is not None else self.names
        target = dict(out) if out is not None else self.buffers(len(places), wanted, bands)
        work = []
        for name in wanted:
            self._check(name, places, target, bands)
            target[name] = target[name][: len(places)]
            work.append((name, self.bands(name, bands), target[name]))
        threads = self.threads if self.ranges.cheap else max(self.threads, _IO_THREADS)
        if threads == 1 or len(places) * len(wanted) == 1:
            for name, chosen, array in work:
                self._read_piece(name, places, chosen, array)
            return {name: target[name] for name in wanted}
        step = max(1, -(-len(places) // (threads * _PIECES)))
        pool = shared_pool(threads)
        jobs = [
            pool.submit(self._read_piece, name, places[at : at + step], chosen, array[at : at + step])
            for name, chosen, array in work
            for at in range(0, len(places), step)
        ]
        # All of them, even after a failure: nobody may write into the caller's buffers once we are back.
        errors = [error for job in jobs if (error := job.exception()) is not None]
        if errors:
            raise errors[0]
        return {name: target[name] for name in wanted}

    def locate(self, name: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the chunks of some places lie.

        Returns:
            ``(place, 3)`` int64: shard, offset (``ABSENT`` where there is no chunk), length.

        Raises:
            StoreError: a shard is damaged or cannot be read.
        """
        array = self.array(name)
        if not isinstance(array, PackedArray):
            raise StoreError(f"{self.uri}/{name} is read by zarr-python: its chunks have no place here")
        chain = array.chain
        found = np.empty((len(rows), 3), np.int64)
        shards, slots = np.divmod(rows, chain.tiles)
        found[:, 0] = shards
        if len(rows) and (shards == shards[0]).all():
            found[:, 1:] = self._lines(chain, int(shards[0]), slots)
            return found
        order = np.argsort(shards, kind="stable")
        for mine in np.split(order, np.flatnonzero(np.diff(shards[order])) + 1):
            if len(mine):
                found[mine, 1:] = self._lines(chain, int(shards[mine[0]]), slots[mine])
        return found

    def _lines(self, chain: ShardChain, shard: int, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        index = self._index(chain, shard)
        return np.tile(np.array([ABSENT, 0], np.int64), (len(slots), 1)) if index is None else index[slots]

    def unpack(
        self, name: str, row: int, chunk: memoryview, chosen: NDArray[np.intp] | None, out: NDArray[Any]
    ) -> None:
        """Decode the chunk of a place into ``out (band, y, x)``.

        Raises:
            StoreError: the chunk is damaged; the message names object and slot.
        """
        array = self.array(name)
        assert isinstance(array, PackedArray)
        try:
            if chosen is None:
                array.decode(chunk, out)
            else:
                tile = self._scratch.tile(array.chain)
                array.decode(chunk, tile)
                np.take(tile, chosen, axis=0, out=out)
        except StoreError as error:
            shard, slot = divmod(row, array.chain.tiles)
            raise StoreError(
                f"{self.uri}/{array.chain.key(shard)} is damaged at slot {slot} (place {row}): {error}"
            ) from error

    def _read_piece(self, name: str, rows: Sequence[int], chosen: NDArray[np.intp] | None, out: NDArray[Any]) -> None:
        array = self.array(name)
        if isinstance(array, ZarrRows):
            array.read(rows, chosen, out)
            return
        if not self.ranges.cheap:
            self._read_joined(array.chain, rows, chosen, out)
            return
        current, key, index = -1, "", None
        for position, row in enumerate(rows):
            shard, slot = divmod(row, array.chain.tiles)
            if shard != current:
                current, index = shard, self._index(array.chain, shard)
                key = array.chain.key(shard)
            offset, length = (ABSENT, 0) if index is None else index[slot].tolist()
            if offset == ABSENT:
                out[position] = array.chain.fill
                continue
            chunk = self._scratch.bytes(length)
            self.ranges.read_into(key, offset, chunk)
            self.unpack(name, row, chunk, chosen, out[position])

    def _read_joined(
        self, chain: ShardChain, rows: Sequence[int], chosen: NDArray[np.intp] | None, out: NDArray[Any]
    ) -> None:
        places = self.locate(chain.name, np.array(rows, np.int64))
        out[places[:, 1] == ABSENT] = chain.fill
        for span in joined_spans(places):
            data = self._scratch.bytes(span.stop - span.start)
            self.ranges.read_into(chain.key(span.shard), span.start, data)
            for position in span.positions:
                _, offset, length = places[position].tolist()
                chunk = data[offset - span.start : offset - span.start + length]
                self.unpack(chain.name, rows[position], chunk, chosen, out[position])

    def _index(self, chain: ShardChain, shard: int) -> NDArray[np.int64] | None:
        key = (chain.name, shard)
        try:
            return self._indexes[key]
        except KeyError:
            pass
        index: NDArray[np.int64] | None
        try:
            data, size = self.ranges.edge(chain.key(shard), chain.index_bytes, first=chain.index_first)
            index = parse_index(chain, data, size, f"{self.uri}/{chain.key(shard)}")
        except ObjectMissing:
            index = None
        with self._locks.setdefault(os.getpid(), threading.Lock()):
            while len(self._indexes) >= _INDEXES:
                del self._indexes[next(iter(self._indexes))]
            self._indexes[key] = index
        return index

    def _open(self, name: str) -> PackedArray | ZarrRows:
        try:
            metadata = open_objects(self.uri).get(array_key(name))
        except ObjectMissing:
            raise StoreError(f"{self.uri} has no array {name!r}: the store is damaged, or has no such row") from None
        try:
            chain = parse_chain(name, metadata)
        except UnknownChain as error:
            logger.warning("%s: %s; zarr-python reads it, several times slower", self.uri, error)
            return ZarrRows(self.uri, name)
        return PackedArray(chain, chunk_decoder(chain, verify=self.verify))

    def _check(self, name: str, rows: Sequence[int], target: Mapping[str, NDArray[Any]], bands: Bands | None) -> None:
        array = self.array(name)
        length = array.chain.length if isinstance(array, PackedArray) else array.length
        if rows and not (min(rows) >= 0 and max(rows) < length):
            wrong = next(row for row in rows if not 0 <= row < length)
            raise ConfigError(f"no place {wrong} in {self.uri}/{name}: expected 0..{length - 1}")
        shape, dtype = self.layout(name, len(rows), bands)
        given = target.get(name)
        if given is None or given.dtype != dtype or given.shape[1:] != shape[1:] or len(given) < len(rows):
            found = "nothing" if given is None else f"{given.dtype} {given.shape}"
            raise ConfigError(f"no room for {name}: expected {dtype} of at least {shape}, got {found}; use buffers()")
        if not given.flags.c_contiguous or not given.flags.writeable:
            raise ConfigError(f"the buffer for {name} is not contiguous and writeable: use buffers()")


def _reopen(uri: str, names: tuple[str, ...], threads: int, verify: bool) -> ShardReader:
    return ShardReader(uri, names, threads=threads, verify=verify)
