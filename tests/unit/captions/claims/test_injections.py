"""Lies put into true captions are found where they are, and nothing else is called false."""

from __future__ import annotations

from collections import Counter

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
