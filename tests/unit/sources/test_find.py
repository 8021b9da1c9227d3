"""Batched search: what one request asks, and how its answer is read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from shapely.geometry import Polygon, box, mapping

from geomeld_build.errors import SourceError
from geomeld_build.grid import Window
from geomeld_build.modalities import MODALITIES
from geomeld_build.sources import SceneQuery
from geomeld_build.sources.earthengine_find import split_query, unwrapped
from geomeld_build.sources.earthengine_products import identity, where_filters
from geomeld_build.sources.wire import Request
from tests.unit.sources.fake_service import FakeService, Reply, fake_source, ok, refusal

WHEN = datetime(2020, 6, 4, 5, 46, 39, tzinfo=UTC)
RING = ((73.0, 30.0), (73.01, 30.0), (73.01, 30.01), (73.0, 30.01))


def _ms(when: datetime) -> int:
    return round(when.timestamp() * 1000)


def _query(**changes: Any) -> SceneQuery:
    base: dict[str, Any] = {
        "row": "sentinel2",
        "part": "main",
        "region": RING,
        "window": Window.around(WHEN, 45),
        "near": WHEN,
        "max_cloud_percent": 10.0,
        "contains": True,
    }
    return SceneQuery(**{**base, **changes})


def _candidate(index: str, when: datetime | None, geometry: Any = None, **more: Any) -> dict[str, Any]:
    said = {"i": index, "v": 1_600_000_000_000_000, "t": None if when is None else _ms(when), "m": [], **more}
    return {"type": "Feature", "geometry": geometry, "properties": said}


def _answer(*places: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    features = [
        {"type": "Feature", "geometry": None, "properties": {"q": n, **found}} for n, found in enumerate(places)
    ]
    return {"type": "FeatureCollection", "features": features}


def test_the_window_is_closed_in_milliseconds() -> None:
    part = MODALITIES["sentinel2"].origins["earthengine"][0]
    start = datetime(2020, 1, 1, 0, 0, 0, 500, tzinfo=UTC)
    end = datetime(2020, 1, 2, 0, 0, 0, 999, tzinfo=UTC)
    _, place = split_query(_query(window=Window(start, end)), part, part.bands)
    assert (place.start_ms, place.end_ms) == (
        _ms(datetime(2020, 1, 1, tzinfo=UTC)) + 1,
        _ms(datetime(2020, 1, 2, tzinfo=UTC)) + 1,
    )


def test_a_ring_across_the_antimeridian_is_unwrapped() -> None:
    ring = unwrapped(((179.99, 0.0), (-179.99, 0.0), (-179.99, 0.02), (179.99, 0.02)))
    assert ring[1] == pytest.approx((180.01, 0.0))
    assert ring[0] == ring[-1]


def test_radar_parts_ask_for_the_interferometric_mode_at_ten_metres() -> None:
    part = next(p for p in MODALITIES["sentinel1"].origins["earthengine"] if p.name == "desc_vv")
    assert set(where_filters(part)) == {
        ("equals", "instrumentMode", "IW"),
        ("equals", "resolution_meters", 10),
        ("equals", "orbitProperties_pass", "DESCENDING"),
        ("listContains", "transmitterReceiverPolarisation", "VV"),
        ("listContains", "transmitterReceiverPolarisation", "VH"),
    }


def test_indexes_say_datatake_platform_and_grid() -> None:
    assert identity("20200604T054639_20200604T054831_T43RCP", "") == {
        "datatake": "20200604T054639",
        "grid_code": "43RCP",
    }
    s1 = identity("S1A_IW_GRDH_1SDV_20200607T010203_20200607T010228_032900_03CF87_ABCD", "")
    assert s1 == {"platform": "S1A", "datatake": "S1A_032900_03CF87"}
    assert identity("other", "GS2A_20200604T054639_016003_N02.14")["datatake"] == "20200604T054639"


def test_everything_of_one_call_goes_out_in_one_request() -> None:
    far = tuple((lon + 1.0, lat) for lon, lat in RING)
    queries = [
        _query(),
        _query(row="sentinel1", part="asc_vv", max_cloud_percent=None, contains=False),
        SceneQuery("elevation", "main"),
        _query(region=far),
        SceneQuery("esa_worldcover", "main"),
    ]
    inside = mapping(box(73.0, 30.0, 73.005, 30.01))
    late = _candidate(
        "20200608T054639_20200608T054831_T43RCP", WHEN + timedelta(days=4), cloud_cover=2, sun_zenith=20.5
    )
    soon = _candidate("20200604T054639_20200604T054831_T43RCP", WHEN, cloud_cover=9.9, relative_orbit=5)
    radar = _candidate(
        "S1A_IW_GRDH_1SDV_20200607T010203_20200607T010228_032900_03CF87_ABCD",
        WHEN + timedelta(days=3),
        inside,
        orbit_pass="ASCENDING",
        polarisations=["VV", "VH"],
    )

    def reply(request: Request) -> Reply:
        text = json.loads(request.body)
        assert text["expression"]
        return ok(
            {
                "result": {
                    "p0": _answer({"g0": [_candidate("GDEM", None)], "g1": [_candidate("2021", None)]}),
                    "p1": _answer({"g0": [late, soon]}, {"g0": []}),
                    "p2": _answer({"g0": [radar]}),
                }
            }
        )

    service = FakeService(reply)
    source = fake_source(service)
    s2, s1, dem, none, cover = source.find(queries)
    assert len(service.asked) == 1
    assert [scene.index[:8] for scene in s2] == ["20200604", "20200608"]
    assert s2[0].id == "COPERNICUS/S2_SR_HARMONIZED/20200604T054639_20200604T054831_T43RCP"
    assert (s2[0].datetime, s2[0].cloud_cover, s2[0].relative_orbit, s2[0].datatake) == (
        WHEN,
        9.9,
        5,
        "20200604T054639",
    )
    assert s2[0].footprint is not None
    assert s2[0].footprint.equals(Polygon(RING))
    assert s2[1].sun_zenith == 20.5
    assert s1[0].footprint is not None
    assert s1[0].footprint.area == pytest.approx(5e-5)
    assert (s1[0].orbit_pass, s1[0].polarisations, s1[0].platform) == ("ascending", ("VV", "VH"), "S1A")
    assert (dem[0].id, dem[0].datetime, dem[0].footprint) == ("projects/sat-io/open-datasets/ASTER/GDEM", None, None)
    assert cover[0].id == "ESA/WorldCover/v200/2021"
    assert list(none) == []
    assert [len(scenes) for scenes in source.find(queries[2:3])] == [1]
    assert len(service.asked) == 1, "static assets are asked once a run"


def test_first_is_never_used_and_candidates_are_mapped() -> None:
    service = FakeService([refusal(400, "stop")])
    with pytest.raises(SourceError):
        fake_source(service).find([_query()])
    names = {
        node["functionInvocationValue"]["functionName"]
        for node in _nodes(service.body()["expression"])
        if "functionInvocationValue" in node
    }
    assert "Collection.first" not in names
    assert {
        "Collection.map",
        "Collection.limit",
        "Filter.contains",
        "Filter.dateRangeContains",
        "Filter.lessThan",
    } <= names


def test_a_missing_static_asset_is_an_empty_answer_for_one_more_request() -> None:
    gone = "projects/sat-io/open-datasets/ASTER/GDEM"
    message = f"Image.load: Image asset '{gone}' not found (does not exist or caller does not have access)."
    answer = ok({"result": {"p0": _answer({"g0": [_candidate("2021", None)]})}})
    service = FakeService([refusal(400, message), answer, answer])
    source = fake_source(service)
    queries = [SceneQuery("elevation", "main"), SceneQuery("slope", "main"), SceneQuery("esa_worldcover", "main")]
    assert [len(scenes) for scenes in source.find(queries)] == [0, 0, 1]
    assert [len(scenes) for scenes in source.find(queries)] == [0, 0, 1]
    spent = source.counters()
    assert (spent.search_requests, spent.retries_fault) == (1, 1)


def _places(body: dict[str, Any]) -> int:
    return json.dumps(body["expression"]).count('"GeometryConstructors.Polygon"')


def test_a_batch_that_is_too_big_is_halved() -> None:
    queries = [_query(region=tuple((lon + n, lat) for lon, lat in RING)) for n in range(5)]

    def reply(request: Request) -> Reply:
        body = json.loads(request.body)
        count = _places(body)
        if count > 2:
            return refusal(400, "User memory limit exceeded.")
        return ok({"result": {"p0": _answer(*[{"g0": [_candidate("x", WHEN)]}] * count)}})

    service = FakeService(reply)
    source = fake_source(service)
    assert [len(scenes) for scenes in source.find(queries)] == [1] * 5
    spent = source.counters()
    assert spent.search_requests == 1
    assert spent.requests == spent.setup_requests + spent.search_requests + spent.retries_fault


def test_one_place_that_is_too_big_fails() -> None:
    with pytest.raises(SourceError, match="memory"):
        fake_source(FakeService(lambda _: refusal(400, "User memory limit exceeded."))).find([_query()])


def test_more_than_the_batch_size_goes_in_batches() -> None:
    def reply(request: Request) -> Reply:
        return ok({"result": {"p0": _answer(*[{"g0": []}] * _places(json.loads(request.body)))}})

    service = FakeService(reply)
    source = fake_source(service, max_places=4)
    queries = [_query(region=tuple((lon + n, lat) for lon, lat in RING)) for n in range(10)]
    assert len(source.find(queries)) == 10
    assert [_places(service.body(n)) for n in range(3)] == [4, 4, 2]


@pytest.mark.parametrize(
    "candidate",
    [
        _candidate("x", WHEN + timedelta(days=46)),
        _candidate("x", WHEN, cloud_cover=10.0),
        _candidate("x", WHEN, v=None),
        {"type": "Feature", "properties": None},
    ],
)
def test_answers_that_break_the_question_are_errors(candidate: dict[str, Any]) -> None:
    service = FakeService([ok({"result": {"p0": _answer({"g0": [candidate]})}})])
    with pytest.raises(SourceError):
        fake_source(service).find([_query()])


def test_a_companion_is_named_by_index_and_may_be_dated_differently() -> None:
    index = "20200604T054639_20200604T054831_T43RCP"
    query = _query(
        row="clear_score", max_cloud_percent=None, contains=False, window=Window(WHEN, WHEN), indices=(index,)
    )
    found = _candidate(index, WHEN + timedelta(seconds=9), mapping(box(72, 29, 74, 31)))
    service = FakeService([ok({"result": {"p0": _answer({"g0": [found]})}})])
    (scenes,) = fake_source(service).find([query])
    assert [scene.index for scene in scenes] == [index]
    assert index in json.dumps(service.body())


def _nodes(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(node for child in value.values() for node in _nodes(child))]
    return [node for child in value for node in _nodes(child)] if isinstance(value, list) else []
