"""Typed records become catalog rows, or say what contradicts what."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyproj
import pytest
import shapely
from affine import Affine

from geomeld_build.errors import SkipKind, StoreError
from geomeld_build.grid import TilePlan
from geomeld_build.modalities import MODALITIES, SCHEMA_VERSION
from geomeld_build.store import PartRecord, RowRecord, RunRecord, records_to_table
from geomeld_build.store.records import runs_to_table
from geomeld_build.store.schema import TILES_SCHEMA
from tests.unit.store.making import DAY, anchor_of, failure_of, record_of, rows_of, scene_of


def test_the_schema_has_columns_for_every_row_of_the_table() -> None:
    assert TILES_SCHEMA.names[:8] == ["tile_id", "location_id", "status", "kind", "detail", "shard", "slot", "row"]
    for name in MODALITIES:
        assert not TILES_SCHEMA.field(f"{name}_outcome").nullable
        assert TILES_SCHEMA.field(f"{name}_valid").type == pa.float32()
    offsets = {name for name in TILES_SCHEMA.names if name.endswith("_offset_days") and not name.startswith("s2_ref")}
    assert offsets == {"sentinel1_offset_days", "dynamic_world_offset_days", "naip_offset_days"}


def test_a_record_becomes_a_row() -> None:
    row = records_to_table([record_of(4, 3, 7)]).to_pylist()[0]
    anchor = anchor_of(4)
    assert (row["tile_id"], row["location_id"], row["status"]) == (anchor.tile_id, anchor.location_id, "ok")
    assert (row["shard"], row["slot"], row["row"]) == (3, 7, 3 * 256 + 7)
    assert row["anchor_datetime"] == DAY
    assert row["datetime"] == DAY + timedelta(days=2)
    assert row["s2_ref_offset_days"] == 2.0
    assert (row["tier_days"], row["candidate_rank"], row["cross_zone"]) == (15, 0, False)
    assert (row["mgrs_tile"], row["processing_baseline"], row["sun_zenith"]) == ("43RCP", "02.14", 31.0)
    assert row["schema_version"] == SCHEMA_VERSION
    assert row["elevation_outcome"] == "ok"
    assert row["elevation_valid"] == pytest.approx(0.9)
    assert (row["naip_outcome"], row["naip_valid"], row["naip_offset_days"]) == ("not_requested", None, None)
    assert row["code_version"]


def test_the_place_of_a_row_agrees_with_pyproj() -> None:
    row = records_to_table([record_of(4, 0, 0)]).to_pylist()[0]
    point, footprint = shapely.from_wkb(row["geometry"]), shapely.from_wkb(row["footprint"])
    assert footprint.contains(point)
    to_metres = pyproj.Transformer.from_crs("EPSG:4326", row["proj_code"], always_xy=True)
    x, y = to_metres.transform(point.x, point.y)
    transform = Affine(*row["proj_transform"])
    column, line = ~transform * (x, y)
    assert (column, line) == pytest.approx((64.0, 64.0), abs=1e-2)
    corners = [~transform * to_metres.transform(*corner) for corner in footprint.exterior.coords[:4]]
    assert {(round(c), round(r)) for c, r in corners} == {(0, 0), (128, 0), (128, 128), (0, 128)}


def test_parts_keep_their_scenes() -> None:
    parts = (
        PartRecord("sentinel1", "asc_vv", "ok", "asc", offset_days=-3.0, valid=1.0, scenes=(scene_of(1), scene_of(2))),
        PartRecord("sentinel1", "desc_vv", "ok", "desc", offset_days=1.5, valid=0.5, scenes=(scene_of(3),)),
        PartRecord("sentinel1", "asc_hh", "no_scene_in_window", "asc", offset_days=0.1),
    )
    row = records_to_table([record_of(0, 0, 0, ("sentinel1",), parts=parts)]).to_pylist()[0]
    assert [part["part"] for part in row["parts"]] == ["asc_vv", "desc_vv", "asc_hh"]
    assert [scene["version"] for scene in row["parts"][0]["scenes"]] == [1700000000001, 1700000000002]
    assert (row["parts"][0]["platform"], row["parts"][0]["relative_orbit"]) == ("Sentinel-2A", 105)
    assert (row["parts"][2]["scenes"], row["parts"][2]["platform"]) == ([], None)
    # The nearest of the parts that are present, with its sign; the third has no pixels.
    assert row["sentinel1_offset_days"] == 1.5


def test_an_anchor_without_a_reference_has_no_scene_facts() -> None:
    row = records_to_table([failure_of(0, "skipped", SkipKind.NO_REFERENCE_SCENE, plan=_bare_plan())]).to_pylist()[0]
    assert (row["kind"], row["detail"]) == ("no_reference_scene", "no luck")
    facts = ("datetime", "s2_ref_offset_days", "tier_days", "scene_cloud_percent", "sun_zenith", "mgrs_tile", "row")
    assert [row[name] for name in facts] == [None] * 7


def _bare_plan() -> TilePlan:
    return TilePlan(anchor_of(0), 0, None, None, ())


_WITHOUT_SLOPE = {name: row for name, row in rows_of(()).items() if name != "slope"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": _WITHOUT_SLOPE}, "no outcome for slope"),
        ({"rows": {**rows_of(()), "nope": RowRecord("ok", 1.0)}}, "unknown rows nope"),
        ({"rows": {**rows_of(()), "slope": RowRecord("fine", 1.0)}}, "outcome 'fine' is unknown"),
        ({"rows": {**rows_of(()), "slope": RowRecord("ok")}}, "slope is ok: its valid share"),
        ({"rows": {**rows_of(()), "slope": RowRecord("ok", 1.5)}}, r"above 0 and at most 1, got 1\.5"),
        ({"rows": {**rows_of(()), "slope": RowRecord("cloudy", 0.5)}}, "it has no pixels"),
        ({"slot": 256}, r"slot 0\.\.255"),
        ({"shard": None}, "expected shard and slot"),
        ({"kind": SkipKind.CLOUDY}, "expected shard and slot and no kind"),
        ({"status": "skipped"}, "expected a kind and neither shard nor slot"),
        ({"status": "lost"}, "status 'lost': expected ok, skipped or failed"),
        ({"created": datetime(2021, 1, 1)}, "created needs a time zone"),  # noqa: DTZ001
        ({"parts": (PartRecord("slope", "main", "nope"),)}, r"slope\.main: outcome 'nope'"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(StoreError, match=said):
        records_to_table([replace(record_of(0, 0, 0), **changes)])


def test_an_anchor_without_a_tile_has_no_pixels() -> None:
    with pytest.raises(StoreError, match="is failed, so elevation cannot be 'ok'"):
        records_to_table([failure_of(0, rows=rows_of(("elevation",)))])


def test_no_records_are_an_empty_table() -> None:
    assert records_to_table([]).schema.equals(TILES_SCHEMA)


def test_records_cross_processes() -> None:
    record = record_of(0, 0, 0)
    assert pickle.loads(pickle.dumps(record)) == record


def test_run_times_need_a_zone() -> None:
    with pytest.raises(StoreError, match="started needs a time zone"):
        runs_to_table([RunRecord("r", "plan", datetime(2021, 1, 1), datetime.now(UTC))])  # noqa: DTZ001
