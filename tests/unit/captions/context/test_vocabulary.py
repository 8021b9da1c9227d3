"""The vocabulary of tags keeps what captions speak of."""

from __future__ import annotations

import pytest

from geomeld_build.captions.claims.lexicon.features import FEATURES, has_tags
from geomeld_build.captions.claims.parse.counts import COUNTABLE
from geomeld_build.captions.context.vocabulary import is_area, kept_tags

ALTERNATIVES = sorted(
    {tag for kind in FEATURES.values() for tag in kind.tags} | {tag for tags in COUNTABLE.values() for tag in tags}
)
ANY = {"highway": "primary", "railway": "rail", "aeroway": "runway", "man_made": "works", "building": "house"}


@pytest.mark.parametrize("tag", ALTERNATIVES)
def test_what_the_lexicon_looks_for_is_kept(tag: str) -> None:
    tags = {}
    for pair in tag.split(";"):
        key, _, value = pair.partition("=")
        tags[key] = ANY.get(key, "yes") if value == "*" else value
    if not kept_tags(tags):
        # A detail, such as what drives a turbine, comes with a feature that it belongs to.
        tags = {"power": "generator"} | tags
    assert has_tags(kept_tags(tags), tag)


@pytest.mark.parametrize(
    ("tags", "kept"),
    [
        ({"highway": "motorway_link", "ref": "A1"}, {"highway": "motorway"}),
        ({"building": "apartments", "addr:city": "Berlin"}, {"building": "yes"}),
        ({"building": "church"}, {"building": "church"}),
        ({"natural": "water", "water": "lake", "name": "Sils"}, {"natural": "water", "water": "lake"}),
        ({"water": "lake"}, {}),
        ({"bridge": "yes"}, {}),
        ({"shop": "bakery"}, {}),
        ({"building": "no"}, {}),
        ({"railway": "abandoned"}, {}),
    ],
)
def test_everything_else_is_dropped(tags: dict[str, str], kept: dict[str, str]) -> None:
    assert kept_tags(tags) == kept


@pytest.mark.parametrize(
    ("tags", "area"),
    [
        ({"highway": "residential", "junction": "roundabout"}, False),
        ({"highway": "service", "area": "yes"}, True),
        ({"building": "yes"}, True),
        ({"natural": "water"}, True),
        ({"natural": "coastline"}, False),
        ({"waterway": "river"}, False),
        ({"power": "substation"}, True),
        ({"power": "line"}, False),
        ({"landuse": "forest", "area": "no"}, False),
    ],
)
def test_closed_ways_are_lines_or_surfaces(tags: dict[str, str], area: bool) -> None:
    assert is_area(tags) is area
