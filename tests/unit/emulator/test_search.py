"""Batched searches: many features in one request, each with filtered, sorted and cut candidates."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import ee
import numpy as np
import pytest
import shapely

from geomeld_build.emulator.protocol.service import Service
from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.settings import EmulatorSettings
from geomeld_build.emulator.worlds.base import BandInfo, ImageRecord, SearchHint, UnboundedSearch
from geomeld_build.emulator.worlds.memory import MemoryCollection, MemoryWorld

DAY = 86_400_000
START = 1_591_228_800_000  # 2020-06-04
BAND = BandInfo("B4", "uint16", "EPSG:32643", (10.0, 0.0, 600_000.0, 0.0, -10.0, 1_400_000.0), 10, 10)


def _read(*_: Any) -> Any:
    raise AssertionError("a search reads no pixels")


def scene(number: int, west: float, south: float, ms: float, cloud: float) -> ImageRecord:
    index = f"{number:05d}"
    properties = {"system:index": index, "system:time_start": ms, "CLOUD": cloud, "MGRS_TILE": "43RCP"}
    return ImageRecord(f"S2/{index}", number, (BAND,), _read, shapely.box(west, south, west + 1, south + 1), properties)


@pytest.fixture
def archive(world: MemoryWorld) -> list[ImageRecord]:
    rng = np.random.default_rng(0)
    scenes = [
        scene(
            n, 70 + 4 * rng.random(), 10 + 4 * rng.random(), START + (rng.random() - 0.5) * 60 * DAY, 30 * rng.random()
        )
        for n in range(300)
    ]
    world.add(MemoryCollection("S2", scenes))
    return scenes


def candidates(anchor: ee.Feature, limit: int = 3) -> ee.ImageCollection:
    moment = ee.Date(anchor.get("t"))
    geometry = anchor.geometry()
    return (
        ee.ImageCollection("S2")
        .filterDate(moment.advance(-15, "day"), moment.advance(15, "day"))
        .filterBounds(geometry)
        .filter(ee.Filter.lt("CLOUD", 10))
        .filter(ee.Filter.contains(".geo", geometry))
        .map(lambda image: image.set("dt", image.date().difference(moment, "day").abs()))
        .sort("dt")
        .limit(limit)
    )


def described(anchor: ee.Feature) -> ee.Feature:
    def describe(image: ee.Image) -> ee.Feature:
        common = image.geometry().intersection(anchor.geometry(), 1)
        copied = ["system:time_start", "CLOUD", "MGRS_TILE", "dt", "system:id", "system:version"]
        return ee.Feature(common).copyProperties(image, copied)

    return anchor.set("found", ee.FeatureCollection(candidates(anchor).map(describe)).toList(3))


def anchors(count: int) -> list[tuple[float, float, float]]:
    rng = np.random.default_rng(1)
    return [
        (69 + 6 * rng.random(), 9 + 6 * rng.random(), START + (rng.random() - 0.5) * 20 * DAY) for _ in range(count)
    ]


def box(west: float, south: float) -> list[float]:
    return [west, south, west + 0.01, south + 0.01]


def expected(scenes: list[ImageRecord], west: float, south: float, ms: float) -> list[str]:
    tile = shapely.box(*box(west, south))
    fitting = [
        (abs(record.properties["system:time_start"] - ms), record.id)
        for record in scenes
        if ms - 15 * DAY <= record.properties["system:time_start"] < ms + 15 * DAY
        and record.properties["CLOUD"] < 10
        and record.footprint is not None
        and record.footprint.covers(tile)
    ]
    return [asset_id for _, asset_id in sorted(fitting)[:3]]


def test_a_batch_finds_what_a_loop_finds(archive: list[ImageRecord], server: EmulatorServer) -> None:
    places = anchors(200)
    features = [
        ee.Feature(ee.Geometry.Rectangle(box(x, y), None, False), {"anchor": number, "t": ms})
        for number, (x, y, ms) in enumerate(places)
    ]
    found = ee.FeatureCollection(features).map(described).getInfo()["features"]
    wanted = [expected(archive, *place) for place in places]
    assert [[c["properties"]["system:id"] for c in item["properties"]["found"]] for item in found] == wanted
    assert 20 < sum(map(bool, wanted)) < 200
    first = next(item for item in found if item["properties"]["found"])["properties"]["found"][0]
    record = next(r for r in archive if r.id == first["properties"]["system:id"])
    assert first["properties"]["system:version"] == record.version
    assert first["properties"]["CLOUD"] == pytest.approx(record.properties["CLOUD"])
    assert server.stats()["by_endpoint"] == {"value:compute": 1}
    assert server.stats()["busy_s"] < 10


def test_filters_reach_the_world_as_hints(archive: list[ImageRecord], world: MemoryWorld) -> None:
    collection = world.find("S2")
    assert isinstance(collection, MemoryCollection)
    point = ee.Geometry.Point(72, 12)
    ee.ImageCollection("S2").filterDate("2020-06-01", "2020-06-10").filterBounds(point).size().getInfo()
    hint = collection.hints[-1]
    assert (hint.start_ms, hint.end_ms) == (1_590_969_600_000, 1_591_747_200_000)
    assert hint.region is not None
    assert hint.region.equals(shapely.Point(72, 12))
    ee.ImageCollection("S2").filter(ee.Filter.inList("system:index", ["00001", "00002"])).size().getInfo()
    assert collection.hints[-1] == SearchHint(indices=frozenset({"00001", "00002"}))
    ee.ImageCollection("S2").filter(ee.Filter.eq("system:index", "00001")).size().getInfo()
    assert collection.hints[-1].indices == frozenset({"00001"})
    both = ee.Filter.Or(ee.Filter.date("2020-06-01", "2020-06-02"), ee.Filter.date("2020-07-01", "2020-07-02"))
    ee.ImageCollection("S2").filter(both).size().getInfo()
    assert collection.hints[-1].end_ms == 1_593_648_000_000
    assert collection.hints[-1].start_ms == 1_590_969_600_000


def test_hints_do_not_pass_a_limit(archive: list[ImageRecord], world: MemoryWorld) -> None:
    collection = world.find("S2")
    assert isinstance(collection, MemoryCollection)
    cut = ee.ImageCollection("S2").limit(5).filterDate("2030-01-01", "2031-01-01")
    assert cut.size().getInfo() == 0
    assert collection.hints[-1] == SearchHint()
    assert ee.ImageCollection("S2").limit(5).filter(ee.Filter.eq("system:index", "00200")).size().getInfo() == 0


class Procedural:
    """An archive without end."""

    id = "PLANET"
    properties: ClassVar[dict[str, Any]] = {}

    def images(self, hint: SearchHint) -> Iterator[ImageRecord]:
        if hint.region is None or hint.start_ms is None or hint.end_ms is None:
            raise UnboundedSearch("give a date and a place")
        yield scene(1, 70, 10, hint.start_ms, 1.0)

    def image(self, index: str) -> ImageRecord | None:
        return None


def test_an_unbounded_search_is_refused(world: MemoryWorld) -> None:
    world.add(Procedural())
    collection = ee.ImageCollection("PLANET")
    assert (
        collection.filterDate("2020-01-01", "2020-02-01").filterBounds(ee.Geometry.Point(70.5, 10.5)).size().getInfo()
        == 1
    )
    with pytest.raises(ee.EEException, match="give a date and a place"):
        collection.size().getInfo()


def test_sort_is_stable_and_puts_missing_values_last(world: MemoryWorld) -> None:
    values = [3, None, 1, 3, 2]
    features = ee.FeatureCollection(
        [ee.Feature(None, {"n": n, "v": v} if v else {"n": n}) for n, v in enumerate(values)]
    )
    assert features.sort("v").aggregate_array("n").getInfo() == [2, 4, 0, 3, 1]
    assert features.sort("v", False).aggregate_array("n").getInfo() == [0, 3, 4, 2, 1]
    assert features.limit(2, "v").aggregate_array("n").getInfo() == [2, 4]


def test_shared_values_are_computed_once(archive: list[ImageRecord], world: MemoryWorld) -> None:
    collection = world.find("S2")
    assert isinstance(collection, MemoryCollection)
    size = ee.ImageCollection("S2").size()
    total = ee.List.sequence(1, 50).map(lambda number: ee.Number(number).add(size))
    assert total.getInfo()[0] == 301
    assert len(collection.hints) == 1


def test_long_chains_do_not_overflow(world: MemoryWorld) -> None:
    # The client itself overflows on such a chain, so it is written by hand.
    values: dict[str, Any] = {"0": {"constantValue": 0}}
    for number in range(1, 2_001):
        arguments = {"left": {"valueReference": str(number - 1)}, "right": {"constantValue": 1}}
        values[str(number)] = {"functionInvocationValue": {"functionName": "Number.add", "arguments": arguments}}
    answer = Service(world, EmulatorSettings()).compute_value({"expression": {"result": "2000", "values": values}})
    assert json.loads(answer.body) == {"result": 2_000}


def test_five_hundred_anchors_take_seconds(archive: list[ImageRecord]) -> None:
    features = [ee.Feature(ee.Geometry.Rectangle(box(x, y), None, False), {"t": ms}) for x, y, ms in anchors(500)]
    start = time.monotonic()
    assert len(ee.FeatureCollection(features).map(described).getInfo()["features"]) == 500
    assert time.monotonic() - start < 30
