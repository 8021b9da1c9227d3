"""Batches without worker processes: threads decode into a ring of buffers that are used again and again.

One thread keeps two windows of compressed chunks in memory, one to decode from and one on its way; others decode
batches of the first into free slots of the ring. A batch belongs to the caller until the next one is asked for.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.errors import StoreError
from geomeld_build.store.epochs import EpochPlan
from geomeld_build.store.shard_reader import Bands, ShardReader
from geomeld_build.store.window_chunks import Arena, CompressedWindow, fetch_window
from geomeld_build.store.window_rows import SelectedTiles

__all__ = ["Allocate", "FilledSlot", "Ring", "RingRun"]

logger = logging.getLogger(__name__)

Allocate = Callable[[tuple[int, ...], np.dtype[Any]], NDArray[Any]]
"""Makes a buffer of a shape and type, e.g. in memory that a graphics card reads directly."""


@dataclass(frozen=True, slots=True)
class FilledSlot:
    """A batch in its slot."""

    slot: int
    window: int
    """Number of the window in the plan."""
    batch: int
    """Number of the batch in the window."""
    lines: NDArray[np.int64]
    """``(sample, date)``: lines of the tiles in the selection."""
    pixels: dict[str, NDArray[Any]]
    """Row name to ``(sample * date, band, y, x)``: views of the slot."""


class Ring:
    """The memory of a loader: slots for decoded batches, and two arenas for compressed windows."""

    def __init__(
        self,
        reader: ShardReader,
        names: tuple[str, ...],
        bands: Bands | None,
        *,
        tiles: int,
        slots: int,
        allocate: Allocate = np.empty,
    ) -> None:
        """Make the slots.

        Args:
            reader: of the store.
            names: rows of the table.
            bands: bands to keep, by row.
            tiles: in one batch.
            slots: batches that are there at once.
            allocate: makes the buffers.
        """
        self.reader = reader
        self.names = names
        self.bands = bands
        layouts = {name: reader.layout(name, tiles, bands) for name in names}
        self.slots = [{name: allocate(*layout) for name, layout in layouts.items()} for _ in range(slots)]
        self.arenas = (Arena(), Arena())

    @property
    def nbytes(self) -> int:
        """Bytes of the slots."""
        return sum(array.nbytes for slot in self.slots for array in slot.values())


@dataclass(slots=True)
class _Job:
    """A batch that is being decoded."""

    filled: FilledSlot
    parts: list[Future[None]] = field(default_factory=list)


class RingRun:
    """One pass over the windows of a plan. Iterate once, and ``stop`` in any case."""

    def __init__(
        self,
        ring: Ring,
        tiles: SelectedTiles,
        plan: EpochPlan,
        *,
        batch: int,
        key: int,
        threads: int,
        first: tuple[int, int] = (0, 0),
    ) -> None:
        """Start the threads.

        Args:
            ring: memory to use; one run at a time.
            tiles: the selection that the plan orders.
            plan: of this rank and epoch.
            batch: samples a batch.
            key: of the epoch, for the choice of dates.
            threads: that decode.
            first: window and batch to begin with.
        """
        self._ring, self._tiles, self._plan = ring, tiles, plan
        self._batch, self._key, self._first = batch, key, first
        self._threads = threads
        self._free: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(len(ring.slots)):
            self._free.put(slot)
        self._ready: queue.SimpleQueue[_Job | BaseException | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._decoders = ThreadPoolExecutor(threads, thread_name_prefix="geomeld-decode")
        self._fetcher = ThreadPoolExecutor(1, thread_name_prefix="geomeld-fetch")
        self._producer = threading.Thread(target=self._produce, name="geomeld-ring", daemon=True)
        self._producer.start()

    def __iter__(self) -> Iterator[FilledSlot]:
        """Batches in order; each is valid until the next one is asked for.

        Raises:
            StoreError: pixels are damaged, cannot be read, or are not there although the catalog has them.
        """
        while (job := self._ready.get()) is not None:
            if isinstance(job, BaseException):
                raise job
            for part in job.parts:
                part.result()
            yield job.filled
            self._free.put(job.filled.slot)

    def stop(self) -> None:
        """End the threads; nobody writes into the slots afterwards."""
        self._stopped.set()
        self._free.put(-1)
        self._producer.join()
        self._fetcher.shutdown(wait=True, cancel_futures=True)
        self._decoders.shutdown(wait=True, cancel_futures=True)

    def _produce(self) -> None:
        try:
            self._run()
            self._ready.put(None)
        except BaseException as error:  # goes to whoever iterates
            self._ready.put(error)

    def _run(self) -> None:
        numbers = range(self._first[0], len(self._plan.windows))
        coming = self._fetch(numbers[0], []) if numbers else None
        decoding: list[list[Future[None]]] = [[], []]
        for number in numbers:
            assert coming is not None
            lines, window = coming.result()
            if self._stopped.is_set():
                return
            # The arena of the next window is that of the last one, of which batches are still being decoded.
            last, decoding[(number + 1) % 2] = decoding[(number + 1) % 2], []
            coming = self._fetch(number + 1, last) if number + 1 < len(self._plan.windows) else None
            start = self._first[1] if number == self._first[0] else 0
            for batch in range(start, self._plan.batches[number]):
                slot = self._free.get()
                if self._stopped.is_set():
                    return
                job = self._decode(slot, number, batch, lines, window)
                decoding[number % 2].extend(job.parts)
                self._ready.put(job)

    def _fetch(self, number: int, last: list[Future[None]]) -> Future[tuple[NDArray[np.int64], CompressedWindow]]:
        def work() -> tuple[NDArray[np.int64], CompressedWindow]:
            wait(last)
            # Batches that are left out for equal steps are not read either.
            samples = self._plan.windows[number][: self._plan.batches[number] * self._batch]
            lines = self._tiles.tiles_of(samples, key=self._key)
            flat = lines.ravel()
            rows = self._tiles.rows[flat]
            window = fetch_window(self._ring.reader, rows, self._ring.names, self._ring.arenas[number % 2])
            self._check_present(flat, window)
            return lines, window

        return self._fetcher.submit(work)

    def _check_present(self, flat: NDArray[np.int64], window: CompressedWindow) -> None:
        for name in self._ring.names:
            lost = window.missing(name) & self._tiles.present[name][flat]
            if lost.any():
                line = int(flat[np.flatnonzero(lost)[0]])
                tile_id = self._tiles.table.column("tile_id")[line].as_py()
                raise StoreError(
                    f"tile {tile_id}: the catalog has pixels of {name}, but {self._ring.reader.uri} holds none of them "
                    f"at place {self._tiles.rows[line]}: the shard object is lost"
                )

    def _decode(self, slot: int, number: int, batch: int, lines: NDArray[np.int64], window: CompressedWindow) -> _Job:
        dates = self._tiles.dates
        first, last = batch * self._batch, min((batch + 1) * self._batch, len(lines))
        count = (last - first) * dates
        buffers: Mapping[str, NDArray[Any]] = self._ring.slots[slot]
        pixels = {name: buffers[name][:count] for name in self._ring.names}
        job = _Job(FilledSlot(slot, number, batch, lines[first:last], pixels))
        step = -(-count // self._threads)
        for start in range(0, count, step):
            positions = np.arange(start, min(start + step, count))
            job.parts.append(self._decoders.submit(self._decode_part, window, first * dates, positions, pixels))
        return job

    def _decode_part(
        self, window: CompressedWindow, base: int, positions: NDArray[np.int64], pixels: Mapping[str, NDArray[Any]]
    ) -> None:
        for name, array in pixels.items():
            window.decode(name, base + positions, self._ring.bands, array[positions[0] : positions[-1] + 1])
