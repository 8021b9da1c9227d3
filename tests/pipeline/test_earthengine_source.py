"""The Earth Engine source against the emulator, compared with pyproj, scipy and shapely."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.errors import SkipKind, TileSkipped
from geomeld_build.grid import Anchor, PartPlan, Scene, TilePlan, Window, grid_geobox, place_anchor
from geomeld_build.modalities import MODALITIES
from geomeld_build.modality_types import TILE_GRID, Grid
from geomeld_build.sources import SceneQuery, open_source
from geomeld_build.sources.earthengine import EarthEngineSource
from geomeld_build.sources.earthengine_retry import RetryPolicy
from tests.unit.sources.ee_world import (
    CANOPY,
    COVER,
    DEM,
    DW,
    REFERENCE,
    S1,
    S2,
    SCORE,
    Raster,
    TileWorld,
    put_s1,
    put_s2,
    the_anchor,
    the_world,
)

Array = NDArray[Any]
STATICS = ("elevation", "slope", "esa_worldcover", "jrc_occurrence", "dem_context")
QUICK = RetryPolicy(attempts=6, base_s=0.01, cap_s=0.05, budget_s=30)


def ring(anchor: Anchor) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in anchor.polygon.exterior.coords)


@pytest.fixture(scope="module")
def world() -> TileWorld:
    made = the_world()
    put_s2(made, REFERENCE, 4.2, seed=1)
    put_s2(made, REFERENCE - timedelta(days=5), 9.99, seed=2)
    put_s2(made, REFERENCE + timedelta(days=10), 10.0, seed=3)
    put_s2(made, REFERENCE + timedelta(days=20), 3.0, seed=4)
    for n in (0, 1):
        put_s1(made, REFERENCE + timedelta(days=3, seconds=25 * n), slice_=n)
    put_s1(made, REFERENCE + timedelta(days=15), slice_=0, direction="ASCENDING")
    put_s1(made, REFERENCE + timedelta(days=15, seconds=1), slice_=1, direction="ASCENDING")
    return made


@pytest.fixture(scope="module")
def source(world: TileWorld) -> Iterator[EarthEngineSource]:
    with EmulatorServer(world) as server, open_source("earthengine", url=server.url, policy=QUICK) as opened:
        yield opened


def s2_query(anchor: Anchor, days: float = 15, **more: Any) -> SceneQuery:
    window = Window.around(REFERENCE, days)
    return SceneQuery("sentinel2", "main", ring(anchor), window, REFERENCE, 24, 10.0, True, **more)


def near_query(row: str, part: str, anchor: Anchor) -> SceneQuery:
    return SceneQuery(row, part, ring(anchor), Window.around(REFERENCE, 15), REFERENCE, 100)


def plan_tile(source: EarthEngineSource) -> TilePlan:
    """What the planner does, in short: two searches, then one plan."""
    anchor = the_anchor()
    statics = [(row.name, part.name) for row in MODALITIES.values() for part in row.origins["earthengine"]]
    statics = [(row, part) for row, part in statics if row in (*STATICS, "canopy_height")]
    first, *fixed = source.find([s2_query(anchor), *(SceneQuery(row, part) for row, part in statics)])
    reference = first[0]
    indices = (reference.index,)
    window = Window(REFERENCE, REFERENCE)
    score = SceneQuery("clear_score", "main", ring(anchor), window, REFERENCE, indices=indices)
    passes = ("asc_vv", "desc_vv", "asc_hh", "desc_hh")
    radar = [near_query("sentinel1", part, anchor) for part in passes]
    score_, world_, *slices = source.find([score, near_query("dynamic_world", "main", anchor), *radar])
    parts = [PartPlan("sentinel2", "main", (reference,)), PartPlan("scl", "main", (reference,))]
    parts += [PartPlan(row, part, tuple(scenes)) for (row, part), scenes in zip(statics, fixed, strict=True)]
    parts += [PartPlan("clear_score", "main", tuple(score_)), PartPlan("dynamic_world", "main", tuple(world_[:1]))]
    parts += [PartPlan("sentinel1", part, tuple(scenes)) for part, scenes in zip(passes, slices, strict=True)]
    return TilePlan(anchor, 0, reference, 15, tuple(parts))


def pixel_centres(anchor: Anchor, grid: Grid = TILE_GRID) -> tuple[Array, Array]:
    box = grid_geobox(anchor, grid)
    columns, rows = np.meshgrid(np.arange(grid.size) + 0.5, np.arange(grid.size) + 0.5)
    return box.affine.c + columns * box.affine.a, box.affine.f + rows * box.affine.e


def interpolated(native: Raster, anchor: Anchor, grid: Grid = TILE_GRID) -> tuple[Array, Array]:
    """Bilinear values by scipy, weighted over valid neighbours, and the interpolated mask."""
    at = native.coordinates(anchor.epsg, *pixel_centres(anchor, grid))
    mask = native.mask.astype(np.float64)
    weights = map_coordinates(mask, at, order=1, mode="grid-constant")
    values = map_coordinates(
        np.where(native.mask, native.values, 0).astype(np.float64), at, order=1, mode="grid-constant"
    )
    return np.divide(values, weights, out=np.zeros_like(values), where=weights > 1e-9), weights


def nearest(native: Raster, anchor: Anchor) -> tuple[Array, Array]:
    rows, columns = native.coordinates(anchor.epsg, *pixel_centres(anchor))
    at = np.floor(rows + 0.5 + 1e-6).astype(int), np.floor(columns + 0.5 + 1e-6).astype(int)
    return native.values[at], native.mask[at]


def agree(got: Array, expected: Array, valid: Array, nodata: int, *, within: float = 1.0) -> None:
    """Equal after rounding (ties may fall either way), nodata exactly where invalid."""
    assert np.array_equal(got != nodata, valid)
    assert np.abs(got.astype(np.float64) - expected)[valid].max() <= 0.5 * within + 1e-3


def test_candidates_are_nearest_first_below_the_cloud_limit(source: EarthEngineSource) -> None:
    (scenes,) = source.find([s2_query(the_anchor())])
    assert [scene.datetime for scene in scenes] == [REFERENCE, REFERENCE - timedelta(days=5)]
    first = scenes[0]
    assert first.id.startswith(f"{S2}/20200604T054639_")
    assert first.version > 0
    assert (first.cloud_cover, first.platform, first.grid_code) == (4.2, "Sentinel-2B", "43RCP")
    assert (first.baseline, first.datatake, first.sun_zenith) == ("02.14", "20200604T054639", 17.5)
    assert first.missing_bands == ()
    (wider,) = source.find([s2_query(the_anchor(), days=20)])
    assert len(wider) == 3, "the end of the window belongs to it"
    (narrower,) = source.find([s2_query(the_anchor(), days=20 - 1e-8)])
    assert len(narrower) == 2


def test_a_tile_that_sticks_out_is_not_contained(source: EarthEngineSource) -> None:
    place = the_anchor()
    edge = place_anchor(place.lon + 0.02, place.lat, REFERENCE, recipe="test")
    contained, touching = source.find([s2_query(edge), replace(s2_query(edge), contains=False)])
    assert (len(contained), len(touching)) == (0, 2)
    share = touching[0].footprint
    assert share is not None
    assert 0.05 < share.area / edge.polygon.area < 0.95
    assert share.within(edge.polygon.buffer(1e-5))


def test_slices_together_cover_the_tile_and_belong_to_one_datatake(source: EarthEngineSource) -> None:
    anchor = the_anchor()
    found, ascending, none = source.find([near_query("sentinel1", p, anchor) for p in ("desc_vv", "asc_vv", "desc_hh")])
    assert [len(found), len(ascending), len(none)] == [2, 1, 0], "15 days are inside, a second more is outside"
    shares = [scene.footprint.area / anchor.polygon.area for scene in found if scene.footprint is not None]
    assert all(0.3 < share < 0.8 for share in shares)
    union = shapely.union_all([scene.footprint for scene in found])
    assert union.area == pytest.approx(anchor.polygon.area, rel=1e-3)
    assert {scene.datatake for scene in found} == {"S1A_200607_006070"}
    assert {(s.orbit_pass, s.relative_orbit, s.polarisations) for s in found} == {("descending", 107, ("VV", "VH"))}


def test_a_plan_for_many_anchors_is_two_requests(source: EarthEngineSource) -> None:
    anchors = [place_anchor(20 + 0.05 * n, 30.4642, REFERENCE, recipe="test") for n in range(300)]
    anchors.append(the_anchor())
    with source.tally() as share:
        statics = [SceneQuery(row, "main") for row in STATICS]
        answers = source.find([s2_query(anchor) for anchor in anchors] + statics)
        dated = [near_query("sentinel1", "desc_vv", anchor) for anchor in anchors]
        dated += [near_query("dynamic_world", "main", anchor) for anchor in anchors]
        again = source.find(dated)
    spent = share.snapshot()
    assert (spent.search_requests, spent.retries_fault) == (2, 0)
    assert [len(answer) for answer in answers[:301]] == [0] * 300 + [2]
    assert (len(again[300]), len(again[601])) == (2, 3)


def test_a_missing_static_asset_is_an_empty_answer(world: TileWorld) -> None:
    with EmulatorServer(world) as server, open_source("earthengine", url=server.url) as source:
        queries = [SceneQuery("canopy_height", "height"), SceneQuery("canopy_height", "std"), s2_query(the_anchor())]
        for _ in range(2):
            assert [len(answer) for answer in source.find(queries)] == [1, 0, 2]
        assert source.counters().requests == 3 + 2 + 1


def test_a_tile_is_one_request_and_equals_an_independent_reading(source: EarthEngineSource, world: TileWorld) -> None:
    plan = plan_tile(source)
    with source.tally() as share:
        reading = source.read(plan, MODALITIES)
    spent = share.snapshot()
    assert (spent.requests, spent.pixel_requests) == (1, 1)
    assert spent.bytes_received > 100_000
    anchor, rasters = plan.anchor, world.rasters
    index = plan.reference.index if plan.reference else ""
    for n, band in enumerate(MODALITIES["sentinel2"].bands):
        values, weight = interpolated(rasters[f"{S2}/{index}", band], anchor)
        agree(reading.arrays["sentinel2"][n], np.maximum(np.round(values), 1), weight >= 0.5, 0, within=2)
    got = reading.arrays["sentinel2"][3]
    exact, valid = nearest(rasters[f"{S2}/{index}", "B4"], anchor)
    assert np.array_equal(got[valid], np.maximum(exact[valid], 1)), "equal grids copy"
    for row, key in (("scl", (f"{S2}/{index}", "SCL")), ("esa_worldcover", (f"{COVER}/2021", "Map"))):
        exact, valid = nearest(rasters[key], anchor)
        assert np.array_equal(reading.arrays[row][0], np.where(valid, exact, 0))
    exact, valid = nearest(rasters[f"{DW}/{index}", "label"], anchor)
    assert np.array_equal(reading.arrays["dynamic_world"][0], np.where(valid, exact, 255))
    exact, valid = nearest(rasters["JRC/GSW1_4/GlobalSurfaceWater", "occurrence"], anchor)
    assert 0.1 < valid.mean() < 0.9
    assert np.array_equal(reading.arrays["jrc_occurrence"][0], np.where(valid, exact, 255))
    values, weight = interpolated(rasters[DEM, "b1"], anchor)
    agree(reading.arrays["elevation"][0], values, weight >= 0.5, -32768)
    values, weight = interpolated(rasters[f"{SCORE}/{index}", "cs_cdf"], anchor)
    agree(reading.arrays["clear_score"][0], values * 254, weight >= 0.5, 255)
    height = rasters[CANOPY, "b1"]
    values, weight = interpolated(replace(height, mask=height.values != 255), anchor)
    agree(reading.arrays["canopy_height"][0], values, weight >= 0.5, 255)
    assert (reading.arrays["canopy_height"][1] == 255).all(), "the deviation does not exist in this world"


def test_radar_is_interpolated_as_power_over_both_slices(source: EarthEngineSource, world: TileWorld) -> None:
    plan = plan_tile(source)
    reading = source.read(plan, MODALITIES)
    (part,) = [p for p in plan.parts if p.part == "desc_vv"]
    expected, valid = np.zeros((128, 128)), np.zeros((128, 128), dtype=bool)
    for scene in part.scenes:
        power, weight = interpolated(world.rasters[scene.id, "VV"], plan.anchor)
        inside = weight > 1e-9
        expected[inside], valid = (1000 * np.log10(power[inside])), valid | inside
    bands = MODALITIES["sentinel1"].bands
    got = reading.arrays["sentinel1"][bands.index("VV_desc")]
    assert valid.all()
    agree(got, expected, valid, -32768)
    assert (reading.arrays["sentinel1"][bands.index("HH_desc")] == -32768).all()
    half = reading.arrays["sentinel1"][bands.index("VV_asc")]
    assert 0.3 < (half != -32768).mean() < 0.8, "one slice of the ascending pass is out of the window"
    assert set(reading.facts) == {"sentinel1.desc_vv.incidence_deg", "sentinel1.asc_vv.incidence_deg"}
    assert 38.25 < reading.facts["sentinel1.desc_vv.incidence_deg"] < 39.25
    assert reading.facts["sentinel1.asc_vv.incidence_deg"] == pytest.approx(38.25)


def test_slope_is_that_of_the_native_grid(source: EarthEngineSource, world: TileWorld) -> None:
    plan = plan_tile(source)
    got = source.read(plan, MODALITIES).arrays["slope"][0]
    native = world.rasters[DEM, "b1"]
    step, west, north = native.transform[0], native.transform[2], native.transform[5]
    lat = north - (np.arange(360) + 0.5) * step
    geod = pyproj.Geod(ellps="WGS84")
    dx = np.array([geod.inv(west, y, west + step, y)[2] for y in lat])[:, None]
    dy = np.array([geod.inv(west, y - step / 2, west, y + step / 2)[2] for y in lat])[:, None]
    z = native.values.astype(np.float64)
    east = (np.roll(z, -1, 1) - np.roll(z, 1, 1)) / (2 * dx)
    south = (np.roll(z, -1, 0) - np.roll(z, 1, 0)) / (2 * dy)
    steep = replace(native, values=np.degrees(np.arctan(np.hypot(east, south))))
    values, _ = interpolated(steep, plan.anchor)
    assert np.abs(got / 100 - values).max() < 0.25, "another Earth radius or projection makes a small difference"
    assert got.min() >= 0


@pytest.mark.parametrize("how", ["together", "separate"])
def test_the_context_window_is_the_30_m_grid_around_the_tile(
    world: TileWorld, source: EarthEngineSource, how: Any
) -> None:
    plan = plan_tile(source)
    only = replace(plan, parts=plan.of("dem_context"))
    grid = MODALITIES["dem_context"].grid
    with EmulatorServer(world) as server, open_source("earthengine", url=server.url, dem_context_request=how) as other:
        got = other.read(only, MODALITIES).arrays["dem_context"][0]
        spent = other.counters()
    assert (spent.pixel_requests, spent.companion_requests) == ((1, 0) if how == "together" else (0, 1))
    values, weight = interpolated(world.rasters[DEM, "b1"], plan.anchor, grid)
    agree(got, values, weight >= 0.5, -32768)


def test_an_asset_reprocessed_after_planning_is_a_typed_outcome(world: TileWorld, source: EarthEngineSource) -> None:
    index = put_s2(world, REFERENCE + timedelta(days=1), 1.0, grid="43RCQ", seed=9)
    scene = next(s for s in source.find([s2_query(the_anchor())])[0] if s.index == index)
    plan = TilePlan(the_anchor(), 0, scene, 15, (PartPlan("sentinel2", "main", (scene,)),))
    assert source.read(plan, MODALITIES).arrays
    world.touch(scene.id)
    with pytest.raises(TileSkipped, match=index) as caught:
        source.read(plan, MODALITIES)
    assert caught.value.kind is SkipKind.ASSET_CHANGED
    world.drop(scene.id)


def test_class_maps_are_voted_per_pixel(source: EarthEngineSource, world: TileWorld) -> None:
    (scenes,) = source.find([near_query("dynamic_world", "main", the_anchor())])
    scenes = list(scenes)[:3]
    assert len(scenes) == 3
    part = PartPlan("dynamic_world", "main", tuple(scenes), composite="mode")
    got = source.read(TilePlan(the_anchor(), 0, None, None, (part,)), MODALITIES).arrays["dynamic_world"][0]
    votes = np.zeros((9, 128, 128), dtype=int)
    for scene in scenes:
        label, valid = nearest(world.rasters[scene.id, "label"], the_anchor())
        for code in range(9):
            votes[code] += (label == code) & valid
    known = votes.sum(axis=0) > 0
    assert np.array_equal(got != 255, known)
    chosen = np.take_along_axis(votes, np.where(known, got, 0)[None].astype(int), axis=0)[0]
    assert (chosen == votes.max(axis=0))[known].all()


def test_a_table_comes_in_pages(source: EarthEngineSource) -> None:
    with source.tally() as share:
        table = source.table("RESOLVE/ECOREGIONS/2017", ["ECO_ID", "ECO_NAME"])
    assert table.num_rows == 2500
    assert share.snapshot().requests == 3
    assert shapely.from_wkb(table["geometry"][7].as_py()).bounds == pytest.approx((77.0, 30.0, 78.0, 31.0))


def test_the_radar_collection_is_read_in_linear_power() -> None:
    assert all(part.collection == S1 for part in MODALITIES["sentinel1"].origins["earthengine"])
    assert isinstance(Scene("a", 1, S1), Scene)
