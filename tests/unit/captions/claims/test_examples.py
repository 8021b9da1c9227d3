"""The verifier on hand-written captions with known verdicts."""

from __future__ import annotations

import json
from typing import Any

from geomeld_build.captions.claims.facts import facts_of
from geomeld_build.captions.claims.model import Checked
from geomeld_build.captions.claims.revise.revise import revise
from geomeld_build.captions.claims.verify import check_text
from tests.support.realdata import data_dir, needs_real_data

FILE = data_dir() / "captions_examples.jsonl"
pytestmark = needs_real_data


def records() -> list[dict[str, Any]]:
    return [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


def overlaps(gold: dict[str, Any], found: Checked) -> bool:
    return bool(gold["start"] < found.claim.end and found.claim.start < gold["end"])


def test_contradicted_claims_are_found_and_nothing_else_is() -> None:
    missed, alarms, wronged = [], [], []
    total = 0
    for record in records():
        found = check_text(record["caption"], facts_of(record["signals"]))
        wrong = [one for one in found if one.label == "contradicted"]
        gold = [claim for claim in record["claims"] if claim["label"] == "contradicted"]
        total += len(gold)
        missed += [claim for claim in gold if not any(overlaps(claim, one) for one in wrong)]
        alarms += [one for one in wrong if not any(overlaps(claim, one) for claim in gold)]
        doubtful = [claim for claim in record["claims"] if claim["label"] == "unverifiable"]
        wronged += [one for one in alarms if any(overlaps(claim, one) for claim in doubtful)]
    assert total == 30
    assert len(missed) <= 1, missed
    assert len(alarms) <= 1, alarms
    assert not wronged


def test_true_claims_are_supported() -> None:
    lost = []
    for record in records():
        found = check_text(record["caption"], facts_of(record["signals"]))
        for claim in record["claims"]:
            if claim["label"] == "supported" and not any(o.label == "supported" and overlaps(claim, o) for o in found):
                lost.append((record["id"], claim["text"]))
    assert len(lost) <= 2, lost


def test_spans_are_the_text() -> None:
    for record in records():
        for one in check_text(record["caption"], facts_of(record["signals"])):
            assert record["caption"][one.claim.start : one.claim.end] == one.claim.text


def test_revised_captions_hold_nothing_false() -> None:
    for record in records():
        facts = facts_of(record["signals"])
        revised = revise(record["caption"], facts, give_up=False)
        assert revised.text is not None
        assert all(one.label != "contradicted" for one in check_text(revised.text, facts)), revised.text
        assert revised.text.endswith(".")
        assert revised.rounds <= 2
