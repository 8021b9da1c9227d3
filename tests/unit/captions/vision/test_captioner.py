"""A model that lies at a known rate, on a server with every fault: what is left of it after the verification."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from geomeld_build.captions.agents.evaluator import GroundedScorer
from geomeld_build.captions.agents.machine import run_tile
from geomeld_build.captions.agents.nodes import Agents
from geomeld_build.captions.agents.state import Candidate, TileJob, TileState
from geomeld_build.captions.claims.facts import facts_of
from geomeld_build.captions.vision import client as clients
from geomeld_build.captions.vision.captioner import VisionCaptioner
from geomeld_build.captions.vision.request import seed_of
from geomeld_build.captions.vision.settings import VisionSettings
from tests.support.made_signals import made_signals
from tests.support.vision_pictures import BLACK
from tests.support.vision_stub import MODEL, Stub, running_stub

TILES = 120
RECORDS = [made_signals(number) for number in range(TILES)]


def captioned(stub: Stub, count: int, **values: Any) -> list[TileState]:
    captioner = VisionCaptioner(VisionSettings(**({"url": stub.url, "model": MODEL, "timeout_s": 0.5} | values)))
    agents = Agents(captioner, GroundedScorer(), count)
    jobs = [TileJob(record["tile_id"], facts_of(record), record, BLACK) for record in RECORDS]
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda job: run_tile(job, agents), jobs))


def liar(rate: float, count: int, **values: Any) -> Stub:
    seeds = {seed_of(record["tile_id"], 0, attempt): record for record in RECORDS for attempt in range(count + 2)}
    return Stub(seeds, rate, **values)


def original(state: TileState) -> Candidate | None:
    """What the model said that the caption was made from; None where the grammar stood in."""
    chosen = state.chosen
    assert chosen is not None
    if chosen.source == "grammar":
        return None
    if chosen.source != "edit":
        return chosen
    said = [one for one in state.candidates if one.request_sha == chosen.request_sha and one.source != "edit"]
    return max(said, key=lambda one: len(set(one.text.split()) & set(chosen.text.split())))


@pytest.mark.parametrize(("rate", "count"), [(1.0, 1), (0.3, 3)])
def test_lies_do_not_survive_and_the_truth_does(rate: float, count: int) -> None:
    with running_stub(liar(rate, count)) as stub:
        states = captioned(stub, count)
    told = kept = supported = lost = 0
    for state in states:
        chosen, said = state.chosen, original(state)
        assert chosen is not None
        assert not chosen.conflicts
        if said is None:
            continue
        if said.text in stub.lies:
            told += 1
            kept += stub.lies[said.text].rstrip(".").casefold() in chosen.text.casefold()
        before, after = (sum(one.label == "supported" for one in text.checked) for text in (said, chosen))
        supported += before
        lost += max(0, before - after)
    print(f"lies at {rate}, k = {count}: {kept} of {told} left, {lost} of {supported} supported claims lost")
    assert told >= (100 if rate == 1.0 else 1)
    assert kept <= 0.01 * TILES
    assert lost <= 0.10 * supported


def test_no_tile_is_lost_to_a_bad_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_BASE_S", 0.05)
    faults = {
        "slow": 0.03, "limited": 0.1, "overloaded": 0.05, "truncated": 0.1, "empty": 0.05, "garbled": 0.05, "cut": 0.05,
        "refused": 0.03,
    }  # fmt: skip
    with running_stub(liar(0.2, 2, faults=faults)) as stub:
        states = captioned(stub, 2)
    assert all(stub.seen[kind] for kind in faults), "every fault happened"
    assert len(states) == TILES
    for state in states:
        assert state.chosen is not None
        assert not state.chosen.conflicts
        assert len(state.chosen.text.split()) >= 5
    assert sum(state.chosen is not None and state.chosen.source != "grammar" for state in states) >= 0.85 * TILES


def test_a_server_that_is_down_leaves_it_to_the_grammar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_BASE_S", 0.001)
    states = captioned(Stub({}, url="http://127.0.0.1:9/v1"), 2)
    assert {state.status for state in states} == {"fallback"}
    assert "caption: 0 by vision" in states[0].events[1]
    assert "Connection refused" in states[0].events[1] or "the server is down" in states[0].events[1]


def test_servers_that_give_one_choice_are_asked_for_more() -> None:
    with running_stub(Stub({}, idle_rate=0.0, most_choices=1)) as stub:
        states = captioned(stub, 3)
    assert sum(len(state.candidates) >= 3 for state in states) >= 0.8 * TILES
    assert {body["n"] for body in stub.bodies} == {1, 3}


def test_what_is_withheld_is_not_told_to_the_model() -> None:
    with running_stub(Stub({})) as stub:
        captioner = VisionCaptioner(VisionSettings(url=stub.url, model=MODEL))
        signals = RECORDS[0] | {"geo": None, "season": None}
        captioner.propose(TileJob("one", facts_of(signals), signals, BLACK), 1)
    told = stub.bodies[0]["messages"][1]["content"][-1]["text"]
    assert '"land_cover_percent"' in told
    assert '"place"' not in told
    assert '"season"' not in told
