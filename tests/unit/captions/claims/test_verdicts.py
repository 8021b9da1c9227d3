"""What wordings mean, and where their limits lie."""

from __future__ import annotations

from typing import Any

import pytest

from geomeld_build.captions.claims.facts import Facts, facts_of
from geomeld_build.captions.claims.verify import check_text

COVER = {"tree": 0.40, "grass": 0.30, "crop": 0.20, "built": 0.06, "water": 0.04}
BASE: dict[str, Any] = {
    "tile_id": "made-up",
    "lat": 48.0,
    "lon": 9.0,
    "acquisition_date": "2021-07-10",
    "landcover": {"fractions": COVER},
    "layout": {
        "parts": {
            "NW": {"tree": 0.9, "grass": 0.1},
            "NE": {"tree": 0.5, "grass": 0.5},
            "SW": {"tree": 0.1, "grass": 0.3, "crop": 0.6},
            "SE": {"tree": 0.1, "grass": 0.3, "crop": 0.2, "built": 0.24, "water": 0.16},
            "centre": {"grass": 1.0},
        },
        "objects": [
            {
                "name": "water",
                "frac": 0.04,
                "shape": "linear",
                "where": "SE",
                "orientation_deg": 45.0,
                "width_m": 60.0,
            }
        ],
    },
    "water_analysis": {"detected": True, "percentage": 4.0, "status": "consensus"},
    "terrain": {
        "terrain_class": "Slope",
        "form_fractions": {"Slope": 0.6, "Ridge": 0.2, "Valley": 0.2},
        "elevation_m": {"min": 410, "mean": 480, "max": 560},
        "relief_m": 120,
        "slope_deg": {"mean": 9.0, "p90": 17.0},
        "aspect_deg": 350.0,
        "aspect_strength": 0.7,
    },
    "canopy_height_m": {"mean": 14, "p50": 15, "p95": 24},
    "indices": {"ndvi": {"p10": 0.3, "p50": 0.7, "p90": 0.8}},
    "osm": {
        "status": "ok",
        "centre": [],
        "surrounding": [
            {"tags": {"highway": "tertiary"}, "count": 3},
            {"tags": {"building": "yes"}, "count": 40},
            {"tags": {"waterway": "river"}, "count": 1},
        ],
        "area": [],
        "names": ["Wood Green"],
    },
    "geo": {"country": "Germany", "continent": "Europe", "biome": "Temperate Broadleaf & Mixed Forests"},
    "season": "summer",
}


def facts(**changes: Any) -> Facts:
    return facts_of({**BASE, **changes})


def labels(text: str, **changes: Any) -> list[tuple[str, str]]:
    return [(one.claim.type, one.label) for one in check_text(text, facts(**changes))]


def label(text: str, **changes: Any) -> str:
    """The verdict on a text with one claim."""
    found = labels(text, **changes)
    assert len(found) == 1, found
    return found[0][1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Forest covers 40 % of the tile.", "supported"),
        ("Forest covers two fifths of the tile.", "supported"),
        ("Forest covers 60 % of the tile.", "contradicted"),
        ("About two fifths of the tile is forest.", "supported"),
        ("Nearly half of the tile is forest.", "supported"),
        ("Nearly a quarter of the tile is forest.", "contradicted"),
        ("Just over a third is wooded.", "supported"),
        ("Less than a tenth is built-up.", "supported"),
        ("More than half of the tile is grassland.", "contradicted"),
        ("At least one quarter is grassland.", "supported"),
        ("Patches of forest remain.", "contradicted"),
        ("Patches of built-up land remain.", "supported"),
        ("Trees and grass together take up about 70 % of the tile.", "supported"),
        ("Hardly any cropland is left.", "contradicted"),
        ("Almost the whole tile is forest.", "contradicted"),
        ("Between 35 and 45 % of the tile is forest.", "supported"),
        ("One in five pixels is cropland.", "supported"),
    ],
)
def test_shares(text: str, expected: str) -> None:
    assert label(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("There is more forest than cropland.", "supported"),
        ("There is less forest than cropland.", "contradicted"),
        ("Cropland outweighs forest.", "contradicted"),
        ("There is twice as much forest as cropland.", "supported"),
        ("Forest and cropland are evenly matched.", "contradicted"),
        ("Forest is the largest class.", "supported"),
        ("Grassland dominates.", "contradicted"),
        ("Forest dominates.", "supported"),
        ("Nothing but forest is seen.", "contradicted"),
    ],
)
def test_comparisons(text: str, expected: str) -> None:
    assert label(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("There is no forest.", ["contradicted"]),
        ("There is no snow.", ["supported"]),
        ("No snow, mangroves or moss can be seen.", ["supported"] * 3),
        ("The tile is without wetland but has cropland.", ["supported", "supported"]),
        ("There is no shortage of forest.", ["supported"]),
        ("The area is anything but forest.", ["contradicted"]),
        ("Forest, not cropland, lines the river.", ["supported", "contradicted", "supported"]),
        ("The scene is snow-free.", ["supported"]),
        ("The treeless ground is cropland.", ["contradicted", "supported"]),
        ("Neither snow nor wetland occurs.", ["supported", "supported"]),
        ("Cropland is absent.", ["contradicted"]),
    ],
)
def test_negation(text: str, expected: list[str]) -> None:
    assert [found for _, found in labels(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The ground lies at about 480 m.", "supported"),
        ("The ground lies at about 900 m.", "contradicted"),
        ("Elevation is about 1,575 feet.", "supported"),
        ("The land rises to 560 metres.", "supported"),
        ("The land rises to 800 metres.", "contradicted"),
        ("Slopes average 9 degrees.", "supported"),
        ("Slopes average 25 degrees.", "contradicted"),
        ("Slopes are below five percent.", "contradicted"),
        ("The relief is 120 m.", "supported"),
        ("The relief is negligible.", "contradicted"),
        ("The trees are about 24 m high.", "supported"),
        ("The trees are about 45 m high.", "contradicted"),
        ("The river is about 60 m wide.", "supported"),
        ("The river is about 200 m wide.", "contradicted"),
    ],
)
def test_measures(text: str, expected: str) -> None:
    told = [found for kind, found in labels(text) if kind not in {"water", "terrain", "landcover_presence"}]
    assert told == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Forest lies in the north-west.", "supported"),
        ("Forest lies in the south-east.", "contradicted"),
        ("The north is wooded.", "supported"),
        ("Cropland fills the south-west.", "supported"),
        ("Grass holds the centre.", "supported"),
        ("Built-up land lies in the north.", "contradicted"),
    ],
)
def test_layout(text: str, expected: str) -> None:
    assert label(text) == expected


def test_directions_of_rivers() -> None:
    assert ("direction", "supported") in labels("A river runs from south-west to north-east.")
    assert ("direction", "contradicted") in labels("A river runs from north-west to south-east.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Germany.", "supported"),
        ("A German landscape.", "supported"),
        ("A French landscape.", "contradicted"),
        ("It is summer.", "supported"),
        ("It is winter.", "contradicted"),
        ("Seen in July.", "supported"),
        ("Seen in March.", "contradicted"),
        ("A Mediterranean scene.", "contradicted"),
        ("Three roads cross the tile.", "supported"),
        ("Five roads cross the tile.", "contradicted"),
        ("A motorway crosses the tile.", "contradicted"),
        ("A silo stands here.", "unverifiable"),
        ("No roads are there.", "contradicted"),
        ("Cars wait.", "unverifiable"),
        ("A lush scene.", "supported"),
        ("A parched scene.", "contradicted"),
        ("North-facing.", "supported"),
        ("South-facing.", "contradicted"),
    ],
)
def test_context(text: str, expected: str) -> None:
    assert label(text) == expected


def test_names_of_places_say_nothing() -> None:
    assert labels("Wood Green.") == []
    assert labels("Sand Green.", osm={"status": "empty", "names": ["Sand Green"]}) == []


def test_what_is_not_known_is_not_judged() -> None:
    assert label("Forest covers 90 % of the tile.", landcover=None) == "unverifiable"
    assert label("It is Kenya.", geo=None) == "unverifiable"
    assert label("Slopes average 40 degrees.", terrain=None) == "unverifiable"
    assert label("A motorway crosses the tile.", osm=None) == "unverifiable"
    assert label("Water is there.", water_analysis={"detected": False, "percentage": 0.4, "status": "disputed"}) == (
        "unverifiable"
    )
    seasonal = {"detected": False, "percentage": 0.1, "status": "jrc_seasonal_only"}
    assert label("Water is there.", water_analysis=seasonal) == "contradicted"
    assert label("Possibly water is there.", water_analysis=seasonal) == "supported"


def test_idioms_are_no_land_cover() -> None:
    assert labels("An oil field.") == []
    assert labels("The playing field.") == []
    assert [kind for kind, _ in labels("It lies 480 m above sea level.")] == ["elevation"]


def test_dynamic_world_keeps_a_minor_class_from_being_false() -> None:
    fractions = {**COVER, "wetland": 0.03, "tree": 0.37}
    assert label("A marsh.", dynamic_world={"fractions": fractions}) in {"supported", "unverifiable"}
    assert label("A marsh.", dynamic_world={"fractions": COVER}) == "contradicted"


@pytest.mark.parametrize(
    "text",
    [
        "The barley will be threshed in March.",
        "Twenty silos, commissioned in 2009.",
        "A survey party camped here in spring.",
        "Bark beetles attacked the stand in 2015.",
        "The visitors come mainly from France.",
        "The dam was repaired in winter.",
    ],
)
def test_dates_and_places_of_events_are_not_those_of_the_image(text: str) -> None:
    found = labels(text)
    assert ("other", "unverifiable") in found
    assert not {kind for kind, _ in found} & {"date", "season", "geo"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The image was acquired in March.", "contradicted"),
        ("Taken in 2021.", "supported"),
        ("Taken in 2015.", "contradicted"),
        ("A scene from France.", "contradicted"),
        ("A view from Germany.", "supported"),
        ("In winter.", "contradicted"),
    ],
)
def test_dates_and_places_of_the_image_are(text: str, expected: str) -> None:
    assert label(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The ground stands hundreds of metres above the sea.", "supported"),
        ("The ground stands thousands of metres above the sea.", "contradicted"),
        ("The mean elevation is close to half a kilometre.", "supported"),
        ("The mean elevation is close to a kilometre.", "contradicted"),
        ("The elevation never tops 600 m.", "supported"),
        ("The elevation never tops 300 m.", "contradicted"),
        ("The trees are no taller than a person.", "contradicted"),
        ("Hardly anything but trees is visible.", "contradicted"),
        ("The NDVI of about 0.7 tells.", "supported"),
        ("The NDVI of about 0.3 tells.", "contradicted"),
        ("The scene shows very little green.", "contradicted"),
        ("The north-western corner is mainly forest.", "supported"),
        ("The south-western corner is mainly forest.", "contradicted"),
        ("The slopes fall some 150 m from the highest point to the lowest.", "supported"),
        ("The slopes fall some 900 m from the highest point to the lowest.", "contradicted"),
        ("Nowhere does the surface rise more than 600 m above the sea.", "supported"),
        ("Nowhere does the surface rise more than 300 m above the sea.", "contradicted"),
        ("The canopy averages somewhere near 14 m.", "supported"),
        ("The greenness signal is very weak.", "contradicted"),
        ("The NDVI is high.", "supported"),
        ("The vegetation index is very low.", "contradicted"),
        ("The terrain climbs beyond 540 m.", "supported"),
        ("The terrain climbs beyond 700 m.", "contradicted"),
        ("The tallest trees top 22 m.", "supported"),
        ("The tallest trees exceed 60 m.", "contradicted"),
        ("The canopy is only knee-high.", "contradicted"),
        ("Built-up land outranks every other class.", "contradicted"),
        ("The principal land cover is cropland.", "contradicted"),
        ("The NDVI is low.", "contradicted"),
        ("The NDVI is not high.", "contradicted"),
        ("The NDVI is not low.", "supported"),
        ("No greenness is seen.", "contradicted"),
        ("No snow lies here and the ground stays below 600 m.", "supported"),
        ("Without snow, the ground stays below 600 m.", "supported"),
        ("Trees make up about two fifths of this Canadian prairie tile.", "supported"),
        ("Rice terraces cover most of the area.", "contradicted"),
        ("Water is chiefly on the southern side.", "supported"),
        ("Trees cover two fifths; what remains is chiefly grass.", "supported"),
        ("Built-up land rivals cropland in extent.", "contradicted"),
        ("Cropland is missing entirely.", "contradicted"),
        ("Grass is found on around a third of the tile and cropland on some two tenths.", "supported"),
        ("Dense forest spreads over the southern half.", "contradicted"),
        ("Trees and grass lie within a few points of each other, the former in front.", "supported"),
        ("Trees and grass lie within a few points of each other, the latter in front.", "contradicted"),
    ],
)
def test_wordings_of_amounts(text: str, expected: str) -> None:
    assert expected in [verdict for _, verdict in labels(text)]


def test_a_road_with_lanes_is_one_road() -> None:
    assert labels("A six-lane motorway crosses the tile.") == [("road", "contradicted")]


def test_a_class_cannot_cover_more_than_there_is_of_it() -> None:
    """Without shares by quadrant, the share of the tile limits what a part of it can hold."""
    tops = {"quadrants": {place: {"top": "tree"} for place in ("NW", "NE", "SW", "SE")}}
    assert label("Cropland covers the northern half.", layout=tops) == "contradicted"
    assert label("Cropland lies in the north.", layout=tops) == "unverifiable"
