"""Variety of texts, counted by hand."""

from __future__ import annotations

import pytest

from geomeld_build.captions.report.diversity import diversity_of, proper_names


def test_texts_counted_by_hand() -> None:
    found = diversity_of(
        [
            "Forest covers half of the tile in Ghana. A river runs to the lake.",
            "Forest covers half of the tile in Ghana. A river runs to the lake.",
            "Bare rock, 40 % of it, lies in the north.",
        ]
    )
    assert found is not None
    assert (found.texts, found.unique) == (3, 2)
    # forest covers half of the tile in a river runs to lake bare rock it lies north; Ghana and 40 are none.
    assert found.vocabulary == 17
    words = 14 + 14 + 8
    different = 13 + 5
    assert found.distinct_1 == pytest.approx(different / words, abs=1e-4)
    assert found.commonest_run_share == pytest.approx(2 / 3, abs=1e-4)
    assert (found.words_min, found.words_max) == (10, 14)


def test_names_are_no_vocabulary() -> None:
    texts = ["Wald and Rhine. Rhine water."]
    before, after = diversity_of(texts), diversity_of(texts, ["Wald am Rhine"])
    assert before is not None
    assert after is not None
    assert (before.vocabulary, after.vocabulary) == (3, 2)


def test_nothing_has_no_variety() -> None:
    assert diversity_of([]) is None


def test_names_of_a_tile() -> None:
    signals = {"geo": {"country": "Chile", "biome": "Tundra", "realm": None}, "osm": {"names": ["Lago Azul"]}}
    assert proper_names(signals) == ("Chile", "Lago Azul")
    assert proper_names({}) == ()
