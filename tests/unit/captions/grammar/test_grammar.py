"""The grammar's captions: true, varied, of a fair length, and the same on every machine."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from geomeld_build.captions.claims.facts import Facts, facts_of
from geomeld_build.captions.claims.verify import check_text
from geomeld_build.captions.grammar.compose import compose, units_of
from geomeld_build.captions.grammar.shares import share_words
from geomeld_build.captions.grammar.template import expand
from geomeld_build.captions.grammar.unit import Scene
from geomeld_build.captions.grammar.write import write_captions
from tests.support.made_signals import made_signals

TILES = 250


@pytest.fixture(scope="module")
def written() -> list[tuple[Facts, str]]:
    found = []
    for number in range(TILES):
        record = made_signals(number)
        facts = facts_of(record)
        (draft,) = write_captions(facts, record["tile_id"])
        found.append((facts, draft.text))
    return found


def words(text: str) -> list[str]:
    return "".join(ch if ch.isalnum() or ch in "-'" else " " for ch in text.lower()).split()


def test_nothing_is_contradicted(written: list[tuple[Facts, str]]) -> None:
    for facts, text in written:
        wrong = [one for one in check_text(text, facts) if one.label == "contradicted"]
        assert not wrong, (text, wrong)


def test_texts_are_read_as_they_were_meant() -> None:
    """Before the writer reads them itself: it and the parser mean the same by the same words."""
    odd = 0
    for number in range(TILES):
        facts = facts_of(made_signals(number))
        scene = Scene(facts, Random(number))
        text = compose(scene, units_of(scene))
        odd += any(one.label != "supported" and not one.claim.hedged for one in check_text(text, facts))
    assert odd <= 0.01 * TILES


def test_captions_claim_something(written: list[tuple[Facts, str]]) -> None:
    counts = [len(check_text(text, facts)) for facts, text in written]
    assert min(counts) >= 2
    assert sum(counts) / len(counts) >= 4


def test_captions_are_varied_and_of_a_fair_length(written: list[tuple[Facts, str]]) -> None:
    texts = [text for _, text in written]
    lengths = [len(text.split()) for text in texts]
    assert len(set(texts)) == TILES
    assert min(lengths) >= 20
    assert max(lengths) <= 45
    tokens = [words(text) for text in texts]
    triples = [tuple(row[at : at + 3]) for row in tokens for at in range(len(row) - 2)]
    assert len(set(triples)) / len(triples) >= 0.3
    runs = Counter(run for row in tokens for run in {tuple(row[at : at + 6]) for at in range(len(row) - 5)})
    assert runs.most_common(1)[0][1] <= 0.05 * TILES


def test_cover_is_doubted_where_the_maps_disagree() -> None:
    doubted = plain = 0
    for number in range(80):
        record = made_signals(number)
        agreed = facts_of(record)
        record["dynamic_world"]["disagreement"] = 0.5
        (sure,), (unsure,) = (write_captions(facts, record["tile_id"]) for facts in (agreed, facts_of(record)))
        assert not any(one.claim.hedged for one in sure.checked if one.claim.type.startswith("landcover"))
        assert not any(one.label == "contradicted" for one in unsure.checked)
        for one in unsure.checked:
            if one.claim.type.startswith("landcover"):
                doubted, plain = doubted + one.claim.hedged, plain + (not one.claim.hedged)
    assert doubted > 3 * plain, "once a sentence, and what hangs on it"


def test_captions_depend_on_the_tile_and_the_seed_alone() -> None:
    facts = facts_of(made_signals(7))
    first = [draft.text for draft in write_captions(facts, "a-tile", count=3)]
    write_captions(facts_of(made_signals(8)), "another")
    assert [draft.text for draft in write_captions(facts, "a-tile", count=3)] == first
    assert len(set(first)) == 3
    assert write_captions(facts, "a-tile", seed=1)[0].text != first[0]
    assert write_captions(facts, "b-tile")[0].text != first[0]


def test_little_that_is_known_gives_a_short_text() -> None:
    facts = facts_of({"landcover": {"fractions": {"water": 0.3, "tree": 0.7}}})
    (draft,) = write_captions(facts, "a-tile")
    assert draft.text.endswith(".")
    assert all(one.label == "supported" for one in draft.checked)
    assert write_captions(facts_of({}), "a-tile") == []


@pytest.mark.parametrize("share", [0.006, 0.03, 0.08, 0.11, 0.17, 0.24, 0.31, 0.42, 0.5, 0.58, 0.69, 0.77, 0.88, 0.97])
def test_wordings_of_shares_accept_the_share(share: float) -> None:
    rng = Random(round(1000 * share))
    for _ in range(50):
        worded = share_words(share, rng)
        assert worded.low < share < worded.high, worded


def test_templates() -> None:
    seen = {expand("{a|b{c|d}|} $x", Random(n), {"x": "{e|f}"}) for n in range(200)}
    assert seen == {f"{head}{tail}".strip() for head in ("a ", "bc ", "bd ", "") for tail in ("e", "f")}
    with pytest.raises(ValueError, match="brace"):
        expand("{a|b", Random(1), {})
