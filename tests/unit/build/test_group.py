"""A group of tiles: it stops when told, keeps what is finished, and does not wait for a source that is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geomeld_build.build import executor
from geomeld_build.build.config import DaskConfig, SourceConfig, TileRules
from geomeld_build.build.group import GroupTask, cut_groups, fetch_group
from geomeld_build.build.planning import narrowed
from geomeld_build.errors import SkipKind, SourceError
from geomeld_build.grid import TilePlan
from geomeld_build.modalities import MODALITIES
from geomeld_build.sources.base import Counters, Reading
from geomeld_build.store import create_store
from geomeld_build.tiles import plan_anchors
from tests.support.scenes import CatalogSource, anchor_at, s2_scene

ROWS = ("sentinel2",)


class _Share:
    def snapshot(self) -> Counters:
        return Counters()


class SlowSource(CatalogSource):
    """Clear tiles, one after another, until it breaks."""

    def __init__(self, scenes, *, dies_after: int = 10_000, seconds: float = 0.0) -> None:
        super().__init__(scenes)
        self.reads = 0
        self.begun = threading.Event()
        self._dies_after, self._seconds = dies_after, seconds
        self._lock = threading.Lock()

    @contextmanager
    def tally(self) -> Iterator[_Share]:
        yield _Share()

    def read(self, plan, modalities) -> Reading:
        with self._lock:
            self.reads += 1
            number = self.reads
        if number > 2:
            self.begun.set()
        time.sleep(self._seconds)
        if number > self._dies_after:
            raise SourceError("nothing answers")
        return Reading({"sentinel2": np.full((12, 128, 128), 800, "uint16")})


def _planned(count: int, **settings) -> tuple[list[TilePlan], SlowSource]:
    anchors = [anchor_at(73.3 + 0.02 * number) for number in range(count)]
    scenes = [s2_scene(anchor, 1, name=f"s{number}") for number, anchor in enumerate(anchors)]
    source = SlowSource({"COPERNICUS/S2_SR_HARMONIZED": scenes}, **settings)
    (plans,) = plan_anchors(anchors, source, ROWS)
    return [plan for plan in plans if plan.rank == 0], source


def _task(folder: Path, plans: list[TilePlan]) -> GroupTask:
    create_store(str(folder), modalities=ROWS, recipe="test")
    (group,) = cut_groups(plans, "test")
    return GroupTask(str(folder), 0, group, ROWS, TileRules(), 2, "test", "run")


def test_a_group_that_is_stopped_returns_what_is_finished(tmp_path: Path) -> None:
    plans, source = _planned(60, seconds=0.02)
    stop = threading.Event()
    result = fetch_group(_task(tmp_path, plans), source, lambda _: stop.set() if source.reads > 8 else None, stop)
    assert 5 <= len(result.records) == result.count("ok") < 20
    assert sorted(record.slot for record in result.records if record.slot is not None) == list(
        range(len(result.records))
    )


def test_an_interrupted_run_hands_over_what_is_finished_and_ends_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans, source = _planned(60, seconds=0.05)

    def interrupted(futures):
        assert source.begun.wait(10)
        raise KeyboardInterrupt
        yield from futures

    monkeypatch.setattr(executor, "as_completed", interrupted)
    task = _task(tmp_path, plans)
    results = executor.run_groups([task], DaskConfig(), SourceConfig(url="http://x"), source, None)
    kept = next(results)
    assert 1 <= len(kept.records) < 20
    with pytest.raises(KeyboardInterrupt):
        next(results)


def test_a_source_that_is_gone_is_not_asked_for_every_tile(tmp_path: Path) -> None:
    plans, source = _planned(60, dies_after=5)
    result = fetch_group(_task(tmp_path, plans), source)
    assert len(result.records) == 60
    assert (result.count("ok"), result.count("failed")) == (5, 55)
    assert {record.kind for record in result.records if record.status == "failed"} == {SkipKind.SOURCE_ERROR}
    assert source.reads < 25
    assert any("not tried" in record.detail for record in result.records)


def test_a_narrowed_plan_leaves_rows_out_with_a_reason() -> None:
    (plan, *_), source = _planned(1)
    (whole,) = plan_anchors([plan.anchor], source)
    less = narrowed(whole[0], ("sentinel2",))
    assert less == replace(whole[0], parts=less.parts)
    kinds = {part.row: part.skip for part in less.parts}
    assert kinds == {row: None if row == "sentinel2" else SkipKind.NOT_REQUESTED for row in MODALITIES}
    assert not any(part.scenes for part in less.parts if part.row != "sentinel2")
