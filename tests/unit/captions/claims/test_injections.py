"""Lies put into true captions are found where they are, and nothing else is called false."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from geomeld_build.captions.claims.facts import facts_of
from geomeld_build.captions.claims.verify import check_text
from geomeld_build.captions.grammar.write import write_captions
from tests.support.injections import KINDS, inject
from tests.support.made_signals import made_signals

TILES = 60


def test_lies_of_every_kind_are_found() -> None:
    found: Counter[str] = Counter()
    told: Counter[str] = Counter()
    alarmed = 0
    for number in range(TILES):
        record = made_signals(number)
        facts = facts_of(record)
        (draft,) = write_captions(facts, record["tile_id"])
        for kind in KINDS:
            lie = inject(draft.text, record, kind, record["tile_id"])
            if lie is None:
                continue
            wrong = [one.claim for one in check_text(lie.text, facts) if one.label == "contradicted"]
            hits = [claim for claim in wrong if claim.start < lie.end and lie.start < claim.end]
            told[kind] += 1
            found[kind] += bool(hits)
            alarmed += len(hits) < len(wrong)
    assert set(told) == set(KINDS)
    assert min(told.values()) >= 30
    assert found.total() >= 0.99 * told.total(), told - found
    assert all(found[kind] >= 0.95 * told[kind] for kind in KINDS), told - found
    assert alarmed <= 0.005 * told.total()


def test_lies_are_where_they_are_said_to_be() -> None:
    record = made_signals(3)
    text = "Water covers half of the tile. The rest is wetland."
    for kind in KINDS:
        lie = inject(text, record, kind, "somewhere")
        if lie is None:
            continue
        around = f"{lie.text[: lie.start]}|{lie.text[lie.end :]}"
        assert lie.text[lie.start : lie.end] not in text
        assert "Water covers half of the tile" in around
        assert "The rest is wetland" in around


@pytest.mark.soak
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.3, 1.0])
def test_lies_at_known_rates(rate: float) -> None:
    """3,000 captions, so many with one lie: what is found, by kind, and how often the truth is called false."""
    found: Counter[str] = Counter()
    told: Counter[str] = Counter()
    alarmed = raised = 0
    kinds = list(KINDS)
    for number in range(3000):
        record = made_signals(number)
        facts = facts_of(record)
        (draft,) = write_captions(facts, record["tile_id"])
        lie = None
        if Random(f"lie {number}").random() < rate:
            # The next kind that the tile leaves room for.
            turned = kinds[number % 12 :] + kinds[: number % 12]
            lie = next((one for one in (inject(draft.text, record, kind, str(number)) for kind in turned) if one), None)
        text = draft.text if lie is None else lie.text
        wrong = [one.claim for one in check_text(text, facts) if one.label == "contradicted"]
        hits = [claim for claim in wrong if lie is not None and claim.start < lie.end and lie.start < claim.end]
        raised += bool(wrong)
        alarmed += len(hits) < len(wrong)
        if lie is not None:
            told[lie.kind] += 1
            found[lie.kind] += bool(hits)
    kinds_found = {kind: f"{found[kind]}/{told[kind]}" for kind in told}
    print(f"\nrate {rate}: recall {found.total()}/{told.total()}, false alarms {alarmed}/3000, {kinds_found}")
    assert alarmed <= 0.005 * 3000
    if rate:
        assert found.total() >= 0.99 * told.total()
        assert all(found[kind] >= 0.95 * told[kind] for kind in told), kinds_found
        assert found.total() / raised >= 0.97, "precision, at this rate"
