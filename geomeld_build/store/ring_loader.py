"""The loader: shuffled batches of a store at the speed of the codec, with exact resume. Without torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geomeld_build.errors import ConfigError
from geomeld_build.store.epochs import EpochPlan, LoaderState, OrderRule, epoch_key, epoch_plan
from geomeld_build.store.ring import Allocate, Ring, RingRun
from geomeld_build.store.shard_reader import ShardReader
from geomeld_build.store.window_rows import TilesView, select_tiles

__all__ = ["Batch", "LoaderOptions", "TileLoader"]


@dataclass(frozen=True, slots=True)
class LoaderOptions:
    """What a loader gives out, apart from the order."""

    names: tuple[str, ...]
    """Rows of the table of modalities."""
    bands: Mapping[str, tuple[str, ...]] | None = None
    """Bands by row; rows that are left out have all of them."""
    where: str = ""
    """SQL condition, e.g. ``"split = 'train' AND sentinel2_valid > 0.9"``; see ``select_tiles``."""
    columns: tuple[str, ...] = ()
    """Columns of the catalog and of side tables that ``Batch.table`` shall have."""
    dates: int = 1
    """Tiles of one place a sample, in the order of time. Above 1 pixels are ``(sample, date, band, y, x)``."""
    threads: int = 2
    """Threads that decode."""
    slots: int = 4
    """Batches that are in memory at once; one is the caller's."""
    verify: bool = True
    """Compare the crc32c of chunks where the codecs have one."""

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) != len(self.names):
            raise ConfigError(f"expected at least one row and none twice, got {list(self.names)}")
        if self.threads < 1 or self.slots < 2:
            raise ConfigError(f"expected at least 1 thread and 2 slots, got {self.threads} and {self.slots}")


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples, and where the epoch stands after them.

    ``batch["sentinel2"]`` are pixels, ``batch["index"]`` places along ``tile``, ``batch["tile_ids"]`` ids;
    ``dict(batch)`` has them all. Pixels are views of a buffer that is used again: they are valid until the next batch
    is asked for. Copy what you keep.
    """

    pixels: dict[str, NDArray[Any]]
    """Row name to ``(sample, band, y, x)`` in the stored dtype, with ``date`` after ``sample`` if there are several."""
    index: NDArray[np.int64]
    """``(sample,)`` or ``(sample, date)``: places along ``tile``."""
    table: pa.Table
    """A line a tile, sample by sample: tile_id, location_id, row, datetime, and the columns that were asked for."""
    state: LoaderState
    slot: int
    """Number of the buffer; pixels of one number always lie in the same memory."""

    @property
    def tile_ids(self) -> list[str]:
        """Ids of the tiles, sample by sample and date by date."""
        ids: list[str] = self.table.column("tile_id").to_pylist()
        return ids

    def keys(self) -> list[str]:
        """The rows, ``index`` and ``tile_ids``."""
        return [*self.pixels, "index", "tile_ids"]

    def __getitem__(self, key: str) -> Any:
        if key == "index":
            return self.index
        return self.tile_ids if key == "tile_ids" else self.pixels[key]

    def __len__(self) -> int:
        return len(self.index)


class TileLoader:
    """Shuffled batches of one store version. One epoch at a time; memory is kept between epochs.

    ::

        loader = TileLoader(open_store(uri), LoaderOptions(names=("sentinel2",)), OrderRule(seed=1, batch=64))
        for epoch in range(10):
            for batch in loader.epoch(epoch):
                train(batch["sentinel2"])
                checkpoint = batch.state.to_dict()
    """

    def __init__(
        self,
        store: TilesView,
        options: LoaderOptions,
        rule: OrderRule | None = None,
        *,
        rank: int = 0,
        allocate: Allocate = np.empty,
    ) -> None:
        """Select the tiles and make the buffers.

        Args:
            store: at the version that is pinned.
            options: what to give out.
            rule: in which order; every rank gives the same.
            rank: which part of an epoch is ours.
            allocate: makes the buffers.

        Raises:
            ConfigError: an option is wrong, no tile meets the condition, or there are too few for a batch.
            StoreError: the store is damaged.
        """
        self.options = options
        self.rule = rule if rule is not None else OrderRule()
        self.rank = rank
        self.version = store.version
        self.tiles = select_tiles(
            store, where=options.where, names=options.names, columns=options.columns, dates=options.dates
        )
        self.plan(0)  # too few samples for a batch: say so at once
        reader = ShardReader(store.uri, options.names, verify=options.verify)
        self._ring = Ring(
            reader,
            options.names,
            options.bands,
            tiles=min(self.rule.batch, self.tiles.samples) * options.dates,
            slots=options.slots,
            allocate=allocate,
        )
        self._running: RingRun | None = None

    @property
    def buffers(self) -> Sequence[Mapping[str, NDArray[Any]]]:
        """The slots of the ring: row name to ``(tile, band, y, x)``."""
        return self._ring.slots

    def plan(self, epoch: int, rank: int | None = None) -> EpochPlan:
        """Windows and batches of an epoch, of this rank by default."""
        mine = self.rank if rank is None else rank
        return epoch_plan(self.tiles.samples, self.rule, version=self.version, epoch=epoch, rank=mine)

    def steps(self, epoch: int = 0) -> int:
        """Batches of an epoch, on every rank."""
        return self.plan(epoch).steps

    def identity(self) -> str:
        """A short digest of tiles and rule: loaders with the same one give the same order."""
        return hashlib.blake2b(f"{self.tiles.identity()} {asdict(self.rule)}".encode(), digest_size=8).hexdigest()

    def epoch(self, epoch: int = 0, *, after: LoaderState | None = None) -> Iterator[Batch]:
        """The batches of an epoch.

        Args:
            epoch: its number; other numbers give other orders.
            after: continue after the batch with this state. Its epoch counts then.

        Raises:
            ConfigError: the state is of another version, seed, selection, rule or world size; from the first batch
                on, that another epoch of this loader is still being read.
            StoreError: pixels are damaged or cannot be read.
        """
        number = epoch if after is None else after.epoch
        plan = self.plan(number)
        first = (0, 0) if after is None else self._position(plan, after)
        return self._iterate(number, plan, first)

    def _iterate(self, epoch: int, plan: EpochPlan, first: tuple[int, int]) -> Iterator[Batch]:
        if self._running is not None:
            raise ConfigError("another epoch of this loader is being read: finish or close it, or make another loader")
        key = epoch_key(self.version, self.rule.seed, epoch, 2)
        run = self._running = RingRun(
            self._ring,
            self.tiles,
            plan,
            batch=self.rule.batch,
            key=key,
            threads=self.options.threads,
            first=first,
        )
        here = LoaderState(self.version, self.rule.seed, epoch, 0, 0, self.rank, self.identity())
        try:
            for filled in run:
                lines = filled.lines
                shape = lines.shape if self.options.dates > 1 else lines.shape[:1]
                over = filled.batch + 1 == plan.batches[filled.window]
                yield Batch(
                    {name: array.reshape(*shape, *array.shape[1:]) for name, array in filled.pixels.items()},
                    self.tiles.rows[lines].reshape(shape),
                    self.tiles.table.take(pa.array(lines.ravel())),
                    replace(
                        here,
                        windows_done=filled.window + over,
                        batch_in_window=0 if over else filled.batch + 1,
                    ),
                    filled.slot,
                )
        finally:
            run.stop()
            self._running = None

    def _position(self, plan: EpochPlan, state: LoaderState) -> tuple[int, int]:
        mine = (self.version, self.rule.seed, self.identity())
        if (state.version, state.seed, state.order) != mine:
            raise ConfigError(
                f"the state is of version {state.version}, seed {state.seed}, order {state.order}; this loader has "
                f"version {mine[0]}, seed {mine[1]}, order {mine[2]}: open the store at that version, with the same "
                "condition, dates, batch, window and world size"
            )
        # Windows differ by a block, so another rank may stand in another window after as many steps.
        steps = sum(self.plan(state.epoch, state.rank).batches[: state.windows_done]) + state.batch_in_window
        for window, batches in enumerate(plan.batches):
            if steps < batches:
                return window, steps
            steps -= batches
        return len(plan.windows), 0
