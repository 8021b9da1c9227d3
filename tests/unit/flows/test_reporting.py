"""What a run shows: progress, log lines, tables."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from flows import reporting
from geomeld_build.build import BuildSummary
from geomeld_build.build.reserves import StratumQuota
from geomeld_build.sources import Counters


class _Artifacts:
    """Records the two calls that the reporter makes of Prefect."""

    def __init__(self) -> None:
        self.bars: dict[UUID, list[tuple[float, str]]] = {}
        self.keys: list[str] = []

    def create(self, progress: float, key: str, description: str) -> UUID:
        identity = uuid4()
        self.keys.append(key)
        self.bars[identity] = [(progress, description)]
        return identity

    def update(self, artifact_id: UUID, progress: float, description: str) -> UUID:
        self.bars[artifact_id].append((progress, description))
        return artifact_id


@pytest.fixture
def artifacts(monkeypatch: pytest.MonkeyPatch) -> _Artifacts:
    recorded = _Artifacts()
    monkeypatch.setattr("prefect.artifacts.create_progress_artifact", recorded.create)
    monkeypatch.setattr("prefect.artifacts.update_progress_artifact", recorded.update)
    return recorded


def test_one_bar_a_stage_ends_at_the_last_report(artifacts: _Artifacts) -> None:
    with reporting.ProgressReporter(logging.getLogger("test.progress"), interval=0.02) as progress:
        progress("anchors", 0, 4)
        shown = threading.Event()
        shown.wait(0.1)
        progress("anchors", 4, 4)
        threads = [threading.Thread(target=progress, args=("tiles", done, 8, "fetching")) for done in range(9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert artifacts.keys == ["build-tiles-progress-anchors", "build-tiles-progress-tiles"]
    anchors, tiles = artifacts.bars.values()
    assert anchors == [(0.0, "anchors: 0 of 4"), (100.0, "anchors: 4 of 4")]
    assert tiles[-1] == (100.0, "tiles: 8 of 8, fetching")
    assert [percent for percent, _ in tiles] == sorted(percent for percent, _ in tiles)


def test_a_late_report_does_not_turn_the_bar_back(artifacts: _Artifacts) -> None:
    with reporting.ProgressReporter(logging.getLogger("test.progress"), interval=60) as progress:
        progress("tiles", 3, 4)
        progress("tiles", 2, 4)
    assert list(artifacts.bars.values()) == [[(75.0, "tiles: 3 of 4")]]


def test_a_stage_without_work_is_done(artifacts: _Artifacts) -> None:
    with reporting.ProgressReporter(logging.getLogger("test.progress"), interval=60) as progress:
        progress("tiles", 0, 0)
    assert list(artifacts.bars.values()) == [[(100.0, "tiles: 0 of 0")]]


def test_trouble_with_the_api_does_not_stop_a_build(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_args: Any, **_kwargs: Any) -> UUID:
        raise ConnectionError("server is away")

    monkeypatch.setattr("prefect.artifacts.create_progress_artifact", refuse)
    with (
        caplog.at_level(logging.WARNING),
        reporting.ProgressReporter(logging.getLogger("test.progress"), interval=60) as progress,
    ):
        progress("tiles", 1, 2)
    assert "progress could not be shown: server is away" in caplog.text


def test_package_logs_reach_the_run_from_any_thread(caplog: pytest.LogCaptureFixture) -> None:
    package, run = logging.getLogger("geomeld_build"), logging.getLogger("test.run")
    before = (package.level, list(package.handlers))
    with caplog.at_level(logging.INFO, logger="test.run"), reporting.forwarded_logs(run):
        thread = threading.Thread(target=logging.getLogger("geomeld_build.tiles.fetch").info, args=("read %d", 3))
        thread.start()
        thread.join()
        logging.getLogger("geomeld_build.tiles.fetch").debug("too small")
    forwarded = [record.getMessage() for record in caplog.records if record.name == "test.run"]
    assert forwarded == ["geomeld_build.tiles.fetch: read 3"]
    assert (package.level, package.handlers) == before


def test_the_table_has_every_kind_in_every_row() -> None:
    rows = reporting.outcome_rows({"a": {"ok": 2}, "b": {"cloudy": 1, "ok": 1}})
    assert rows == [{"modality": "a", "ok": 2, "cloudy": 0}, {"modality": "b", "ok": 1, "cloudy": 1}]
    assert list(rows[0]) == ["modality", "ok", "cloudy"]


def test_the_summary_says_what_was_built_and_what_is_left() -> None:
    counters = Counters(requests=12, pixel_requests=3, retries_fault=2, bytes_received=2_500_000)
    outcomes = {"sentinel2": {"ok": 2}}
    summary = BuildSummary("s3://b/s", "run-1", 4, 9, 5, 2, 1, 1, outcomes, counters, 1, 90_125.2, "plans/p.parquet")
    page = reporting.summary_markdown(summary)
    for expected in (
        "| store | `s3://b/s` |",
        "| already there | 5 |",
        "| requests | 12 (1.50 for pixels a tile built) |",
        "| received | 2.5 MB |",
        "| time | 1 day, 1:02:05 |",
        "1 tiles failed: run the deployment again",
    ):
        assert expected in page
    nothing = replace(summary, anchors=5, ok=0, skipped=0, failed=0, plan_path="")
    assert "| plan | nothing was missing |" in reporting.summary_markdown(nothing)
    assert "failed: run" not in reporting.summary_markdown(nothing)


def test_the_summary_names_the_strata_that_lack_tiles() -> None:
    held = StratumQuota("forest", wanted=4, built=4, reserves_used=2, failed=0, lacking=0, reserves_left=3)
    short = StratumQuota("desert", wanted=9, built=5, reserves_used=1, failed=1, lacking=4, reserves_left=0)
    summary = BuildSummary("s", "r", 1, 13, 0, 9, 8, 1, {}, Counters(), 0, 1.0, "p", quotas=(short, held))
    page = reporting.summary_markdown(summary)
    assert "Strata: 2, tiles of reserves: 3." in page
    assert "3 tiles are lacking in 1 strata, whose reserves are used up: desert lacks 3 of 9." in page
    assert "1 tiles are lacking because the source failed: run the same build again." in page
    assert "| desert | 9 | 5 | 1 | 4 |" in page
    assert "| forest |" not in page
    assert "The quotas hold in every stratum." in reporting.summary_markdown(replace(summary, quotas=(held,)))
