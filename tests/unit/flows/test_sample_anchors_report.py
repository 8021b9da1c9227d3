"""What a run of `sample-anchors` shows."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from flows.sampling_report import StepBars, frame_markdown, pool_rows
from geomeld_build.build.frames import FrameSummary

SUMMARY = FrameSummary(
    folder=Path("frames/one"),
    anchors=95,
    reserves=12,
    dropped=31,
    by_pool={"mmearth": 50, "own": 40, "topup": 5},
    by_reason={"mmearth": {"overlap": 7, "surplus": 3}, "skyscript": {"at_sea": 21}},
    offered={"mmearth": 60, "skyscript": 21},
    lacking={"tundra": 2, "mangroves": 9},
    overlapping=4,
    splits={"test": 10, "train": 80, "val": 5},
    leaking_pairs=1,
)


class _Artifacts:
    """Records the two calls that the bars make of Prefect."""

    def __init__(self) -> None:
        self.bars: dict[str, list[tuple[float, str]]] = {}
        self.names: dict[UUID, str] = {}

    def create(self, progress: float, key: str, description: str) -> UUID:
        identity = uuid4()
        self.names[identity] = key
        self.bars[key] = [(progress, description)]
        return identity

    def update(self, artifact_id: UUID, progress: float, description: str) -> UUID:
        self.bars[self.names[artifact_id]].append((progress, description))
        return artifact_id


@pytest.fixture
def artifacts(monkeypatch: pytest.MonkeyPatch) -> _Artifacts:
    recorded = _Artifacts()
    monkeypatch.setattr("prefect.artifacts.create_progress_artifact", recorded.create)
    monkeypatch.setattr("prefect.artifacts.update_progress_artifact", recorded.update)
    return recorded


def sampled(bars: StepBars) -> None:
    """The reports of a sampling: a milestone, a step that finds less than it wants, one that comes twice."""
    bars("reading my_pool", 0, 1)
    for done in (0, 10, 20, 57):
        bars("drawing own", done, 60)
    for total in (60, 14):
        bars("dating and splitting", 0, total)
        bars("dating and splitting", total, total)
    bars("writing", 0, 1)


def test_one_bar_a_step_ends_full_when_the_next_begins(artifacts: _Artifacts) -> None:
    with StepBars(logging.getLogger("test.steps"), interval=3600) as bars:
        sampled(bars)
    assert artifacts.bars == {
        "sample-anchors-progress-reading-my-pool": [(0.0, "reading my_pool"), (100.0, "reading my_pool")],
        "sample-anchors-progress-drawing-own": [
            (0.0, "drawing own: 0 of 60"),
            (100.0, "drawing own: 57 of 60"),
        ],
        "sample-anchors-progress-dating-and-splitting": [
            (0.0, "dating and splitting: 0 of 60"),
            (100.0, "dating and splitting: 60 of 60"),
            (100.0, "dating and splitting: 14 of 14"),
        ],
        "sample-anchors-progress-writing": [(0.0, "writing"), (100.0, "writing")],
    }
    assert all(re.fullmatch(r"[a-z0-9-]+", key) for key in artifacts.bars), "what Prefect takes as a key"


def test_between_its_ends_a_step_is_shown_now_and_then(artifacts: _Artifacts) -> None:
    with StepBars(logging.getLogger("test.steps"), interval=0) as bars:
        sampled(bars)
    shown = [percent for percent, _ in artifacts.bars["sample-anchors-progress-drawing-own"]]
    assert shown == [0.0, pytest.approx(100 / 6), pytest.approx(100 / 3), 95.0, 100.0]


def test_a_step_that_failed_does_not_look_finished(artifacts: _Artifacts) -> None:
    def fails() -> None:
        with StepBars(logging.getLogger("test.steps")) as bars:
            bars("drawing own", 0, 60)
            raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        fails()
    assert artifacts.bars == {"sample-anchors-progress-drawing-own": [(0.0, "drawing own: 0 of 60")]}


def test_trouble_with_the_api_stops_no_sampling(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_args: object, **_kwargs: object) -> None:
        raise ConnectionError("no server")

    monkeypatch.setattr("prefect.artifacts.create_progress_artifact", away)
    with StepBars(logging.getLogger("test.steps")) as bars:
        sampled(bars)
    assert "progress could not be shown: no server" in caplog.text


def test_every_pool_has_a_row_with_every_reason() -> None:
    assert pool_rows(SUMMARY) == [
        {"pool": "mmearth", "offered": 60, "anchors": 50, "at_sea": 0, "overlap": 7, "surplus": 3},
        {"pool": "own", "offered": 0, "anchors": 40, "at_sea": 0, "overlap": 0, "surplus": 0},
        {"pool": "skyscript", "offered": 21, "anchors": 0, "at_sea": 21, "overlap": 0, "surplus": 0},
        {"pool": "topup", "offered": 0, "anchors": 5, "at_sea": 0, "overlap": 0, "surplus": 0},
    ]


def test_the_page_says_what_is_in_the_frame() -> None:
    lines = frame_markdown(SUMMARY).splitlines()
    assert "| lacking in the quotas | 11 |" in lines
    assert "| split train | 80 |" in lines
    assert "| pairs leaking between splits | 1 |" in lines
    assert "| mmearth | 60 | 50 | 0 | 7 | 3 |" in lines
    assert lines[-2:] == ["| mangroves | 9 |", "| tundra | 2 |"], "the largest lack first"
