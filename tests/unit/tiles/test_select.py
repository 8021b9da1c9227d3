"""Selection: windows, order, datatakes, coverage; and what holds for any catalog."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geomeld_build.errors import SkipKind
from geomeld_build.grid import Window
from geomeld_build.modalities import MODALITIES, REFERENCE, Reference
from geomeld_build.tiles.select import covered_fraction, rank_references, select_part
from tests.support.scenes import REFERENCE_DATE, anchor_at, s1_candidates, s1_scene, s2_candidates, s2_scene

ANCHOR = anchor_at()
RULE = MODALITIES[REFERENCE].when
assert isinstance(RULE, Reference)
PART = MODALITIES[REFERENCE].origins["earthengine"][0]
S1 = MODALITIES["sentinel1"]
S1_ASC, S1_DESC = (next(p for p in S1.origins["earthengine"] if p.name == name) for name in ("asc_vv", "desc_vv"))
DW = MODALITIES["dynamic_world"]
WINDOW = Window.around(REFERENCE_DATE, 15)


def _rank(scenes):
    return [(scene.index, tier) for scene, tier in rank_references(scenes, ANCHOR, RULE, PART)]


def test_the_nearer_scene_wins_within_a_tier() -> None:
    assert _rank([s2_scene(ANCHOR, 9, name="far"), s2_scene(ANCHOR, -2, name="near")]) == [("near", 15), ("far", 15)]


def test_tiers_widen_and_the_window_is_closed() -> None:
    scenes = [s2_scene(ANCHOR, days, name=f"d{days}") for days in (15, 15.001, 30, 45, 45.001)]
    assert _rank(scenes) == [("d15", 15), ("d15.001", 30), ("d30", 30)]
    assert _rank(scenes[3:]) == [("d45", 45)]


def test_cloud_is_strictly_below_the_limit() -> None:
    assert _rank([s2_scene(ANCHOR, 0, cloud=10.0), s2_scene(ANCHOR, 1, cloud=9.99, name="b")]) == [("b", 15)]


def test_a_scene_that_lacks_a_band_cannot_be_the_reference() -> None:
    assert _rank([replace(s2_scene(ANCHOR, 0), missing_bands=("B9",))]) == []
    assert _rank([replace(s2_scene(ANCHOR, 0), missing_bands=("SCL",))]) == [("a", 15)]


def test_granules_of_one_datatake_count_once_and_the_own_zone_is_kept() -> None:
    twins = [
        replace(s2_scene(ANCHOR, 1, name="other_zone", zone=42), datatake="T"),
        replace(s2_scene(ANCHOR, 1.0001, name="own_zone"), datatake="T"),
    ]
    assert _rank(twins) == [("own_zone", 15)]


def test_reprocessed_twins_keep_the_newest_baseline() -> None:
    old = replace(s2_scene(ANCHOR, 1, name="old"), datatake="T", baseline="02.14")
    new = replace(s2_scene(ANCHOR, 1, name="new"), datatake="T", baseline="05.00")
    assert _rank([new, old]) == _rank([old, new]) == [("new", 15)]


@pytest.mark.parametrize("lon", [179.9999, -179.9999])
@pytest.mark.parametrize("turn", [0.0, -360.0, 360.0])
def test_tiles_across_the_antimeridian_are_covered_however_footprints_are_written(lon: float, turn: float) -> None:
    anchor = anchor_at(lon, -17.0)
    west, _, east, _ = anchor.polygon.bounds
    assert 0.01 < east - west < 0.02
    outline = shapely.affinity.translate(anchor.polygon.buffer(0.5), turn)
    scene = replace(s2_scene(anchor, 1), footprint=outline)
    assert [one.index for one, _ in rank_references([scene], anchor, RULE, PART)] == ["a"]


def test_footprints_cut_at_the_antimeridian_add_up() -> None:
    anchor = anchor_at(179.9999, -17.0)
    west, south, east, north = anchor.polygon.bounds
    halves = [shapely.box(west, south, 180.0, north), shapely.box(-180.0, south, east - 360.0, north)]
    scene = replace(s2_scene(anchor, 1), footprint=shapely.MultiPolygon(halves))
    assert covered_fraction([scene], anchor.polygon) == pytest.approx(
        covered_fraction([replace(scene, footprint=anchor.polygon.envelope)], anchor.polygon)
    )
    assert covered_fraction([replace(scene, footprint=halves[0])], anchor.polygon) < 0.9


def test_a_partial_footprint_is_no_reference() -> None:
    assert _rank([s2_scene(ANCHOR, 0, covers=False)]) == []


@given(s2_candidates(ANCHOR), st.randoms(use_true_random=False))
def test_reference_ranking_holds_for_any_catalog(scenes, rng) -> None:
    ranked = rank_references(scenes, ANCHOR, RULE, PART)
    shuffled = list(scenes)
    rng.shuffle(shuffled)
    assert rank_references(shuffled, ANCHOR, RULE, PART) == ranked
    assert len(ranked) <= RULE.candidates
    for scene, tier in ranked:
        assert abs(scene.datetime - ANCHOR.datetime) <= timedelta(days=tier)
        assert scene.cloud_cover < RULE.max_cloud_percent
        assert covered_fraction([scene], ANCHOR.polygon) > 0.999
    distances = [(tier, abs(scene.datetime - ANCHOR.datetime)) for scene, tier in ranked]
    assert distances == sorted(distances)


def test_sentinel1_prefers_cover_over_distance() -> None:
    near_half = s1_scene(ANCHOR, REFERENCE_DATE, 1, name="half", share=0.5)
    far_whole = s1_scene(ANCHOR, REFERENCE_DATE, 9, name="whole")
    plan = select_part(S1, S1_ASC, [near_half, far_whole], ANCHOR, REFERENCE_DATE, WINDOW)
    assert [scene.index for scene in plan.scenes] == ["whole"]


def test_adjacent_slices_of_a_datatake_are_one_unit() -> None:
    west = s1_scene(ANCHOR, REFERENCE_DATE, 2, name="west", take="T", share=0.6)
    whole = replace(s1_scene(ANCHOR, REFERENCE_DATE, 2.0003, name="east", take="T"), footprint=None)
    far = s1_scene(ANCHOR, REFERENCE_DATE, 8, name="far")
    plan = select_part(S1, S1_ASC, [far, west, whole], ANCHOR, REFERENCE_DATE, WINDOW)
    assert [scene.index for scene in plan.scenes] == ["east", "west"]
    assert plan.offset_days == pytest.approx(2.0)


def test_the_other_pass_is_a_typed_absence() -> None:
    scenes = [s1_scene(ANCHOR, REFERENCE_DATE, 2.8, name="d", direction="descending")]
    assert select_part(S1, S1_DESC, scenes, ANCHOR, REFERENCE_DATE, WINDOW).skip is None
    absent = select_part(S1, S1_ASC, scenes, ANCHOR, REFERENCE_DATE, WINDOW)
    assert absent.skip is SkipKind.NO_SCENE_IN_WINDOW
    assert absent.scenes == ()


@given(s1_candidates(ANCHOR, REFERENCE_DATE), st.randoms(use_true_random=False))
def test_selection_never_leaves_its_window_and_never_takes_a_farther_scene(scenes, rng) -> None:
    plan = select_part(S1, S1_ASC, scenes, ANCHOR, REFERENCE_DATE, WINDOW)
    shuffled = list(scenes)
    rng.shuffle(shuffled)
    assert select_part(S1, S1_ASC, shuffled, ANCHOR, REFERENCE_DATE, WINDOW) == plan
    for scene in plan.scenes:
        assert abs(scene.datetime - REFERENCE_DATE) <= timedelta(days=15)
        assert scene.orbit_pass == "ascending"
    if plan.scenes and covered_fraction(plan.scenes, ANCHOR.polygon) > 0.999:
        inside = [s for s in scenes if s.orbit_pass == "ascending" and WINDOW.contains(s.datetime)]
        whole = [s for s in inside if covered_fraction([s], ANCHOR.polygon) > 0.999]
        chosen = min(abs(scene.datetime - REFERENCE_DATE) for scene in plan.scenes)
        assert all(chosen <= abs(scene.datetime - REFERENCE_DATE) for scene in whole)


def _dw(days: float, name: str, zone: int | None = None):
    scene = s2_scene(ANCHOR, days, name=name, zone=zone)
    return replace(scene, collection="GOOGLE/DYNAMICWORLD/V1", id=f"GOOGLE/DYNAMICWORLD/V1/{name}")


def test_dynamic_world_takes_the_same_datatake_with_the_own_zone_on_top() -> None:
    part = DW.origins["earthengine"][0]
    scenes = [_dw(0.0001, "own"), _dw(0.0, "neighbour", zone=42), _dw(5, "later")]
    plan = select_part(DW, part, scenes, ANCHOR, REFERENCE_DATE, WINDOW)
    assert plan.composite == "mosaic"
    assert [scene.index for scene in plan.scenes] == ["neighbour", "own"]


def test_dynamic_world_falls_back_to_the_mode_of_the_window() -> None:
    part = DW.origins["earthengine"][0]
    plan = select_part(DW, part, [_dw(-5, "b"), _dw(4, "c"), _dw(16, "out")], ANCHOR, REFERENCE_DATE, WINDOW)
    assert plan.composite == "mode"
    assert [scene.index for scene in plan.scenes] == ["b", "c"]
    assert plan.offset_days == pytest.approx(4.0)
