"""Caption a store: shard by shard, over threads or Dask, into ``tables/captions``."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from geomeld_build.build.config import DaskConfig
from geomeld_build.build.executor import map_tasks
from geomeld_build.captions.agents.machine import run_tile
from geomeld_build.captions.agents.nodes import Agents
from geomeld_build.captions.agents.record import CaptionRecord, record_of, short_sha
from geomeld_build.captions.agents.settings import CaptionSettings, agents_of, config_sha_of
from geomeld_build.captions.agents.state import TileJob, TileState
from geomeld_build.captions.agents.table import CAPTIONS, known_captions, rows_of
from geomeld_build.captions.agents.withhold import withheld_signals
from geomeld_build.captions.claims.facts import facts_of
from geomeld_build.captions.signals.table import latest_rows
from geomeld_build.errors import StoreError
from geomeld_build.store import append_side_table, open_store

__all__ = ["CaptionSummary", "CaptionTask", "caption_store", "caption_task"]

_BLOCK = 256
"""Tiles a task and a commit: a shard group."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class CaptionTask:
    """Tiles that are captioned together; small and plain, it travels to workers."""

    settings: CaptionSettings
    tiles: tuple[tuple[str, str], ...]
    """Tile id and its signals as JSON."""


@dataclass(frozen=True, slots=True)
class CaptionSummary:
    """What one run did."""

    store: str
    producer: str
    tiles: int
    """Tiles with signals."""
    captioned: int
    already: int
    """Had a caption of these settings and signals before."""
    statuses: dict[str, int]
    """Of the new ones."""
    groundedness: float | None
    """Mean over the new ones."""
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def caption_store(
    uri: str, settings: CaptionSettings, dask: DaskConfig | None = None, *, progress: Progress | None = None
) -> CaptionSummary:
    """Caption the tiles that have no caption of these settings yet. Stopped at any point, it goes on where it was.

    Args:
        uri: a store with signals.
        settings: who writes, and on what.
        dask: where to run; one task is a shard group.
        progress: called with how many tiles are done, how many there are to do, and the acceptance rate.

    Raises:
        ConfigError: what is to be withheld does not exist, or the settings need what is not installed.
        StoreError: the store has no signals, or cannot be read or written.
    """
    started = time.monotonic()
    withheld_signals({}, settings.withhold)
    tiles = _tiles(uri)
    sha = config_sha_of(settings, agents_of(settings))
    known = known_captions(uri, settings.producer, sha)
    missing = [(tile_id, text) for tile_id, text in tiles if (tile_id, short_sha(json.loads(text))) not in known]
    tasks = [CaptionTask(settings, tuple(missing[start : start + _BLOCK])) for start in range(0, len(missing), _BLOCK)]
    statuses: Counter[str] = Counter()
    grounded: list[float] = []
    for records in map_tasks(caption_task, tasks, dask or DaskConfig(mode="sync")):
        append_side_table(uri, CAPTIONS, rows_of(records))
        statuses.update(record.status for record in records)
        grounded += [one.verification.groundedness or 0.0 for one in records if one.verification is not None]
        if progress is not None:
            accepted = statuses["accepted"] + statuses["accepted_after_revision"]
            progress(statuses.total(), len(missing), f"{accepted / statuses.total():.1%} accepted")
    return CaptionSummary(
        store=uri,
        producer=settings.producer,
        tiles=len(tiles),
        captioned=statuses.total(),
        already=len(tiles) - len(missing),
        statuses=dict(statuses),
        groundedness=round(sum(grounded) / len(grounded), 4) if grounded else None,
        seconds=round(time.monotonic() - started, 3),
    )


def _tiles(uri: str) -> list[tuple[str, str]]:
    """Tiles and their signals as JSON, in the order of the shards."""
    store = open_store(uri)
    signals = latest_rows(store)
    if not signals:
        raise StoreError(f"{uri} has no signals: run 'geomeld-build caption signals {uri}' first")
    return [(tile_id, signals[tile_id][1]) for tile_id in store.tile_ids() if tile_id in signals]


def caption_task(task: CaptionTask) -> list[CaptionRecord]:
    """Caption a block of tiles; runs anywhere, knows nothing but the task."""
    return list(_captioned(task))


@lru_cache(maxsize=2)
def _driver(settings: CaptionSettings) -> tuple[Agents, Callable[[TileJob], TileState]]:
    """Agents of a process, and what runs them."""
    agents = agents_of(settings)
    if settings.driver == "langgraph":
        from geomeld_build.captions.agents.graph import compiled_graph, run_tile_in_graph

        graph = compiled_graph(agents)
        return agents, lambda job: run_tile_in_graph(job, graph)
    return agents, lambda job: run_tile(job, agents)


def _captioned(task: CaptionTask) -> Iterator[CaptionRecord]:
    agents, drive = _driver(task.settings)
    sha = config_sha_of(task.settings, agents)
    for job, signals in _jobs(task.tiles, task.settings.withhold):
        yield record_of(
            drive(job),
            agents,
            producer=task.settings.producer,
            withheld=tuple(sorted(task.settings.withhold)),
            signals=signals,
            config_sha=sha,
        )


def _jobs(tiles: Sequence[tuple[str, str]], withhold: tuple[str, ...]) -> Iterator[tuple[TileJob, dict[str, Any]]]:
    for tile_id, text in tiles:
        signals = json.loads(text)
        kept = withheld_signals(signals, withhold)
        yield TileJob(tile_id, facts_of(kept), kept), signals
