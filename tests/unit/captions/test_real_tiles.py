"""Captions of real ground are the ones that docs/captions.md lists, where people have checked each claim by eye."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from geomeld_build.captions.claims.facts import facts_of
from geomeld_build.captions.grammar.write import write_captions
from tests.support.real_tiles import RealTile, real_tiles
from tests.support.realdata import needs_real_data

pytestmark = needs_real_data
PAGE = Path(__file__).parents[3] / "docs" / "captions.md"


@pytest.fixture(scope="module")
def tiles() -> list[RealTile]:
    return list(real_tiles())


def test_captions_are_those_of_the_page(tiles: list[RealTile]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for tile in tiles:
        (draft,) = write_captions(facts_of(json.loads(tile.signals.model_dump_json())), tile.name)
        assert f"| {tile.name} | {draft.text} | {len(draft.checked)} |" in page, "write it there, and check it by eye"
        assert all(one.label == "supported" for one in draft.checked)


def test_nothing_is_said_of_what_the_data_lacks(tiles: list[RealTile]) -> None:
    for tile in tiles:
        assert (tile.signals.landcover is None) == ("esa_worldcover" not in tile.arrays)
        assert (tile.signals.terrain is None) == ("dem_context" not in tile.arrays)
        assert tile.signals.water_analysis is None, "two maps make a consensus, and there is one"
