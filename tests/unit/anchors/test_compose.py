"""A frame keeps its promises: quotas, no overlap, an account of every point, and the same bytes in any order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from pyproj import Transformer

from geomeld_build.anchors.compose import Frame, compose
from geomeld_build.anchors.exclusions import ExclusionRule, read_exclusions
from geomeld_build.anchors.files import read_anchors
from geomeld_build.anchors.frame_folder import is_frame, read_frame, write_frame
from geomeld_build.anchors.imports import Pool
from geomeld_build.anchors.naip_dates import VintageQuery
from geomeld_build.anchors.recipe import FrameConfig
from geomeld_build.anchors.world import BiomeLayer, World
from geomeld_build.anchors.world.polygons import locate_in_polygons
from geomeld_build.errors import ConfigError
from tests.support.made_world import NAMES, made_pool, made_world, shuffled

WORLD = made_world()
FIRST, SECOND = made_pool("first", 900, off=60), made_pool("second", 1500)


def recipe(**changes: Any) -> FrameConfig:
    values: dict[str, Any] = {
        "recipe": "test",
        "pools": [
            {"name": "first", "path": "first.csv", "count": 600, "allocation": "equal"},
            {"name": "second", "path": "second.csv", "count": 300},
        ],
        "own": {
            "count": 200,
            "by": "continent-biome",
            "continents": ["Africa", "South America"],
            "allocation": "deficit",
        },
        "reserve": 0.2,
    }
    return FrameConfig.model_validate({**values, **changes})


def made(config: FrameConfig, *pools: Pool, **more: Any) -> Frame:
    return compose(config, WORLD, list(zip(config.pools, pools, strict=True)), **more)


@pytest.fixture(scope="module")
def frame() -> Frame:
    return made(recipe(), FIRST, SECOND)


def counts(table: pa.Table, *columns: str) -> dict[Any, int]:
    grouped = table.group_by(list(columns)).aggregate([([], "count_all")]).to_pylist()
    return {tuple(line[column] for column in columns): line["count_all"] for line in grouped}


@cache
def to_plane(epsg: int) -> Transformer:
    return Transformer.from_crs(epsg, "+proj=laea +lon_0=20 +lat_0=-3", always_xy=True)


def overlapping(table: pa.Table) -> int:
    """Pairs of squares that share ground, by shapely in one projection: nothing of ours."""
    squares = []
    for line in table.select(["epsg", "left", "top"]).to_pylist():
        box = shapely.box(line["left"], line["top"] - 1280, line["left"] + 1280, line["top"])
        there = to_plane(line["epsg"])
        squares.append(shapely.transform(box, lambda xy, there=there: np.column_stack(there.transform(*xy.T))))
    tree = shapely.STRtree(squares)
    left, right = tree.query(squares, predicate="intersects")
    areas = [shapely.area(squares[a] & squares[b]) for a, b in zip(left, right, strict=True) if a < b]
    return sum(area > 50.0 for area in areas)


def test_quotas_are_exact_whatever_the_pools_hold(frame: Frame) -> None:
    assert len(frame.anchors) == 600 + 300 + 200
    assert frame.lacking == {}
    assert frame.quotas["first"] == dict.fromkeys(NAMES.values(), 200)
    assert sum(frame.quotas["second"].values()) == 300
    by_pool = counts(frame.anchors, "pool")
    assert by_pool[("own",)] == 200
    assert by_pool[("first",)] + by_pool[("second",)] + by_pool[("topup",)] == 900
    assert by_pool[("topup",)] > 0, "the mangroves hold fewer than their 200 points without overlap"
    by_biome = counts(frame.anchors.filter(pa.compute.not_equal(frame.anchors["pool"], "own")), "biome")
    for biome, name in NAMES.items():
        assert by_biome[(biome,)] == frame.quotas["first"][name] + frame.quotas["second"][name]


def test_no_tiles_overlap_reserves_included(frame: Frame) -> None:
    assert overlapping(pa.concat_tables([frame.anchors, frame.reserves])) == 0
    ids = frame.anchors["location_id"].to_pylist() + frame.reserves["location_id"].to_pylist()
    assert len(set(ids)) == len(ids)


def test_every_offered_point_is_accounted_for(frame: Frame) -> None:
    assert frame.offered == {"first": 960, "second": 1500}
    kept, dropped = counts(frame.anchors, "pool"), counts(frame.dropped, "pool")
    for name, offered in frame.offered.items():
        assert kept[(name,)] + dropped[(name,)] == offered
    reasons = counts(frame.dropped, "pool", "reason")
    assert reasons[("first", "at_sea")] == 60
    assert {reason for _, reason in reasons} == {"at_sea", "overlap", "surplus"}
    known = set(FIRST.src_id.to_pylist()) | set(SECOND.src_id.to_pylist())
    found = [*frame.anchors["src_id"].to_pylist(), *frame.dropped["src_id"].to_pylist()]
    assert sorted(name for name in found if name) == sorted(known)


def test_reserves_stand_by_in_every_stratum(frame: Frame) -> None:
    for (stratum,), count in counts(frame.anchors, "stratum").items():
        assert counts(frame.reserves, "stratum")[(stratum,)] == int(np.ceil(0.2 * count))
    assert set(frame.reserves["pool"].to_pylist()) == {"reserve"}


def test_input_order_and_workers_change_nothing(frame: Frame) -> None:
    again = made(recipe(), shuffled(FIRST, 1), shuffled(SECOND, 2), workers=8)
    assert frame.anchors.equals(again.anchors)
    assert frame.reserves.equals(again.reserves)
    assert frame.dropped.equals(again.dropped)


def test_equal_frames_are_equal_bytes(frame: Frame, tmp_path: Path) -> None:
    again = made(recipe(), shuffled(FIRST, 3), shuffled(SECOND, 4), workers=1)
    for name, one in (("a", frame), ("b", again)):
        write_frame(tmp_path / name, one, {"recipe": "test"}, {"clean": True})
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["anchors.parquet", "dropped.parquet", "frame.json", "leakage.json", "reserves.parquet"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_a_grown_frame_keeps_every_line(frame: Frame) -> None:
    bigger = recipe(
        pools=[
            {"name": "first", "path": "first.csv", "count": 660, "allocation": "equal"},
            {"name": "second", "path": "second.csv", "count": 330},
        ],
        own={"count": 220, "by": "continent-biome", "continents": ["Africa", "South America"], "allocation": "deficit"},
    )
    # Ten per cent more anchors, from pools with new points too.
    more = made_pool("first", 1000, off=60)
    grown = made(bigger, more, SECOND, base=frame.anchors)
    assert len(grown.anchors) == 660 + 330 + 220
    before = {line["tile_id"]: line for line in frame.anchors.to_pylist()}
    after = {line["tile_id"]: line for line in grown.anchors.to_pylist()}
    assert {name: after.get(name) for name in before} == before
    assert overlapping(grown.anchors) == 0


def test_ids_dates_and_splits_stay_when_a_frame_is_made_anew_with_more(frame: Frame) -> None:
    more = made(recipe(own={"count": 400, "by": "biome", "allocation": "equal"}), FIRST, SECOND)
    columns = ["tile_id", "datetime", "date_rule", "block", "split"]
    before = {line["location_id"]: line for line in frame.anchors.select(["location_id", *columns]).to_pylist()}
    after = {line["location_id"]: line for line in more.anchors.select(["location_id", *columns]).to_pylist()}
    both = set(before) & set(after)
    assert len(both) > 900
    assert {name: before[name] for name in both} == {name: after[name] for name in both}


def test_the_preset_of_the_paper_keeps_overlaps_and_flags_them() -> None:
    config = recipe(
        pools=[
            {"name": "first", "path": "first.csv", "keep_overlaps": True, "top_up": False},
            {"name": "second", "path": "second.csv", "count": 300, "top_up": False},
        ]
    )
    frame = made(config, FIRST, SECOND)
    first = frame.anchors.filter(pa.compute.equal(frame.anchors["pool"], "first"))
    assert len(first) == 900
    flagged = frame.anchors.filter(frame.anchors["overlaps"])
    assert set(flagged["pool"].to_pylist()) == {"first"}, "nothing else may overlap"
    assert overlapping(frame.anchors) == overlapping(flagged) > 0
    assert overlapping(frame.anchors.filter(pa.compute.invert(frame.anchors["overlaps"]))) == 0


def test_a_stratum_without_enough_cells_says_what_it_lacks() -> None:
    config = recipe(pools=[], own={"count": 6000, "by": "biome", "allocation": "equal"})
    frame = made(config)
    assert list(frame.lacking) == [NAMES[14]]
    assert len(frame.anchors) == 6000 - frame.lacking[NAMES[14]]


def test_exclusion_layers_drop_or_flag(tmp_path: Path) -> None:
    layer = tmp_path / "benchmark.geojson"
    layer.write_text(
        '{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":'
        "[[[20.2,-3.8],[20.8,-3.8],[20.8,-3.2],[20.2,-3.2],[20.2,-3.8]]]}}"
    )
    config = recipe()
    flag = read_exclusions([ExclusionRule(layer, "bench", 500.0, "flag")])
    flagged = made(config, FIRST, SECOND, exclusions=flag)
    assert set(flagged.anchors["excluded_by"].to_pylist()) == {"", "bench"}
    drop = read_exclusions([ExclusionRule(layer, "bench", 500.0, "drop")])
    dropped = made(config, FIRST, SECOND, exclusions=drop)
    inside = shapely.contains_xy(shapely.box(20.2, -3.8, 20.8, -3.2), dropped.anchors["lon"], dropped.anchors["lat"])
    assert not inside.any()
    assert len(dropped.anchors) == 1100
    assert set(counts(dropped.dropped, "detail")) >= {("bench",)}


def test_the_files_own_dates(tmp_path: Path) -> None:
    dates = np.full(len(FIRST), np.datetime64("2019-05-06T00:00:00", "us"))
    given = Pool("first", FIRST.lon, FIRST.lat, FIRST.src_id, dates, FIRST.path)
    config = recipe(pools=[{"name": "first", "path": "first.csv", "count": 60, "years": None}], own=None)
    frame = made(config, given)
    mine = frame.anchors.filter(pa.compute.equal(frame.anchors["pool"], "first"))
    assert set(mine["date_rule"].to_pylist()) == {"given"}
    assert {when.date().isoformat() for when in mine["datetime"].to_pylist()} == {"2019-05-06"}
    with pytest.raises(ConfigError, match="pool first: row 1: date rule 'given'"):
        made(config, FIRST)


@pytest.mark.parametrize(
    ("allocation", "wanted"),
    [
        ("equal", [100, 100, 100, 100]),
        ("biome_equal_eco", [67, 67, 133, 133]),
        ("biome_area", [89, 45, 133, 133]),
    ],
)
def test_strata_by_ecoregion(allocation: str, wanted: list[int]) -> None:
    # Two ecoregions of one biome, the first twice as large, and two biomes of one ecoregion each.
    boxes = [(20, -4, 20.8, -3), (20.8, -4, 21.2, -3), (20, -2, 21, -1), (22, -2, 23, -1)]
    shapes = np.array([shapely.box(*box) for box in boxes], dtype=object)
    biomes = np.array([1, 1, 2, 7], np.int8)
    world = World(BiomeLayer(biomes, ("a", "b", "c", "d"), locate_in_polygons(shapes), "made-up"))
    config = recipe(pools=[], own={"count": 400, "by": "ecoregion", "allocation": allocation})
    found = counts(compose(config, world, []).anchors, "stratum")
    assert [found[(name,)] for name in "abcd"] == pytest.approx(wanted, abs=1)
    assert sum(found.values()) == 400


def test_dates_of_aerial_images_in_the_us() -> None:
    shapes = np.array([shapely.box(-93.5, 41.5, -93.0, 42.0), shapely.box(20, -4, 20.5, -3)], dtype=object)
    world = World(BiomeLayer(np.array([8, 7], np.int8), ("a", "b"), locate_in_polygons(shapes), "made-up"))
    config = recipe(pools=[], own={"count": 60, "by": "biome"}, naip=True)
    asked: list[VintageQuery] = []

    def look_up(queries: Sequence[VintageQuery]) -> list[list[datetime]]:
        asked.extend(queries)
        # No image of every third place.
        return [[datetime(2019, 7, 4, tzinfo=UTC)] if number % 3 else [] for number, _ in enumerate(queries)]

    frame = compose(config, world, [], look_up=look_up)
    rules = counts(frame.anchors, "country", "date_rule")
    assert rules == {("USA", "naip"): 20, ("USA", "external"): 10, ("COD", "own"): 30}
    dated = frame.anchors.filter(pa.compute.equal(frame.anchors["date_rule"], "naip"))
    assert {when.date().isoformat() for when in dated["datetime"].to_pylist()} == {"2019-07-04"}
    assert asked[0].since.year == 2018
    with pytest.raises(ConfigError, match="aerial images"):
        compose(config, world, [])


def test_a_frame_is_an_anchors_file_and_comes_back(frame: Frame, tmp_path: Path) -> None:
    write_frame(tmp_path / "frame", frame, {"recipe": "test"}, {"clean": True})
    assert is_frame(tmp_path / "frame")
    back = read_frame(tmp_path / "frame")
    assert back.anchors.drop(["geometry"]).equals(frame.anchors.drop(["geometry"]))
    assert back.facts["quotas"] == frame.quotas
    anchors = read_anchors(tmp_path / "frame" / "anchors.parquet", recipe="test")
    assert [anchor.tile_id for anchor in anchors] == frame.anchors["tile_id"].to_pylist()
    # The same folder again, and nobody else's.
    write_frame(tmp_path / "frame", frame, {"recipe": "test"}, {"clean": True})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds something that is no frame"):
        write_frame(tmp_path / "other", frame, {}, {})
    assert (tmp_path / "other" / "notes.txt").read_text() == "mine"
    with pytest.raises(ConfigError, match="is no frame"):
        read_frame(tmp_path / "other")
