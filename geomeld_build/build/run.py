"""One build from anchors to a committed store: what is missing is planned, fetched and committed, group by group.

Resuming is running again: the catalog decides what is left, and a crash loses at most the groups in flight.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from geomeld_build.anchors import parse_region, read_anchors, sample_anchors
from geomeld_build.build.config import BuildConfig
from geomeld_build.build.executor import open_configured, run_groups
from geomeld_build.build.group import GroupResult, GroupTask, cut_groups
from geomeld_build.build.planning import narrowed, plan_missing
from geomeld_build.build.reserves import Quotas, Reserves, StratumQuota, frame_files, read_reserves
from geomeld_build.errors import ConfigError, SourceError
from geomeld_build.grid import Anchor, TilePlan, make_tile_id
from geomeld_build.modalities import MODALITIES, REFERENCE
from geomeld_build.sources import Counters, Source
from geomeld_build.store import (
    RunRecord,
    append_run,
    append_statistics,
    commit,
    create_store,
    open_store,
    records_to_table,
    reserve,
)
from geomeld_build.tiles import FetchedTile, read_plan

__all__ = ["BuildSummary", "Progress", "build_tiles", "choose_anchors", "wanted_modalities"]

logger = logging.getLogger(__name__)

Stage = Literal["anchors", "plan", "tiles", "reserves"]


class Progress(Protocol):
    """Told how far a build is. Called from worker threads; must be cheap."""

    def __call__(self, stage: Stage, done: int, total: int, note: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class BuildSummary:
    """What a build did and what the store holds now."""

    store: str
    run_id: str
    catalog_version: int
    anchors: int
    """Anchors of this build, reserves apart."""
    already: int
    """Anchors that the catalog already had."""
    ok: int
    """Tiles of this run; with ``skipped`` and ``failed`` what became of its anchors and reserves."""
    skipped: int
    failed: int
    outcomes: Mapping[str, Mapping[str, int]]
    """Row to outcome to count, over the whole store."""
    counters: Counters
    retries_cloud: int
    seconds: float
    plan_path: str
    quotas: tuple[StratumQuota, ...] = ()
    """Of every stratum, when the build has reserves."""
    reserve_plans: tuple[str, ...] = ()
    """Plans of the reserves that were taken, a round each."""

    @property
    def exit_code(self) -> int:
        """0 = everything has its final outcome; 3 = some anchors failed and a rerun tries them again."""
        return 3 if self.failed else 0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "exit_code": self.exit_code}


def wanted_modalities(config: BuildConfig) -> tuple[str, ...]:
    """The rows of a build in table order; the reference row is always among them."""
    asked = set(MODALITIES if config.modalities is None else config.modalities) | {REFERENCE}
    return tuple(name for name in MODALITIES if name in asked)


def choose_anchors(config: BuildConfig) -> list[Anchor]:
    """The anchors that a configuration names: from its file, or sampled in its region.

    Raises:
        ConfigError: unreadable anchors, or a region with too few cells.
    """
    if config.anchors is not None:
        path, _ = frame_files(config.anchors, config.reserves)
        return read_anchors(path, recipe=config.recipe)[: config.limit]
    assert config.region is not None
    assert config.limit is not None
    return sample_anchors(parse_region(config.region), config.limit, recipe=config.recipe)


def build_tiles(config: BuildConfig, *, progress: Progress | None = None) -> BuildSummary:
    """Build what the store lacks.

    Raises:
        ConfigError: the configuration or the anchors are wrong.
        CredentialsError: nobody is logged in.
        SourceError: the source does not answer. What was committed stays.
        StoreError: the store cannot be read or written.
    """
    run = _Run(config, progress or _silent)
    return run.execute()


def _silent(stage: str, done: int, total: int, note: str = "") -> None:
    """No progress wanted."""


class _Run:
    """State of one build: identity, what it spent, how far it is."""

    def __init__(self, config: BuildConfig, progress: Progress) -> None:
        self.config = config
        self.progress = progress
        self.started = datetime.now(UTC)
        self.run_id = f"{self.started:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
        self.modalities = wanted_modalities(config)
        self.spent = Counters()
        self.retries_cloud = 0
        self.counts = {"ok": 0, "skipped": 0, "failed": 0}
        self.reserve_plans: list[str] = []
        self._source: Source | None = None
        self._lock = threading.Lock()
        self._done: dict[Stage, int] = {"tiles": 0, "reserves": 0}

    def execute(self) -> BuildSummary:
        plans = None if self.config.plan is None else self._replayed(self.config.plan)
        anchors = choose_anchors(self.config) if plans is None else _anchors_of(plans, self.config.limit)
        # Before anything is spent: reserves that cannot be read would come to light after hours otherwise.
        reserves = _reserves_of(self.config)
        self.progress("anchors", len(anchors), len(anchors))
        create_store(self.config.store, modalities=self.modalities, recipe=self.config.recipe)
        known = open_store(self.config.store).existing()
        missing = [anchor for anchor in anchors if known.get(anchor.tile_id, "failed") == "failed"]
        try:
            plan_path = self._build(missing, plans, known) if missing else ""
            quotas = () if reserves is None else self._fill(Quotas(anchors, reserves))
        finally:
            if self._source is not None:
                self._source.close()
        return self._summary(len(anchors), len(anchors) - len(missing), plan_path, quotas)

    def _open_source(self) -> Source:
        """Opened when something is missing: connecting costs requests."""
        if self._source is None:
            self._source = open_configured(self.config.source)
        return self._source

    def _fill(self, quotas: Quotas) -> tuple[StratumQuota, ...]:
        """Take reserves, a round at a time, until the quotas hold or nothing is left that could help."""
        total = 0
        while True:
            # Read anew: other runs may be filling the same store.
            known = open_store(self.config.store).existing()
            batch = quotas.next_round(known)
            if not batch:
                return quotas.report(known)
            total += len(batch)
            logger.info("%d tiles are missing in their strata: as many reserves are taken", len(batch))
            plans, path = self._plan(batch, known, "reserves", total)
            self.reserve_plans.append(str(path))
            self._fetch(plans, total, "reserves")

    def _replayed(self, path: Path) -> list[TilePlan]:
        plans = read_plan(path)
        for plan in plans:
            anchor = plan.anchor
            if anchor.tile_id != make_tile_id(anchor.location_id, anchor.datetime, self.config.recipe):
                raise ConfigError(
                    f"{path} was planned under another recipe than {self.config.recipe!r}: its tile ids would not be "
                    "those of the store; give the recipe it was planned with"
                )
        return plans

    def _build(self, missing: Sequence[Anchor], plans: Sequence[TilePlan] | None, known: Mapping[str, str]) -> str:
        path: Path | None
        if plans is None:
            plans, path = self._plan(missing, known, "plan", len(missing))
        else:
            wanted = {anchor.tile_id for anchor in missing}
            plans = [narrowed(plan, self.modalities) for plan in plans if plan.anchor.tile_id in wanted]
            path = self.config.plan
        self._fetch(plans, len(missing), "tiles")
        return str(path)

    def _plan(
        self, missing: Sequence[Anchor], known: Mapping[str, str], stage: Stage, total: int
    ) -> tuple[list[TilePlan], Path]:
        started = datetime.now(UTC)
        source = self._open_source()
        before = source.counters()

        def on_batch(done: int, of: int) -> None:
            if stage == "plan":
                self.progress(stage, done, of)
            else:
                self.progress(stage, self._done["reserves"], total, f"planned {done} of {of}")

        # Those that failed before did so perhaps because their plan is out of date.
        again = any(anchor.tile_id in known for anchor in missing)
        plans, path = plan_missing(missing, source, self.config, self.modalities, on_batch, again=again)
        spent = source.counters() - before
        self.spent += spent
        self._keep_run("plan", started, spent)
        return plans, path

    def _fetch(self, plans: Sequence[TilePlan], total: int, stage: Stage) -> None:
        source = self._open_source()
        groups = cut_groups(plans, self.config.recipe)
        first = reserve(self.config.store, len(groups), self.run_id)
        tasks = [self._task(first + number, group) for number, group in enumerate(groups)]

        def on_tile(tile: FetchedTile) -> None:
            with self._lock:
                self._done[stage] += 1
                done = self._done[stage]
            self.progress(stage, done, total, "" if tile.status == "ok" else str(tile.kind))

        in_process = self.config.dask.mode in {"threads", "sync"}
        results = run_groups(tasks, self.config.dask, self.config.source, source, on_tile if in_process else None)
        for result in results:
            self._commit(result)
            if not in_process:
                self._done[stage] += len(result.records)
                self.progress(stage, self._done[stage], total)
            # A single group may fail for reasons of its own tiles, unless there was no answer whatsoever.
            if result.source_is_down and (len(tasks) > 1 or result.counters.bytes_received == 0):
                raise SourceError(
                    f"the source failed for all {len(result.records)} tiles of a group, so the run stops: "
                    f"{result.records[0].detail}. What was committed stays; run again when the source is back."
                )

    def _task(self, shard: int, group: tuple[tuple[TilePlan, ...], ...]) -> GroupTask:
        return GroupTask(
            store=self.config.store,
            shard=shard,
            anchors=group,
            modalities=self.modalities,
            rules=self.config.rules,
            workers=self.config.workers,
            recipe=self.config.recipe,
            run_id=self.run_id,
        )

    def _commit(self, result: GroupResult) -> None:
        # Before the commit: rows about places that nobody committed are never read, and lost ones would cost time.
        if result.statistics.num_rows:
            append_statistics(self.config.store, result.statistics)
        done = commit(self.config.store, records_to_table(result.records), result.objects)
        logger.info("shard %d: %d rows committed as version %d", result.shard, len(result.records), done.version)
        self.spent += result.counters
        self.retries_cloud += result.retries_cloud
        for status in self.counts:
            self.counts[status] += result.count(status)
        self._keep_run("shard", result.started, result.counters, result)

    def _keep_run(self, what: str, started: datetime, spent: Counters, result: GroupResult | None = None) -> None:
        record = RunRecord(
            run_id=self.run_id,
            what=what,
            started=started,
            finished=datetime.now(UTC),
            requests=spent.requests,
            search_requests=spent.search_requests,
            pixel_requests=spent.pixel_requests,
            companion_requests=spent.companion_requests,
            setup_requests=spent.setup_requests,
            retries_fault=spent.retries_fault,
            bytes_received=spent.bytes_received,
        )
        if result is not None:
            record = replace(
                record,
                shard=result.shard,
                retries_cloud=result.retries_cloud,
                tiles_ok=result.count("ok"),
                tiles_skipped=result.count("skipped"),
                tiles_failed=result.count("failed"),
            )
        append_run(self.config.store, record)

    def _summary(self, anchors: int, already: int, plan_path: str, quotas: tuple[StratumQuota, ...]) -> BuildSummary:
        status = open_store(self.config.store).status()
        return BuildSummary(
            store=self.config.store,
            run_id=self.run_id,
            catalog_version=status["catalog_version"],
            anchors=anchors,
            already=already,
            ok=self.counts["ok"],
            skipped=self.counts["skipped"],
            failed=self.counts["failed"],
            outcomes=status["outcomes"],
            counters=self.spent,
            retries_cloud=self.retries_cloud,
            seconds=(datetime.now(UTC) - self.started).total_seconds(),
            plan_path=plan_path,
            quotas=quotas,
            reserve_plans=tuple(self.reserve_plans),
        )


def _reserves_of(config: BuildConfig) -> Reserves | None:
    if config.anchors is None:
        return None
    _, path = frame_files(config.anchors, config.reserves)
    return None if path is None else read_reserves(path, recipe=config.recipe)


def _anchors_of(plans: Sequence[TilePlan], limit: int | None) -> list[Anchor]:
    unique = {plan.anchor.tile_id: plan.anchor for plan in plans}
    return list(unique.values())[:limit]
