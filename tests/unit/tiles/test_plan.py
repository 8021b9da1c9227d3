"""Planning: requests, typed outcomes for every part, windows over random catalogs, and the lock file."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geomeld_build.errors import ConfigError, SkipKind, StoreError
from geomeld_build.grid import Scene
from geomeld_build.modalities import MODALITIES, AtAnchor, Near, Static, With
from geomeld_build.tiles import PlanWriter, estimate, plan_anchors, read_plan, write_plan
from geomeld_build.tiles.plan_file import plan_fingerprint
from tests.support.scenes import CatalogSource, anchor_at, s1_candidates, s1_scene, s2_candidates, s2_scene

ANCHOR = anchor_at()
PARTS = sum(len(row.origins["earthengine"]) for row in MODALITIES.values())


def _static_scenes() -> dict[str, list[Scene]]:
    found = {}
    for row in MODALITIES.values():
        if isinstance(row.when, Static):
            for part in row.origins["earthengine"]:
                found[part.collection] = [Scene(part.collection, 7, part.collection)]
    return found


def _catalog(s2: list[Scene], s1: list[Scene] | None = None) -> CatalogSource:
    return CatalogSource({**_static_scenes(), "COPERNICUS/S2_SR_HARMONIZED": s2, "COPERNICUS/S1_GRD_FLOAT": s1 or []})


def _plan(source: CatalogSource, **kwargs):
    return [plan for batch in plan_anchors([ANCHOR], source, **kwargs) for plan in batch]


def test_two_searches_plan_a_batch_and_statics_are_asked_once() -> None:
    anchors = [anchor_at(73.3 + 0.02 * n) for n in range(6)]
    source = _catalog([s2_scene(anchor, 1, name=f"s{n}") for n, anchor in enumerate(anchors)])
    batches = list(plan_anchors(anchors, source, batch=3))
    assert [len({plan.anchor.tile_id for plan in batch}) for batch in batches] == [3, 3]
    assert len(source.calls) == 4
    statics = [sum(query.region is None for query in call) for call in source.calls]
    assert statics[0] > 0
    assert statics[1:] == [0, 0, 0]


def test_every_part_of_the_table_has_exactly_one_plan() -> None:
    for scenes in ([], [s2_scene(ANCHOR, 1)]):
        (plan,) = _plan(_catalog(scenes))
        assert len(plan.parts) == PARTS
        assert len({(part.row, part.part) for part in plan.parts}) == PARTS
        assert all((part.skip is None) == bool(part.scenes) for part in plan.parts)


def test_an_anchor_without_a_scene_says_so_for_every_row() -> None:
    (plan,) = _plan(_catalog([s2_scene(ANCHOR, 50)]))
    assert plan.reference is None
    assert {part.skip for part in plan.parts} == {SkipKind.NO_REFERENCE_SCENE}


def test_a_static_asset_that_is_not_there_is_a_typed_outcome() -> None:
    source = _catalog([s2_scene(ANCHOR, 1)])
    del source.scenes["JRC/GSW1_4/GlobalSurfaceWater"]
    (plan,) = _plan(source)
    assert plan.of("jrc_occurrence")[0].skip is SkipKind.ASSET_MISSING


def test_rows_that_were_not_asked_for_say_so() -> None:
    (plan,) = _plan(_catalog([s2_scene(ANCHOR, 1)]), modalities=["sentinel2", "elevation"])
    kinds = {part.row: part.skip for part in plan.parts}
    assert kinds["sentinel2"] is None
    assert kinds["elevation"] is None
    assert kinds["sentinel1"] is SkipKind.NOT_REQUESTED


@pytest.mark.parametrize(("rows", "message"), [(["elevation"], "sentinel2"), (["sentinel2", "landsat"], "landsat")])
def test_impossible_rows_are_refused(rows: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _plan(_catalog([]), modalities=rows)


def test_naip_is_not_applicable_outside_its_country() -> None:
    (plan,) = _plan(_catalog([s2_scene(ANCHOR, 1)]))
    assert plan.of("naip")[0].skip is SkipKind.NOT_APPLICABLE


def test_scl_needs_its_band() -> None:
    (plan,) = _plan(_catalog([replace(s2_scene(ANCHOR, 1), missing_bands=("SCL",))]))
    assert plan.of("scl")[0].skip is SkipKind.NO_SCENE_IN_WINDOW
    assert "SCL" in plan.of("scl")[0].detail


def test_a_truncated_answer_is_asked_again_around_each_candidate() -> None:
    s2 = [s2_scene(ANCHOR, days, name=f"c{days}") for days in (0, 40)]
    crowd = [s1_scene(ANCHOR, ANCHOR.datetime, 0.01 * n, name=f"n{n:03d}") for n in range(120)]
    late = [s1_scene(ANCHOR, ANCHOR.datetime, 40.5, name="late")]
    plans = _plan(_catalog(s2, crowd + late))
    by_rank = {plan.rank: plan for plan in plans}
    asc = next(part for part in by_rank[1].of("sentinel1") if part.part == "asc_vv")
    assert [scene.index for scene in asc.scenes] == ["late"]


@given(data=st.data())
def test_dynamic_layers_stay_within_their_window_in_any_catalog(data: st.DataObject) -> None:
    s2 = data.draw(s2_candidates(ANCHOR))
    s1 = data.draw(s1_candidates(ANCHOR, ANCHOR.datetime))
    for plan in _plan(_catalog(s2, s1)):
        for part in plan.parts:
            rule = MODALITIES[part.row].when
            assert (part.skip is None) == bool(part.scenes)
            if not isinstance(rule, (Near, AtAnchor, With)) or plan.reference is None:
                continue
            centre = ANCHOR.datetime if isinstance(rule, AtAnchor) else plan.reference.datetime
            days = 0 if isinstance(rule, With) else rule.days
            assert all(abs(scene.datetime - centre) <= timedelta(days=days) for scene in part.scenes)
            assert part.offset_days is None or abs(part.offset_days) <= days


@given(data=st.data())
def test_a_plan_survives_its_file(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    plans = _plan(_catalog(data.draw(s2_candidates(ANCHOR)), data.draw(s1_candidates(ANCHOR, ANCHOR.datetime))))
    path = tmp_path_factory.mktemp("plan") / "plan.parquet"
    write_plan(path, plans)
    assert read_plan(path) == plans


def test_an_interrupted_plan_goes_on_where_it_stopped(tmp_path) -> None:
    anchors = [anchor_at(73.3 + 0.02 * n) for n in range(4)]
    source = _catalog([s2_scene(anchor, 1, name=f"s{n}") for n, anchor in enumerate(anchors)])
    batches = list(plan_anchors(anchors, source, batch=2))
    fingerprint = plan_fingerprint(anchors, "settings")
    path = tmp_path / "plan.parquet"
    PlanWriter(path, fingerprint).write(0, batches[0])
    again = PlanWriter(path, fingerprint)
    assert [again.done(0), again.done(1)] == [True, False]
    again.write(1, batches[1])
    again.finish(2)
    assert read_plan(path) == [*batches[0], *batches[1]]
    assert sorted(item.name for item in tmp_path.iterdir()) == ["plan.parquet"]


def test_a_batch_that_was_killed_half_written_leaves_nothing_behind(tmp_path) -> None:
    path = tmp_path / "plan.parquet"
    plans = _plan(_catalog([]))
    PlanWriter(path, "one")
    (tmp_path / "plan.parquet.parts" / ".000000.parquet.4711").write_bytes(b"PAR1")
    writer = PlanWriter(path, "one")
    writer.write(0, plans)
    writer.finish(1)
    assert read_plan(path) == plans
    assert [item.name for item in tmp_path.iterdir()] == ["plan.parquet"]


def test_batches_of_another_job_are_not_taken_over(tmp_path) -> None:
    path = tmp_path / "plan.parquet"
    PlanWriter(path, "one").write(0, _plan(_catalog([])))
    assert not PlanWriter(path, "other").done(0)


def test_a_file_that_is_no_plan_is_refused(tmp_path) -> None:
    path = tmp_path / "plan.parquet"
    path.write_text("not parquet")
    with pytest.raises(ConfigError, match="cannot read the plan"):
        read_plan(path)


def test_the_estimate_counts_one_request_a_tile() -> None:
    cost = estimate(_plan(_catalog([s2_scene(ANCHOR, days, name=f"n{days}") for days in (1, 2, 3)])))
    assert (cost.tiles, cost.skipped, cost.requests) == (1, 0, 1)
    assert cost.bytes_raw >= 12 * 128 * 128 * 2


def test_a_run_beside_ours_may_finish_the_plan_first(tmp_path) -> None:
    plans = _plan(_catalog([s2_scene(ANCHOR, 1)]))
    path = tmp_path / "plan.parquet"
    slow, fast = PlanWriter(path, "job"), PlanWriter(path, "job")
    fast.write(0, plans)
    fast.write(1, [])
    fast.finish(2)
    slow.write(1, [])
    slow.finish(2)
    assert read_plan(path) == plans


def test_missing_batches_are_no_plan(tmp_path) -> None:
    writer = PlanWriter(tmp_path / "plan.parquet", "job")
    with pytest.raises(StoreError, match="0 of 2 planned batches"):
        writer.finish(2)
