"""Opening, asking and reading."""

from __future__ import annotations

import json
import pickle
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from geomeld_build.errors import ConfigError, SchemaVersionError, SkipKind, StoreError
from geomeld_build.modalities import MODALITIES
from geomeld_build.store import (
    RunRecord,
    append_run,
    append_side_table,
    commit,
    create_store,
    open_store,
    records_to_table,
    reserve,
    write_group,
)
from tests.unit.store.making import (
    DAY,
    FEW,
    RECIPE,
    anchor_of,
    failure_of,
    new_store,
    pixels,
    put_group,
    record_of,
    tile_of,
)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three tiles over two groups with a hole, a skip and a failure."""
    uri = new_store(tmp_path_factory.mktemp("reader"))
    objects = write_group(uri, 0, [tile_of(0), None, tile_of(2)], FEW)
    records = [record_of(0, 0, 0), failure_of(1, "skipped", SkipKind.CLOUDY), record_of(2, 0, 2), failure_of(3)]
    commit(uri, records_to_table(records), objects)
    put_group(uri, 4, [4])
    append_run(uri, RunRecord("run-1", "shard", DAY, DAY, shard=0, requests=7, retries_fault=2, bytes_received=900))
    append_run(uri, RunRecord("run-1", "shard", DAY, DAY, shard=4, requests=3, retries_cloud=1, bytes_received=100))
    return uri


def test_what_a_store_says_of_itself(uri: str) -> None:
    store = open_store(uri)
    assert (store.uri, store.version, store.modalities, store.recipe, store.schema_version) == (uri, 2, FEW, RECIPE, 1)
    assert store.tile_ids() == [anchor_of(n).tile_id for n in (0, 2, 4)]
    assert store.tile_ids("failed") == [anchor_of(3).tile_id]
    assert store.existing("skipped", "failed") == {anchor_of(1).tile_id: "skipped", anchor_of(3).tile_id: "failed"}
    assert len(store.existing()) == 5
    with pytest.raises(ConfigError, match="unknown status 'lost'"):
        store.tile_ids("lost")


def test_a_version_is_a_view_of_the_past(uri: str) -> None:
    past = open_store(uri, version=1)
    assert past.tile_ids() == [anchor_of(n).tile_id for n in (0, 2)]
    assert past.query("SELECT count(*) AS n FROM tiles").to_pylist() == [{"n": 4}]
    assert past.to_xarray().sizes["tile"] == 2
    assert open_store(uri, version=0).to_xarray().sizes["tile"] == 0
    with pytest.raises(ConfigError, match="no tile"):
        past.raw(anchor_of(4).tile_id)
    for version in (3, -1):
        with pytest.raises(StoreError, match=rf"no version {version}: expected 0\.\.2"):
            open_store(uri, version=version)


def test_an_expired_version_says_so(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    commit(uri, records_to_table([failure_of(0)]), ())
    put_group(uri, 0, [0])
    for file in (Path(uri) / "tables" / "tiles").glob("*.parquet"):
        file.unlink()
    with pytest.raises(StoreError, match=r"cannot read tiles at version 1 \(expired and cleaned up\?\)"):
        open_store(uri, version=1).tile_ids("failed")


def test_status_counts_every_anchor_in_every_row(uri: str) -> None:
    status = open_store(uri).status()
    assert (status["anchors"], status["tiles"], status["skipped"], status["failed"]) == (5, 3, 1, 1)
    assert set(status["outcomes"]) == set(MODALITIES)
    assert all(sum(kinds.values()) == 5 for kinds in status["outcomes"].values())
    assert status["outcomes"]["elevation"] == {"ok": 3, "cloudy": 1, "source_error": 1}
    assert status["outcomes"]["naip"] == {"not_requested": 3, "cloudy": 1, "source_error": 1}
    assert (status["requests"], status["retries"], status["bytes"], status["catalog_version"]) == (10, 3, 1000, 2)
    json.dumps(status)


def test_status_of_an_empty_store(tmp_path: Path) -> None:
    status = open_store(new_store(tmp_path)).status()
    assert (status["anchors"], status["requests"], status["catalog_version"]) == (0, 0, 0)


def test_sql_joins_side_tables(uri: str) -> None:
    ids = open_store(uri).tile_ids()
    append_side_table(uri, "captions", pa.table({"tile_id": ids[:2], "producer": ["a", "a"], "text": ["x", "y"]}))
    append_side_table(uri, "captions", pa.table({"tile_id": ids[2:], "producer": ["a"], "text": ["z"]}))
    found = open_store(uri).query(
        "SELECT t.row, c.text FROM tiles t JOIN captions c ON t.tile_id = c.tile_id ORDER BY t.row"
    )
    assert found.to_pylist() == [{"row": 0, "text": "x"}, {"row": 2, "text": "y"}, {"row": 1024, "text": "z"}]
    with pytest.raises(StoreError, match="captions"):
        append_side_table(uri, "captions", pa.table({"tile_id": [1], "other": ["a"]}))
    append_side_table(uri, "captions", pa.table({"tile_id": ids[:1], "producer": ["b"], "text": ["w"], "score": [0.5]}))
    scores = open_store(uri).query("SELECT score FROM captions ORDER BY text").column("score").to_pylist()
    assert scores == [0.5, None, None, None], "a new column is null in the older rows"
    with pytest.raises(ConfigError, match=r"commit\(\) only"):
        append_side_table(uri, "tiles", pa.table({"tile_id": ids}))
    with pytest.raises(ConfigError, match="no table name"):
        append_side_table(uri, "../x", pa.table({"tile_id": ids}))


def test_wrong_sql_says_what_is_wrong(uri: str) -> None:
    store = open_store(uri)
    with pytest.raises(ConfigError, match="No field named nope"):
        store.query("SELECT nope FROM tiles")
    for sql in ("COPY tiles TO 'x.parquet'", "DELETE FROM tiles", "EXPLAIN ANALYZE SELECT 1"):
        with pytest.raises(ConfigError, match="only queries run here"):
            store.query(sql)
    assert store.query("-- why\n (SELECT 1 AS a)").to_pylist() == [{"a": 1}]


def test_a_tile_in_physical_units(uri: str) -> None:
    anchor = anchor_of(2)
    tile = open_store(uri).tile(anchor.tile_id)
    elevation = pixels(MODALITIES["elevation"], 2)
    assert tile["elevation"].dtype == np.float32
    assert np.array_equal(np.isnan(tile["elevation"]), elevation == -32768)
    assert np.nanmax(tile["elevation"]) == elevation.max()
    labels = tile["esa_worldcover"]
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, pixels(MODALITIES["esa_worldcover"], 2))
    assert labels.rio.nodata == 0
    assert tile.rio.crs.to_epsg() == anchor.epsg
    assert tile.attrs["tile_id"] == anchor.tile_id
    assert tile.attrs["datetime"] == "2021-05-09T05:30:00+00:00"
    assert tile["elevation"].attrs["outcome"] == "ok"
    assert tile["elevation"].attrs["scenes"] == ["COPERNICUS/S2_SR_HARMONIZED/S2"]
    assert tile["elevation"].attrs["datetimes"] == ["2021-05-09T05:30:00+00:00"]


def test_rows_may_be_chosen(uri: str) -> None:
    store = open_store(uri)
    tile_id = anchor_of(0).tile_id
    assert list(store.raw(tile_id, ("elevation",))) == ["elevation"]
    assert list(store.tile(tile_id, ("elevation",)).data_vars) == ["elevation"]
    assert list(store.to_xarray(modalities=("elevation",)).data_vars) == ["elevation"]
    with pytest.raises(ConfigError, match="has no naip: expected some of elevation"):
        store.raw(tile_id, ("naip",))


@pytest.mark.parametrize("number", [1, 3, 99])
def test_what_is_no_tile_says_so(uri: str, number: int) -> None:
    with pytest.raises(ConfigError, match=rf"no tile '{anchor_of(number).tile_id}'"):
        open_store(uri).tile(anchor_of(number).tile_id)


def test_a_lost_object_is_not_read_as_nodata(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put_group(uri, 0, [0])
    (Path(uri) / "elevation/c/0/0/0/0").unlink()
    with pytest.raises(StoreError, match=r"pixels of elevation.*the shard object is lost"):
        open_store(uri).tile(anchor_of(0).tile_id)


@pytest.mark.parametrize("chunks", [None, 1, 3])
def test_all_tiles_lazily(uri: str, chunks: int | None) -> None:
    store = open_store(uri)
    everything = store.to_xarray(chunks=chunks)
    assert everything.sizes["tile"] == 3
    assert everything["elevation"].chunks is not None
    assert list(everything["tile_id"].values) == store.tile_ids()
    np.testing.assert_allclose(everything["lon"], [anchor_of(n).lon for n in (0, 2, 4)])
    for i, tile_id in enumerate(store.tile_ids()):
        tile = store.tile(tile_id)
        for name in FEW:
            assert everything[name].dtype == tile[name].dtype
            np.testing.assert_array_equal(everything[name][i], tile[name])
    assert everything["elevation"].attrs["units"] == "m"


def test_chunks_of_nothing_are_refused(uri: str) -> None:
    with pytest.raises(ConfigError, match="at least one tile, got 0"):
        open_store(uri).to_xarray(chunks=0)


def test_a_store_crosses_processes_and_threads(uri: str) -> None:
    store = open_store(uri, 1)
    twin = pickle.loads(pickle.dumps(store))
    assert twin == store
    seen = []
    threads = [threading.Thread(target=lambda: seen.append(twin.raw(anchor_of(0).tile_id))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 4
    assert all(np.array_equal(tile["elevation"], pixels(MODALITIES["elevation"], 0)) for tile in seen)


def test_creating_again_changes_nothing_and_other_rows_are_refused(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put_group(uri, 0, [0])
    create_store(uri, modalities=tuple(reversed(FEW)), recipe=RECIPE)
    assert len(open_store(uri).tile_ids()) == 1
    with pytest.raises(ConfigError, match="exists with modalities elevation, canopy_height, esa_worldcover, asked for"):
        create_store(uri, modalities=("elevation",), recipe=RECIPE)
    with pytest.raises(ConfigError, match="exists with recipe 'test-recipe', asked for 'other'"):
        create_store(uri, modalities=FEW, recipe="other")


@pytest.mark.parametrize("names", [(), ("slope", "slope"), ("nope",)])
def test_a_store_needs_known_rows_once(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"none twice|unknown modality 'nope'"):
        create_store(str(tmp_path), modalities=names, recipe=RECIPE)


def test_a_creation_cut_short_is_done_again(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    (Path(uri) / "zarr.json").unlink()
    with pytest.raises(ConfigError, match="no tile store at"):
        open_store(uri)
    create_store(uri, modalities=FEW, recipe=RECIPE)
    assert open_store(uri).version == 0


def test_creators_at_once_make_one_store(tmp_path: Path) -> None:
    uri = str(tmp_path / "store")
    errors = []

    def work() -> None:
        try:
            create_store(uri, modalities=FEW, recipe=RECIPE)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert open_store(uri).status()["anchors"] == 0


def test_another_schema_version_names_both(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    root = Path(uri) / "zarr.json"
    root.write_text(root.read_text().replace('"schema_version": 1', '"schema_version": 7'))
    for call in (
        lambda: open_store(uri),
        lambda: create_store(uri, modalities=FEW, recipe=RECIPE),
        lambda: commit(uri, records_to_table([failure_of(0)]), ()),
    ):
        with pytest.raises(SchemaVersionError, match=r"schema version 7, this code reads and writes version 1"):
            call()


@pytest.mark.parametrize("content", [None, "{}", "no json", '{"zarr_format": 3, "attributes": {"recipe": "x"}}'])
def test_what_is_no_store_says_so(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "zarr.json").write_text(content)
    with pytest.raises(ConfigError, match=r"no tile store"):
        open_store(str(tmp_path))


def test_reservations_never_overlap(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    taken: list[range] = []

    def work(run: int) -> None:
        for size in (1, 3):
            first = reserve(uri, size, f"run-{run}")
            taken.append(range(first, first + size))

    threads = [threading.Thread(target=work, args=(run,)) for run in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    groups = sorted(group for span in taken for group in span)
    assert groups == list(range(16))


def test_a_reservation_starts_after_what_is_committed(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put_group(uri, 6, [0])
    assert reserve(uri, 2, "run") == 7
    assert reserve(uri, 1, "run") == 9
    with pytest.raises(ConfigError, match="at least one shard group, got 0"):
        reserve(uri, 0, "run")
    (Path(uri) / "runs" / "000000009.json").write_text("broken")
    with pytest.raises(StoreError, match="is no reservation"):
        reserve(uri, 1, "run")
