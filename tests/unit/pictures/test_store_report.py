"""The report of a store: against the catalog line by line, and against pixels read another way."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.modalities import MODALITIES
from geomeld_build.pictures.frames import StoreSummary, store_charts, store_report, write_store_report
from geomeld_build.pictures.frames.land_cover import class_ranks, land_cover
from geomeld_build.store import Store, create_store, open_store
from tests.support.made_frame import MadeFrame, made_frame
from tests.support.made_frame_store import ROWS, make_frame_store
from tests.support.small_store import make_store
from tests.unit.pictures.test_frame_report import Tags, clashes


@pytest.fixture(scope="module")
def frame() -> MadeFrame:
    whole = made_frame(1500)
    whole.anchors = whole.anchors.take(list(range(0, whole.anchors.num_rows, 5)))
    return whole


@pytest.fixture(scope="module")
def store(frame: MadeFrame, tmp_path_factory: pytest.TempPathFactory) -> Store:
    return open_store(make_frame_store(tmp_path_factory.mktemp("stores") / "made.store", frame.anchors))


@pytest.fixture(scope="module")
def summary(store: Store, frame: MadeFrame) -> StoreSummary:
    return store_report(store, frame=frame.anchors)


def test_counts_are_those_of_the_catalog(store: Store, frame: MadeFrame, summary: StoreSummary) -> None:
    lines = store.query("SELECT * FROM tiles").to_pylist()
    built = [line for line in lines if line["status"] == "ok"]
    assert (summary.anchors, summary.tiles) == (len(lines), len(built))
    assert {row[:3]: row[3] for row in summary.dates} == Counter(
        (line["pool"], line["datetime"].year, line["datetime"].month) for line in built
    )
    wanted = Counter(frame.anchors.column("stratum").to_pylist())
    done = Counter(line["stratum"] for line in built)
    for stratum in summary.strata:
        assert stratum.wanted == stratum.attempted == wanted[stratum.stratum]
        assert stratum.built == done[stratum.stratum] == stratum.attempted - stratum.skipped
    assert summary.kinds == (("skipped", "no_reference_scene", len(lines) - len(built)),)
    days = [line["s2_ref_offset_days"] for line in built]
    assert summary.offsets[0].quantiles["0.5"] == pytest.approx(np.median(days))
    assert sum(number for _, number in summary.offsets[0].days) == len(built)
    assert summary.within_30_days == pytest.approx(np.mean(np.abs(np.rint(days)) <= 30))
    near = [line["dynamic_world_offset_days"] for line in built if line["dynamic_world_offset_days"] is not None]
    assert [(item.row, item.tiles) for item in summary.offsets[1:]] == [("dynamic_world", len(near))]


def test_months_are_grouped_by_biome(store: Store, frame: MadeFrame, summary: StoreSummary) -> None:
    from geomeld_build.pictures.frames.style import biome_label

    biome_of = {
        f"{prefix}biome-{n}": biome_label(n)
        for n in range(1, 15)
        for prefix in ("", "Africa/", "Asia/", "South America/")
    }
    lines = store.query("SELECT stratum, status, anchor_datetime, datetime FROM tiles").to_pylist()
    planned = Counter((biome_of[line["stratum"]], line["anchor_datetime"].month) for line in lines)
    assert {row[:2]: row[2] for row in summary.planned} == planned
    obtained = Counter((biome_of[x["stratum"]], x["datetime"].month) for x in lines if x["status"] == "ok")
    assert {row[:2]: row[2] for row in summary.obtained} == obtained
    alone = store_report(store)
    assert {group for group, _, _ in alone.planned} == {f"biome-{n}" for n in range(1, 15)}
    assert all(item.wanted is None for item in alone.strata)


def test_land_cover_is_that_of_the_pixels(store: Store, summary: StoreSummary) -> None:
    classes = MODALITIES[ROWS[0]].classes
    assert classes is not None
    top1, top3 = Counter[int](), Counter[int]()
    for tile_id in store.tile_ids():
        codes, counts = np.unique(store.raw(tile_id, [ROWS[0]])[ROWS[0]], return_counts=True)
        ranked = [code for _, code in sorted(zip((-counts).tolist(), codes.tolist(), strict=True))]
        top1[ranked[0]] += 1
        top3.update(ranked[:3])
    cover = summary.land_cover
    assert cover is not None
    assert cover.tiles == summary.tiles
    assert cover.top1 == tuple(top1[code] for code in classes.values)
    assert cover.top3 == tuple(top3[code] for code in classes.values)
    exact = store.statistics().bands[ROWS[0]][0].classes
    assert dict(zip(cover.classes, cover.pixels, strict=True)) == exact
    assert sum(share for _, share, _, _ in cover.shares()) == pytest.approx(1)


@given(arrays(np.int64, st.tuples(st.integers(1, 6), st.just(5)), elements=st.integers(0, 3)))
def test_ranks_agree_with_a_sort_of_each_tile(counts: np.ndarray) -> None:
    top1, top3 = np.zeros(5, int), np.zeros(5, int)
    for tile in counts.tolist():
        ranked = sorted((code for code in range(5) if tile[code]), key=lambda code: (-tile[code], code))
        for code in ranked[:1]:
            top1[code] += 1
        for code in ranked[:3]:
            top3[code] += 1
    found = class_ranks(counts)
    assert found[0].tolist() == top1.tolist()
    assert found[1].tolist() == top3.tolist()


def test_progress_ends_at_the_number_of_tiles(store: Store) -> None:
    told: list[tuple[int, int]] = []
    land_cover(store, lambda done, total: told.append((done, total)))
    tiles = len(store.tile_ids())
    assert told[-1] == (tiles, tiles)
    assert len(told) == -(-tiles // 128)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_a_lost_shard_is_no_land_cover(frame: MadeFrame, tmp_path: Path) -> None:
    uri = make_frame_store(tmp_path / "s.store", frame.anchors.slice(0, 6))
    for path in (tmp_path / "s.store" / ROWS[0] / "c").rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(StoreError, match="holds none of its classes"):
        store_report(open_store(uri))


def test_what_cannot_be_reported(store: Store, frame: MadeFrame, tmp_path: Path) -> None:
    create_store(str(tmp_path / "empty"), modalities=["elevation"], recipe="r")
    with pytest.raises(ConfigError, match="no anchors"):
        store_report(open_store(str(tmp_path / "empty")))
    with pytest.raises(ConfigError, match="no column biome"):
        store_report(store, frame=frame.anchors.drop_columns(["biome"]))
    with pytest.raises(ConfigError, match="no classes"):
        land_cover(open_store(str(tmp_path / "empty")), row="elevation")
    assert land_cover(open_store(str(tmp_path / "empty"))) is None


def test_labels_do_not_overlap(store: Store, summary: StoreSummary) -> None:
    assert summary.land_cover is not None
    figures = {
        "strata": store_charts.strata_chart(summary),
        "months": store_charts.month_chart(summary),
        "offsets": store_charts.offset_chart(summary),
        "cover": store_charts.cover_chart(summary.land_cover, "Land cover"),
        "outcomes": store_charts.outcome_chart(summary, store.modalities),
    }
    assert {name: found for name, figure in figures.items() if (found := clashes(figure))} == {}


def test_the_report_is_a_page_with_its_pictures(store: Store, frame: MadeFrame, tmp_path: Path) -> None:
    files = write_store_report(store, tmp_path / "report", frame=frame.anchors)
    names = {path.name for path in files}
    assert names == {"report.html", "summary.json"} | {
        f"{name}.png" for name in ("density", "strata", "months", "dates", "offsets", "land_cover", "outcomes")
    }
    page = Tags(files[0].read_text(encoding="utf-8"))
    assert [tag for tag, _ in page.tags].count("img") == 7
    document = json.loads((tmp_path / "report" / "summary.json").read_text(encoding="utf-8"))
    assert document["tiles"] == len(store.tile_ids())
    assert document["title"] == f"made.store, version {store.version}"


def test_a_store_without_strata_is_reported_too(tmp_path: Path) -> None:
    make_store(tmp_path / "small.store")
    files = write_store_report(open_store(str(tmp_path / "small.store")), tmp_path / "report")
    document = json.loads((tmp_path / "report" / "summary.json").read_text(encoding="utf-8"))
    assert [line["stratum"] for line in document["strata"]] == ["none"]
    assert len(files) == 9
