"""The unit of work: one shard group of up to 256 tiles, fetched, checked and written by one worker.

A worker shares nothing with others and commits nothing; it returns catalog rows and the checksums of what it wrote.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa

from geomeld_build.build.config import TileRules
from geomeld_build.build.records import tile_record
from geomeld_build.draws import seed_of
from geomeld_build.errors import SkipKind
from geomeld_build.grid import TilePlan
from geomeld_build.sources import Counters, Source
from geomeld_build.store import (
    GROUP_TILES,
    ShardObject,
    TileRecord,
    group_statistics,
    known_splits,
    write_group,
)
from geomeld_build.tiles import FetchedTile, fetch_tile, not_tried

__all__ = ["GroupResult", "GroupTask", "OnTile", "cut_groups", "fetch_group"]

logger = logging.getLogger(__name__)

OnTile = Callable[[FetchedTile], None]

_SURE_AFTER = 8
"""At least so many tiles in a row must fail at the source before the rest of a group is not tried."""


@dataclass(frozen=True, slots=True)
class GroupTask:
    """What one worker needs to know."""

    store: str
    shard: int
    anchors: tuple[tuple[TilePlan, ...], ...]
    """Per anchor its candidates, best first."""
    modalities: tuple[str, ...]
    rules: TileRules
    workers: int
    recipe: str
    run_id: str


@dataclass(frozen=True, slots=True)
class GroupResult:
    """What a worker did; nothing of it exists before it is committed."""

    shard: int
    records: tuple[TileRecord, ...]
    objects: tuple[ShardObject, ...]
    statistics: pa.Table
    """Rows of ``tables/stats``, counted while the pixels were in memory."""
    counters: Counters
    retries_cloud: int
    started: datetime
    finished: datetime

    def count(self, status: str) -> int:
        """Anchors that ended with this status."""
        return sum(record.status == status for record in self.records)

    @property
    def source_is_down(self) -> bool:
        """Every anchor failed at the source: the rest of the run would too."""
        return bool(self.records) and all(record.kind is SkipKind.SOURCE_ERROR for record in self.records)


def cut_groups(plans: Sequence[TilePlan], recipe: str) -> list[tuple[tuple[TilePlan, ...], ...]]:
    """Plans by anchor, candidates in rank order, in groups of at most 256 anchors.

    Anchors come in an order keyed by their ids, so that every shard is a mixed sample of its run.
    """
    by_anchor: dict[str, list[TilePlan]] = {}
    for plan in plans:
        by_anchor.setdefault(plan.anchor.tile_id, []).append(plan)
    mixed = sorted(by_anchor, key=lambda tile_id: (seed_of(recipe, "order", tile_id), tile_id))
    ordered = [tuple(sorted(by_anchor[tile_id], key=lambda plan: plan.rank)) for tile_id in mixed]
    return [tuple(ordered[start : start + GROUP_TILES]) for start in range(0, len(ordered), GROUP_TILES)]


def fetch_group(
    task: GroupTask, source: Source, on_tile: OnTile | None = None, stop: threading.Event | None = None
) -> GroupResult:
    """Fetch all anchors of a group with a pool of threads and write its shard objects.

    Args:
        task: the group.
        source: where the pixels come from.
        on_tile: called after every tile.
        stop: once set, no further tile is begun, and the result holds those that are finished.

    Raises:
        CredentialsError: nobody is logged in.
        StoreError: the store cannot be written.
    """
    started = datetime.now(UTC)
    with source.tally() as share:
        tiles = _fetch_all(task, source, on_tile, stop or threading.Event())
        spent = share.snapshot()
    kept = [tile for tile in tiles if tile.status == "ok"]
    objects = write_group(task.store, task.shard, [tile.arrays for tile in kept], task.modalities) if kept else ()
    slots = {tile.plan.anchor.tile_id: slot for slot, tile in enumerate(kept)}
    splits = known_splits(task.store, {slot: tile.plan.anchor for slot, tile in enumerate(kept)})
    arrays = {slot: tile.arrays for slot, tile in enumerate(kept)}
    records = tuple(_record(tile, task, source.name, slots) for tile in tiles)
    return GroupResult(
        shard=task.shard,
        records=records,
        objects=objects,
        statistics=group_statistics(task.shard, arrays, task.modalities, splits),
        counters=spent,
        retries_cloud=sum(tile.retries_cloud for tile in tiles),
        started=started,
        finished=datetime.now(UTC),
    )


def _record(tile: FetchedTile, task: GroupTask, source: str, slots: dict[str, int]) -> TileRecord:
    make = partial(tile_record, tile, source, recipe=task.recipe, run_id=task.run_id)
    if tile.status != "ok":
        return make()
    return make(shard=task.shard, slot=slots[tile.plan.anchor.tile_id])


class _Pulse:
    """Whether the source is still there, told by the tiles that ended last."""

    def __init__(self, sure_after: int) -> None:
        self._sure_after = sure_after
        self._failures = 0

    @property
    def is_gone(self) -> bool:
        return self._failures >= self._sure_after

    def note(self, tile: FetchedTile) -> None:
        if tile.kind is SkipKind.SOURCE_ERROR:
            self._failures += 1
        elif tile.kind is not SkipKind.NO_REFERENCE_SCENE and not self.is_gone:
            # Without a reference scene nothing was asked, which says nothing about the source.
            self._failures = 0


def _fetch_all(task: GroupTask, source: Source, on_tile: OnTile | None, stop: threading.Event) -> list[FetchedTile]:
    """Tiles in the order of the task's anchors; the first error stops the rest.

    Every tile of a dead source would spend minutes on its retries, so that after a round of failures the others end
    at once, as failed.
    """
    pulse = _Pulse(max(task.workers, _SURE_AFTER))

    def fetch(candidates: tuple[TilePlan, ...]) -> FetchedTile | None:
        if stop.is_set():
            return None
        if pulse.is_gone:
            return not_tried(candidates, "the source failed for many tiles in a row")
        return fetch_tile(candidates, source, task.rules)

    with ThreadPoolExecutor(max_workers=task.workers, thread_name_prefix=f"group{task.shard}") as pool:
        futures: dict[Future[FetchedTile | None], int] = {}
        for place, candidates in enumerate(task.anchors):
            # A copy of the context, so that what a thread spends is booked to this group.
            context = contextvars.copy_context()
            futures[pool.submit(context.run, fetch, candidates)] = place
        done: dict[int, FetchedTile] = {}
        try:
            for future in as_completed(futures):
                tile = future.result()
                if tile is None:
                    continue
                done[futures[future]] = tile
                pulse.note(tile)
                if on_tile is not None:
                    on_tile(tile)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [done[place] for place in sorted(done)]
