"""Captions in other words, written without sight of the lexicon: ``wordings.jsonl``.

Their authors labelled by the signals alone. Where the rules say deliberately otherwise (a vineyard that nobody mapped
is not false, "practically absent" is up to a fifth), labels were left as they are, so that the bars are below 1.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from geomeld_build.captions.claims.facts import facts_of
from geomeld_build.captions.claims.model import Checked
from geomeld_build.captions.claims.revise.revise import revise
from geomeld_build.captions.claims.verify import check_text

RECORDS: list[dict[str, Any]] = [
    json.loads(line) for line in Path(__file__).with_name("wordings.jsonl").read_text(encoding="utf-8").splitlines()
]


def overlaps(gold: dict[str, Any], found: Checked) -> bool:
    return bool(gold["start"] < found.claim.end and found.claim.start < gold["end"])


def test_false_claims_are_found_and_little_else_is() -> None:
    missed, alarms, wronged, total = [], [], [], 0
    for record in RECORDS:
        wrong = [
            one for one in check_text(record["caption"], facts_of(record["signals"])) if one.label == "contradicted"
        ]
        gold = [claim for claim in record["claims"] if claim["label"] == "contradicted"]
        total += len(gold)
        missed += [claim["text"] for claim in gold if not any(overlaps(claim, one) for one in wrong)]
        alarms += [one.claim.text for one in wrong if not any(overlaps(claim, one) for claim in gold)]
        doubtful = [claim for claim in record["claims"] if claim["label"] == "unverifiable"]
        wronged += [one.claim.text for one in wrong if any(overlaps(claim, one) for claim in doubtful)]
    assert total == 212
    assert len(missed) <= 7, missed
    assert len(alarms) <= 4, alarms
    assert not wronged


def test_true_claims_are_supported() -> None:
    told = lost = 0
    for record in RECORDS:
        found = check_text(record["caption"], facts_of(record["signals"]))
        for claim in record["claims"]:
            if claim["label"] == "supported":
                told += 1
                lost += not any(one.label == "supported" and overlaps(claim, one) for one in found)
    assert told == 398
    assert lost <= 0.05 * told, lost


def test_revision_leaves_nothing_false() -> None:
    for record in RECORDS:
        facts = facts_of(record["signals"])
        revised = revise(record["caption"], facts, give_up=False)
        if revised.text is not None:
            assert all(one.label != "contradicted" for one in check_text(revised.text, facts)), revised.text
