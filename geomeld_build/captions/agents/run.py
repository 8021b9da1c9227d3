"""Caption a store: shard by shard, over threads or Dask, into ``tables/captions``."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
from geomeld_build.captions.vision.account import Account
from geomeld_build.captions.vision.pictures import tile_images
from geomeld_build.errors import StoreError
from geomeld_build.store import append_side_table, open_store

__all__ = ["CaptionResult", "CaptionSummary", "CaptionTask", "caption_store", "caption_task"]

_BLOCK = 256
"""Tiles a task and a commit: a shard group."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class CaptionTask:
    """Tiles that are captioned together; small and plain, it travels to workers."""

    settings: CaptionSettings
    tiles: tuple[tuple[str, str], ...]
    """Tile id and its signals as JSON."""
    store: tuple[str, int] | None = None
    """Where pictures of the tiles are, if anybody looks at them: the store and the version of its catalog."""


@dataclass(frozen=True, slots=True)
class CaptionResult:
    """What became of a task."""

    records: list[CaptionRecord]
    account: Account


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
    account: Account
    """What was asked of a vision model."""
    cost_usd: float
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def caption_store(
    uri: str,
    settings: CaptionSettings,
    dask: DaskConfig | None = None,
    *,
    retry_fallbacks: bool = False,
    progress: Progress | None = None,
) -> CaptionSummary:
    """Caption the tiles that have no caption of these settings yet. Stopped at any point, it goes on where it was.

    Args:
        uri: a store with signals.
        settings: who writes, and on what.
        dask: where to run; one task is a shard group.
        retry_fallbacks: also caption tiles again for which the vision model had no answer.
        progress: called with how many tiles are done, how many there are to do, and the acceptance rate.

    Raises:
        ConfigError: what is to be withheld does not exist, or the settings need what is not installed.
        StoreError: the store has no signals, or cannot be read or written.
    """
    started = time.monotonic()
    withheld_signals({}, settings.withhold)
    tiles = _tiles(uri)
    sha = config_sha_of(settings, agents_of(settings))
    known = known_captions(uri, settings.producer, sha, fallbacks=not retry_fallbacks)
    missing = [(tile_id, text) for tile_id, text in tiles if (tile_id, short_sha(json.loads(text))) not in known]
    store = (uri, open_store(uri).version) if settings.looks else None
    blocks = [tuple(missing[start : start + _BLOCK]) for start in range(0, len(missing), _BLOCK)]
    tasks = [CaptionTask(settings, block, store) for block in blocks]
    statuses: Counter[str] = Counter()
    grounded: list[float] = []
    account = Account()
    for result in map_tasks(caption_task, tasks, dask or DaskConfig(mode="sync")):
        records, account = result.records, account + result.account
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
        account=account,
        cost_usd=_cost(settings, account),
        groundedness=round(sum(grounded) / len(grounded), 4) if grounded else None,
        seconds=round(time.monotonic() - started, 3),
    )


def _tiles(uri: str) -> list[tuple[str, str]]:
    """Tiles and their signals as JSON, in the order of the shards."""
    store = open_store(uri)
    signals = latest_rows(store)
    tiles = store.tile_ids()
    if tiles and not signals:
        raise StoreError(f"{uri} has no signals: run 'geomeld-build caption signals {uri}' first")
    return [(tile_id, signals[tile_id][1]) for tile_id in tiles if tile_id in signals]


def _cost(settings: CaptionSettings, account: Account) -> float:
    vision = settings.vision
    return 0.0 if vision is None else account.cost_usd(vision.usd_per_million_in, vision.usd_per_million_out)


def caption_task(task: CaptionTask) -> CaptionResult:
    """Caption a block of tiles; runs anywhere, knows nothing but the task."""
    agents, drive = _driver(task.settings)
    sha = config_sha_of(task.settings, agents)

    def captioned(number: int) -> CaptionRecord:
        job, signals = _job(task, *task.tiles[number])
        return record_of(
            drive(job),
            agents,
            producer=task.settings.producer,
            withheld=tuple(sorted(task.settings.withhold)),
            signals=signals,
            config_sha=sha,
        )

    vision = task.settings.vision
    if vision is None:
        records = [captioned(number) for number in range(len(task.tiles))]
    else:
        # A server answers many at a time. Records keep the order of the tiles.
        with ThreadPoolExecutor(vision.at_once, thread_name_prefix="captions") as pool:
            records = list(pool.map(captioned, range(len(task.tiles))))
    return CaptionResult(records, agents.captioner.take_account())


@lru_cache(maxsize=2)
def _driver(settings: CaptionSettings) -> tuple[Agents, Callable[[TileJob], TileState]]:
    """Agents of a process, and what runs them."""
    agents = agents_of(settings)
    if settings.driver == "langgraph":
        from geomeld_build.captions.agents.graph import compiled_graph, run_tile_in_graph

        graph = compiled_graph(agents)
        return agents, lambda job: run_tile_in_graph(job, graph)
    return agents, lambda job: run_tile(job, agents)


def _job(task: CaptionTask, tile_id: str, text: str) -> tuple[TileJob, dict[str, Any]]:
    """What the agents are given, and all signals."""
    signals = json.loads(text)
    kept = withheld_signals(signals, task.settings.withhold)
    images = None
    if task.store is not None:
        vision = task.settings.vision
        images = tile_images(*task.store, tile_id, false_colour=vision is not None and vision.false_colour)
    return TileJob(tile_id, facts_of(kept), kept, images), signals
