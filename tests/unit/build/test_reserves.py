"""Which reserves are taken: in rank order, as many as are missing, whatever interrupted the runs before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from geomeld_build.build.config import BuildConfig
from geomeld_build.build.reserves import Quotas, Reserves, frame_files, quota_notes, read_reserves, strata_that_lack
from geomeld_build.errors import ConfigError
from geomeld_build.grid import Anchor, make_tile_id
from tests.support.frames import RECIPE, at, reserves_table, strata_of, write_frame

STATUSES = st.sampled_from(["ok", "skipped", "failed"])


def _read(folder: Path, table: pa.Table) -> Reserves:
    pq.write_table(table, folder / "reserves.parquet")
    return read_reserves(folder / "reserves.parquet", recipe=RECIPE)


@pytest.fixture(scope="module")
def standing_by(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Anchor], list[Anchor], Reserves]:
    anchors = strata_of({"forest": 8, "desert": 6})
    reserves = strata_of({"forest": 12, "desert": 40}, lat=30.6)
    folder = write_frame(tmp_path_factory.mktemp("frame"), anchors, reserves)
    return anchors, reserves, read_reserves(folder / "reserves.parquet", recipe=RECIPE)


def _prefix(anchors: Sequence[Anchor], reserves: Sequence[Anchor], ends: dict[str, str]) -> set[str]:
    """By hand: the shortest run of reserves from the front that makes up for the anchors without a tile."""
    used: set[str] = set()
    for stratum in {anchor.stratum for anchor in anchors}:
        needed = sum(ends[anchor.tile_id] == "skipped" for anchor in anchors if anchor.stratum == stratum)
        for reserve in reserves:
            if needed and reserve.stratum == stratum:
                used.add(reserve.tile_id)
                needed -= ends[reserve.tile_id] != "skipped"
    return used


@given(data=st.data())
def test_the_shortest_prefix_is_taken_wherever_runs_are_killed(standing_by, data: st.DataObject) -> None:
    anchors, reserves, lists = standing_by
    ids = [anchor.tile_id for anchor in (*anchors, *reserves)]
    ends = dict(zip(ids, data.draw(st.lists(STATUSES, min_size=len(ids), max_size=len(ids))), strict=True))
    catalog = {anchor.tile_id: ends[anchor.tile_id] for anchor in anchors}
    tried: list[str] = []
    quotas = Quotas(anchors, lists)
    while batch := quotas.next_round(catalog):
        names = [anchor.tile_id for anchor in batch]
        assert len(set(names)) == len(names)
        tried += names
        committed = names
        if data.draw(st.booleans(), label="killed"):
            committed = [name for name in names if data.draw(st.booleans())]
            quotas = Quotas(anchors, lists)
        catalog |= {name: ends[name] for name in committed}
    assert catalog.keys() - {anchor.tile_id for anchor in anchors} == _prefix(anchors, reserves, ends)
    report = {item.stratum: item for item in quotas.report(catalog)}
    for stratum, item in report.items():
        mine = [status for tile_id, status in catalog.items() if _stratum(tile_id, (*anchors, *reserves)) == stratum]
        assert (item.built, item.failed) == (mine.count("ok"), mine.count("failed"))
        assert item.lacking == item.wanted - item.built >= 0
        assert item.lacking <= item.failed or item.reserves_left == 0


def _stratum(tile_id: str, anchors: Sequence[Anchor]) -> str:
    return next(anchor.stratum for anchor in anchors if anchor.tile_id == tile_id)


def test_failures_of_an_earlier_run_are_tried_again_but_once_a_run(standing_by) -> None:
    anchors, reserves, lists = standing_by
    catalog = {anchor.tile_id: "ok" for anchor in anchors} | {anchors[0].tile_id: "skipped"}
    first = next(reserve for reserve in reserves if reserve.stratum == "forest")
    catalog[first.tile_id] = "failed"
    quotas = Quotas(anchors, lists)
    assert [anchor.tile_id for anchor in quotas.next_round(catalog)] == [first.tile_id]
    assert quotas.next_round(catalog) == []
    assert [anchor.tile_id for anchor in Quotas(anchors, lists).next_round(catalog)] == [first.tile_id]


def test_an_anchor_that_failed_keeps_its_claim(standing_by) -> None:
    anchors, _, lists = standing_by
    catalog = {anchor.tile_id: "ok" for anchor in anchors} | {anchors[0].tile_id: "failed"}
    quotas = Quotas(anchors, lists)
    assert quotas.next_round(catalog) == []
    forest = quotas.report(catalog)[1]
    assert (forest.stratum, forest.lacking, forest.failed, forest.short) == ("forest", 1, 1, 0)
    assert "run the same build again" in " ".join(quota_notes(quotas.report(catalog)))


def test_reserves_are_taken_by_rank_then_pool_not_in_the_order_of_the_file(tmp_path: Path) -> None:
    anchors = strata_of({"forest": 4})
    cells = strata_of({"forest": 3}, lat=30.6)
    points = strata_of({"forest": 3}, lat=30.9, pool="mmearth")
    table = reserves_table([*cells, *points], ranks=[7, 5, 9, 6, 5, 8])
    skipped = {anchor.tile_id: "skipped" for anchor in anchors}
    for order in ([0, 1, 2, 3, 4, 5], [5, 3, 1, 4, 2, 0]):
        taken = Quotas(anchors, _read(tmp_path, table.take(order))).next_round(skipped)
        assert taken == [points[1], cells[1], points[0], cells[0]]


def test_an_anchor_that_is_also_a_reserve_is_no_reserve(tmp_path: Path) -> None:
    anchors = strata_of({"forest": 3})
    spare = strata_of({"forest": 1}, lat=30.6)
    quotas = Quotas(anchors, _read(tmp_path, reserves_table([anchors[1], *spare])))
    catalog = {anchors[0].tile_id: "skipped", anchors[1].tile_id: "ok", anchors[2].tile_id: "ok"}
    assert quotas.next_round(catalog) == spare
    assert quotas.report(catalog | {spare[0].tile_id: "ok"})[0].reserves_left == 0


def test_tile_ids_are_those_of_the_recipe_of_the_build(tmp_path: Path) -> None:
    (anchor,), (spare,) = strata_of({"forest": 1}), strata_of({"forest": 1}, lat=30.6)
    _read(tmp_path, reserves_table([spare]))
    other = read_reserves(tmp_path / "reserves.parquet", recipe="other")
    (taken,) = Quotas([anchor], other).next_round({anchor.tile_id: "skipped"})
    assert taken == replace(spare, tile_id=make_tile_id(spare.location_id, spare.datetime, "other"))


def test_used_up_reserves_are_told_with_names_and_numbers() -> None:
    anchors = strata_of({f"s{number}": 2 for number in range(7)})
    empty = Reserves(pa.table({}), {}, RECIPE)
    quotas = Quotas(anchors, empty)
    catalog = {anchor.tile_id: "skipped" for anchor in anchors} | {anchors[0].tile_id: "ok"}
    assert quotas.next_round(catalog) == []
    report = quotas.report(catalog)
    (note,) = quota_notes(report)
    assert note.startswith("13 tiles are lacking in 7 strata, whose reserves are used up: s1 lacks 2 of 2, ")
    assert note.endswith("and 2 more.")
    assert [item.stratum for item in strata_that_lack(report)] == ["s1", "s2", "s3", "s4", "s5", "s6", "s0"]
    assert quota_notes(Quotas(anchors, empty).report(dict.fromkeys(catalog, "ok"))) == [
        "The quotas hold in every stratum."
    ]


def test_a_place_at_two_dates_is_two_reserves_and_twice_the_same_is_refused(tmp_path: Path) -> None:
    (spare,) = strata_of({"forest": 1}, lat=30.6)
    later = at(spare, datetime(2021, 3, 15, tzinfo=UTC))
    assert len(_read(tmp_path, reserves_table([spare, later])).lists["forest"]) == 2
    with pytest.raises(ConfigError, match=rf"1 places .* {spare.location_id.replace('+', '.')} at 2020-06-15"):
        _read(tmp_path, reserves_table([spare, later, spare]))


def test_no_reserves_is_no_error(tmp_path: Path) -> None:
    assert _read(tmp_path, reserves_table([])).lists == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table.drop_columns(["rank", "stratum"]), "no column stratum, rank"),
        (lambda table: table.set_column(4, "epsg", pa.array([4326], pa.int32())), "row 1: epsg 4326 is no UTM zone"),
        (lambda table: table.set_column(9, "stratum", pa.array([None], pa.string())), "stratum has empty values"),
        (lambda table: table.set_column(2, "lon", pa.array(["east"])), "cannot read reserves"),
    ],
)
def test_files_that_are_no_reserves_are_refused(tmp_path: Path, change, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        _read(tmp_path, change(reserves_table(strata_of({"forest": 1}))))


def test_absent_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_reserves(tmp_path / "none.parquet", recipe=RECIPE)
    (tmp_path / "text.parquet").write_text("lon,lat")
    with pytest.raises(ConfigError, match="expected Parquet"):
        read_reserves(tmp_path / "text.parquet", recipe=RECIPE)


def test_a_frame_s_folder_stands_for_its_files(tmp_path: Path) -> None:
    anchors, reserves = strata_of({"a": 1}), strata_of({"a": 1}, lat=30.6)
    frame = write_frame(tmp_path / "frame", anchors, reserves)
    both = (frame / "anchors.parquet", frame / "reserves.parquet")
    assert frame_files(frame, None) == both
    assert frame_files(frame / "anchors.parquet", frame) == both
    assert frame_files(frame / "anchors.parquet", None) == (both[0], None)
    assert frame_files(frame, tmp_path / "mine.parquet") == (both[0], tmp_path / "mine.parquet")
    both[1].unlink()
    assert frame_files(frame, None) == (both[0], None)


def test_reserves_need_anchors() -> None:
    with pytest.raises(ValidationError, match="give anchors too"):
        BuildConfig.model_validate({"store": "s", "plan": "p.parquet", "reserves": "r.parquet"})
