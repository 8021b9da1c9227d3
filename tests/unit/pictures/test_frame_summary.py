"""Figures of a frame: against counts by hand, distances by pyproj, and accounts that do not add up."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyproj import Geod

from geomeld_build.anchors.summary import SURELY_OVERLAP_M, FrameSummary, nearest_distances, summarise
from geomeld_build.errors import ConfigError
from tests.support.made_frame import MadeFrame, made_frame


@pytest.fixture(scope="module")
def frame() -> MadeFrame:
    return made_frame(1500)


@pytest.fixture(scope="module")
def summary(frame: MadeFrame) -> FrameSummary:
    return summarise(frame.anchors, frame.reserves, frame.dropped, frame.quotas, frame.offered)


def test_counts_are_those_of_the_rows(frame: MadeFrame, summary: FrameSummary) -> None:
    rows = frame.anchors.to_pylist()
    expected = Counter((row["pool"], row["biome"], row["continent"]) for row in rows)
    assert {row[:3]: row[3] for row in summary.counts} == expected
    dates = Counter((row["pool"], row["datetime"].year, row["datetime"].month) for row in rows)
    assert {row[:3]: row[3] for row in summary.dates} == dates
    assert {row[:2]: row[2] for row in summary.splits} == Counter((row["split"], row["biome"]) for row in rows)
    assert dict(summary.seams) == Counter(row["pool"] for row in rows if row["seam"])
    assert dict(summary.excluded) == {"benchmark": sum(row["excluded_by"] == "benchmark" for row in rows)}
    blocks = {split: len({row["block"] for row in rows if row["split"] == split}) for split, _ in summary.blocks}
    assert dict(summary.blocks) == blocks
    assert summary.overlaps == ()


def test_strata_say_what_is_missing(frame: MadeFrame, summary: FrameSummary) -> None:
    assert summary.missing == 0
    quotas = {pool: dict(quota) for pool, quota in frame.quotas.items()}
    quotas["mmearth"]["biome-6"] += 5
    quotas["own"]["Atlantis/biome-1"] = 3
    short = summarise(frame.anchors, frame.reserves, frame.dropped, quotas)
    missing = {item.stratum: item.missing for item in short.strata if item.missing}
    assert missing == {"biome-6": 5, "Atlantis/biome-1": 3}
    mangroves = next(item for item in short.strata if item.stratum == "biome-14")
    assert mangroves.biome == 14
    assert mangroves.got["topup"] > 0
    assert sum(mangroves.wanted.values()) == sum(mangroves.got.values()), "cells top the quota up"
    assert sum(short.wanted_by_biome().values()) == sum(sum(q.values()) for q in quotas.values()) - 3


def test_every_point_that_was_offered_has_a_fate(frame: MadeFrame, summary: FrameSummary) -> None:
    assert summary.adds_up
    sky = next(account for account in summary.accounts if account.pool == "skyscript")
    assert sky.offered == sky.kept + sum(sky.dropped.values()) == frame.offered["skyscript"]
    assert set(sky.dropped) == {"at_sea", "duplicate", "overlap", "surplus"}
    assert sky.land_share == pytest.approx(1 - sky.dropped["at_sea"] / sky.offered)
    own = next(account for account in summary.accounts if account.pool == "own")
    assert (own.accounted, own.land_share) == (0, None), "cells are drawn, not offered"
    assert own.cells == frame.anchors.column("pool").to_pylist().count("own")


def test_a_point_that_got_lost_or_counts_twice_is_seen(frame: MadeFrame) -> None:
    for dropped, expected in (
        (frame.dropped.slice(1), 1),
        (pa.concat_tables([frame.dropped, frame.dropped.slice(0, 1)]), -1),
    ):
        found = summarise(frame.anchors, frame.reserves, dropped, frame.quotas, frame.offered)
        assert not found.adds_up
        assert sum(account.unaccounted for account in found.accounts) == expected


def test_order_of_the_rows_does_not_matter(frame: MadeFrame, summary: FrameSummary) -> None:
    shuffled = [
        table.take(pa.array(np.random.default_rng(1).permutation(table.num_rows)))
        for table in (frame.anchors, frame.reserves, frame.dropped)
    ]
    again = summarise(*shuffled, frame.quotas, frame.offered)
    assert replace(again, nearest=summary.nearest) == summary
    assert again.nearest == summary.nearest


def test_distances_are_those_of_geodesics(frame: MadeFrame) -> None:
    some = frame.anchors.slice(0, 250)
    lon, lat = (some.column(name).to_numpy() for name in ("lon", "lat"))
    one, other = np.indices((250, 250)).reshape(2, -1)
    matrix = Geod(ellps="WGS84").inv(lon[one], lat[one], lon[other], lat[other])[2].reshape(250, 250)
    np.fill_diagonal(matrix, np.inf)
    assert nearest_distances(some) == pytest.approx(matrix.min(axis=1), rel=2e-3)


def test_places_that_repeat_are_at_no_distance(frame: MadeFrame) -> None:
    twice = pa.concat_tables([frame.anchors.slice(0, 3), frame.anchors.slice(0, 1)])
    assert nearest_distances(twice)[[0, 3]].tolist() == [0.0, 0.0]
    found = summarise(twice, frame.reserves, frame.dropped, {})
    assert found.nearest.surely_overlapping == 2
    assert sum(found.nearest.counts) == 4


def test_neighbouring_cells_do_not_count_as_overlapping() -> None:
    # Two cells that touch, on the meridian where a metre of the grid is longest on the ground and at a zone's edge.
    from geomeld_build.anchors.places import places_of_cells
    from tests.support.made_frame import table_of

    for epsg, column, row in ((32632, 390, 100), (32632, 130, 10), (32633, 390, 5500), (32632, 105, 4900)):
        columns = np.array([column, column + 1, column])
        pair = places_of_cells(np.full(3, epsg, np.int32), columns, np.array([row, row, row + 1]))
        assert nearest_distances(table_of(pair, "own")).min() > SURELY_OVERLAP_M


def test_one_anchor_has_no_neighbour(frame: MadeFrame) -> None:
    found = summarise(frame.anchors.slice(0, 1), frame.reserves, frame.dropped, {})
    assert found.nearest.quantiles_km == {}
    assert found.nearest.surely_overlapping == 0


def test_json_holds_all_of_it(summary: FrameSummary) -> None:
    document = json.loads(json.dumps(summary.to_json()))
    assert sum(row["anchors"] for row in document["counts"]) == summary.anchors
    assert sum(row["anchors"] for row in document["dates"]) == summary.anchors
    assert sum(document["nearest"]["counts"]) == summary.anchors
    assert document["adds_up"] is True
    assert {row["pool"]: row["unaccounted"] for row in document["accounts"]}["mmearth"] == 0


def test_what_is_no_frame_is_the_callers_mistake(frame: MadeFrame) -> None:
    with pytest.raises(ConfigError, match="no column biome"):
        summarise(frame.anchors.drop_columns(["biome"]), frame.reserves, frame.dropped, {})
    with pytest.raises(ConfigError, match="dropped points have no column reason"):
        summarise(frame.anchors, frame.reserves, frame.dropped.drop_columns(["reason"]), {})
    with pytest.raises(ConfigError, match="no anchors"):
        summarise(frame.anchors.slice(0, 0), frame.reserves, frame.dropped, {})
