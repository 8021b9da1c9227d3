"""Lists of anchors made one, and splits of any list."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from geomeld_build.anchors.files import write_anchors
from geomeld_build.anchors.merge import merge_anchors, places_of_anchors
from geomeld_build.anchors.overlap import overlapping_pairs
from geomeld_build.anchors.split_file import write_splits
from geomeld_build.anchors.splits import SplitRule
from geomeld_build.grid import Anchor, make_tile_id, place_anchor

WHEN = datetime(2020, 6, 15, tzinfo=UTC)


def row(count: int, *, step: float = 0.004, lat: float = 10.0) -> list[Anchor]:
    """Anchors along a parallel, every 440 m by default, so that each overlaps its neighbours."""
    return [place_anchor(20.0 + step * number, lat, WHEN, recipe="r") for number in range(count)]


def again(anchor: Anchor, days: int) -> Anchor:
    when = anchor.datetime + timedelta(days=days)
    return replace(anchor, datetime=when, tile_id=make_tile_id(anchor.location_id, when, "r"))


def test_an_earlier_list_comes_first() -> None:
    sparse, dense = row(10, step=0.02), row(60)
    merged = merge_anchors([sparse, dense], recipe="r")
    assert merged.anchors[:10] == sparse
    assert len(overlapping_pairs(places_of_anchors(merged.anchors))) == 0
    assert merged.repeated == 10, "every fifth of the dense list is in the sparse one"
    assert len(merged.anchors) + merged.overlapping + merged.repeated == 70


def test_the_order_within_a_list_does_not_count() -> None:
    dense = row(60)
    one = {anchor.tile_id for anchor in merge_anchors([dense], recipe="r").anchors}
    other = {anchor.tile_id for anchor in merge_anchors([dense[::-1]], recipe="r").anchors}
    assert one == other
    assert 15 <= len(one) <= 20


def test_dates_of_a_place_stay_together() -> None:
    dense = row(6)
    dates = [again(anchor, 30) for anchor in dense]
    merged = merge_anchors([dense, dates], recipe="r")
    places = {anchor.location_id for anchor in merged.anchors}
    assert len(merged.anchors) == 2 * len(places)
    assert merge_anchors([dense, dates], recipe="r", keep_overlaps=True).anchors == dense + dates
    assert merge_anchors([], recipe="r").anchors == []


def test_splits_of_a_file(tmp_path: Path) -> None:
    places = [anchor for lat in range(-40, 40, 2) for anchor in row(40, step=0.5, lat=float(lat))]
    write_anchors(tmp_path / "anchors.parquet", places)
    found = write_splits(tmp_path / "anchors.parquet", tmp_path / "split.parquet", SplitRule("r"), "r")
    table = pq.read_table(tmp_path / "split.parquet")
    assert table.column_names == ["tile_id", "location_id", "block", "split"]
    assert table["tile_id"].to_pylist() == [anchor.tile_id for anchor in places]
    assert found.clean
    assert 0.7 < found.tiles["train"] / len(places) < 0.9
    assert json.loads((tmp_path / "split.leakage.json").read_text())["clean"] is True
