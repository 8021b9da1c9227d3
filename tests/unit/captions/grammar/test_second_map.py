"""Minor classes that a second map does not see at all are not told."""

from __future__ import annotations

from typing import Any

import pytest

from geomeld_build.captions.claims.facts import facts_of
from geomeld_build.captions.grammar.write import write_captions
from tests.support.made_signals import made_signals

COVER = {"tree": 0.55, "crop": 0.35, "shrub": 0.10}


def told(dynamic: dict[str, float] | None) -> set[str]:
    """Classes that captions of several tiles speak of."""
    found: set[str] = set()
    for number in range(12):
        record: dict[str, Any] = {**made_signals(number), "landcover": {"fractions": COVER}, "layout": None}
        record["dynamic_world"] = None if dynamic is None else {"fractions": dynamic}
        for draft in write_captions(facts_of(record), f"tile {number}", count=3):
            found |= {name for one in draft.checked for name in one.claim.subject if one.claim.positive}
    return found


@pytest.mark.parametrize(
    ("dynamic", "expected"),
    [(None, True), ({"tree": 0.60, "crop": 0.30, "shrub": 0.10}, True), ({"tree": 0.60, "crop": 0.40}, False)],
)
def test_minor_classes_need_both_maps(dynamic: dict[str, float] | None, expected: bool) -> None:
    found = told(dynamic)
    assert ("shrub" in found) is expected
    assert {"tree", "crop"} <= found
