"""The machine: ends for everybody, prefers what is true, and does the same in LangGraph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from geomeld_build.captions.agents.captioner import GrammarCaptioner, Proposed
from geomeld_build.captions.agents.evaluator import GroundedScorer, coverage_of
from geomeld_build.captions.agents.graph import compiled_graph, run_tile_in_graph
from geomeld_build.captions.agents.machine import run_tile
from geomeld_build.captions.agents.nodes import MAX_REVISIONS, Agents
from geomeld_build.captions.agents.state import Candidate, TileJob
from geomeld_build.captions.claims.facts import facts_of
from geomeld_build.captions.claims.model import Checked
from geomeld_build.captions.claims.verify import check_text
from tests.support.injections import KINDS, inject
from tests.support.made_signals import made_signals


def job_of(number: int) -> TileJob:
    record = made_signals(number)
    return TileJob(record["tile_id"], facts_of(record), record)


@dataclass
class Scripted:
    """A captioner that says what it was told to."""

    texts: tuple[str, ...]
    second: tuple[str, ...] = ()
    kind: str = "scripted"
    asked: list[str] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def _read(self, job: TileJob, texts: tuple[str, ...]) -> Proposed:
        read = tuple(Candidate(text, "vision", tuple(check_text(text, job.facts))) for text in texts)
        return Proposed(read, None if read else "nothing to say")

    def propose(self, job: TileJob, count: int) -> Proposed:
        return self._read(job, self.texts[:count])

    def rewrite(self, job: TileJob, text: str, wrong: tuple[Checked, ...]) -> Proposed:
        self.asked.append(text)
        return self._read(job, self.second)


def agents(captioner: Any, count: int = 5) -> Agents:
    return Agents(captioner, GroundedScorer(), count)


def true_text(number: int) -> str:
    return GrammarCaptioner().propose(job_of(number), 1).candidates[0].text


def lie_of(number: int) -> str:
    lie = inject(true_text(number), made_signals(number), "elevation or slope", "x")
    assert lie is not None
    return lie.text


def test_the_grammar_is_accepted_at_once() -> None:
    state = run_tile(job_of(0), agents(GrammarCaptioner()))
    assert state.status == "accepted"
    assert len(state.candidates) == 5
    assert state.chosen is not None
    assert state.scores[state.best].total == max(score.total for score in state.scores)
    assert [event.split(":")[0] for event in state.events] == ["orchestrate", "caption", "rank", "verify", "accept"]


def test_a_true_second_is_better_than_a_false_first() -> None:
    state = run_tile(job_of(1), agents(Scripted((lie_of(1), true_text(1)))))
    assert state.status == "accepted"
    assert state.best == 1
    assert state.revisions == 0


def test_a_lie_is_mended_and_the_edit_is_kept() -> None:
    state = run_tile(job_of(1), agents(Scripted((lie_of(1),))))
    assert state.status == "accepted_after_revision"
    assert state.chosen is not None
    assert state.chosen.source == "edit"
    assert not state.chosen.conflicts
    assert state.edits
    assert state.edits[0].evidence
    assert state.revisions == 1


def test_what_rules_cannot_mend_is_asked_for_again() -> None:
    record = made_signals(1)
    hopeless = (
        "There is no land. It is 90 % glacier. It is 95 % mangroves. Slopes average 60 degrees. It lies at 8,000 m."
    )
    assert "mangrove" not in record["landcover"]["fractions"]
    captioner = Scripted((hopeless,), (true_text(1),))
    state = run_tile(job_of(1), agents(captioner))
    assert captioner.asked == [hopeless]
    assert state.status == "accepted_after_revision"
    assert state.chosen is not None
    assert state.chosen.text == true_text(1)


def test_a_stubborn_captioner_ends_in_the_grammar() -> None:
    hopeless = (
        "There is no land. It is 90 % glacier. It is 95 % mangroves. Slopes average 60 degrees. It lies at 8,000 m."
    )
    captioner = Scripted((hopeless,), (hopeless,))
    state = run_tile(job_of(1), agents(captioner))
    assert len(captioner.asked) <= MAX_REVISIONS
    assert state.status == "fallback"
    assert state.chosen is not None
    assert state.chosen.source == "grammar"
    assert not state.chosen.conflicts
    assert run_tile(job_of(1), agents(Scripted(()))).status == "fallback"


def test_a_tile_of_which_nothing_is_known_is_rejected_with_its_reason() -> None:
    state = run_tile(TileJob("empty", facts_of({}), {}), agents(GrammarCaptioner()))
    assert state.status == "rejected"
    assert "nothing to say" in state.events[-1]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_lie_survives(kind: str) -> None:
    for number in range(12):
        lie = inject(true_text(number), made_signals(number), kind, "y")
        if lie is None:
            continue
        state = run_tile(job_of(number), agents(Scripted((lie.text,))))
        assert state.chosen is not None
        assert not [one for one in check_text(state.chosen.text, job_of(number).facts) if one.label == "contradicted"]


def test_langgraph_does_the_same() -> None:
    pytest.importorskip("langgraph", reason="the extra langgraph is not installed")
    for captioner in (GrammarCaptioner(), Scripted((lie_of(2), lie_of(3))), Scripted(())):
        team = agents(captioner)
        graph = compiled_graph(team)
        for number in range(5):
            job = job_of(number)
            assert run_tile_in_graph(job, graph) == run_tile(job, team)


def test_coverage_is_the_share_of_what_should_be_told() -> None:
    facts = facts_of(
        {
            "landcover": {"fractions": {"tree": 0.6, "crop": 0.3, "grass": 0.1}},
            "water_analysis": {"detected": True, "percentage": 2.0, "status": "consensus"},
            "terrain": {"terrain_class": "Flat", "slope_deg": {"mean": 1.0, "p90": 2.0}, "relief_m": 5.0},
        }
    )
    for text, share in (
        ("Forest.", 0.25),
        ("Forest and cropland.", 0.5),
        ("Forest and cropland on flat ground.", 0.75),
        ("Forest and cropland on flat ground, with a lake.", 1.0),
        ("Snow.", 0.0),
    ):
        assert coverage_of(check_text(text, facts), facts) == pytest.approx(share), text
