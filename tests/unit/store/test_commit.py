"""The catalog alone says what exists, and commits may be repeated, raced and retried."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import deltalake
import pyarrow as pa
import pytest
import xarray as xr

from geomeld_build.errors import SkipKind, StoreError
from geomeld_build.store import commit, open_store, records_to_table, verify_group, write_group
from geomeld_build.store import commit as commit_function
from geomeld_build.store.layout import with_rows
from geomeld_build.store.schema import TILES_SCHEMA
from tests.unit.store.making import FEW, anchor_of, failure_of, new_store, put_group, record_of, tile_of


def test_a_commit_makes_tiles_visible_and_nothing_else_does(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    objects = write_group(uri, 0, [tile_of(0), tile_of(1)], FEW)
    assert open_store(uri).tile_ids() == []
    rows = records_to_table([record_of(0, 0, 0), record_of(1, 0, 1)])
    result = commit(uri, rows, objects)
    assert (result.version, result.added, result.replaced, result.duplicates) == (1, 2, 0, 0)
    assert open_store(uri).tile_ids() == [anchor_of(0).tile_id, anchor_of(1).tile_id]


def test_a_commit_done_again_changes_nothing(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    objects = write_group(uri, 0, [tile_of(0)], FEW)
    rows = records_to_table([record_of(0, 0, 0), failure_of(1), failure_of(2, "skipped", SkipKind.CLOUDY)])
    first = commit(uri, rows, objects)
    second = commit(uri, rows, objects)
    assert (second.version, second.added, second.replaced, second.duplicates) == (first.version, 0, 0, 3)
    assert open_store(uri).status()["anchors"] == 3


def test_the_first_commit_of_a_tile_wins(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put_group(uri, 0, [0, 1])
    result = put_group(uri, 1, [1, 2], run_id="run-2")
    assert (result.added, result.duplicates) == (1, 1)
    store = open_store(uri)
    assert [store.record(anchor_of(n).tile_id)["row"] for n in (0, 1, 2)] == [0, 1, 257]
    assert store.record(anchor_of(1).tile_id)["run_id"] == "run-1"


def test_a_failure_gives_way_in_one_commit(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    objects = write_group(uri, 0, [tile_of(0)], FEW)
    commit(uri, records_to_table([record_of(0, 0, 0), failure_of(1), failure_of(2)]), objects)
    before = open_store(uri)
    result = put_group(uri, 1, [1, 3], run_id="run-2")
    assert (result.version, result.added, result.replaced, result.duplicates) == (before.version + 1, 1, 1, 0)
    after = open_store(uri)
    assert after.existing() == {
        anchor_of(0).tile_id: "ok",
        anchor_of(1).tile_id: "ok",
        anchor_of(2).tile_id: "failed",
        anchor_of(3).tile_id: "ok",
    }
    record = after.record(anchor_of(1).tile_id)
    assert (record["kind"], record["row"], record["parts"][0]["row"]) == (None, 256, "elevation")
    # The reader that was open, and one that asks for that version, still see what was.
    assert before.existing("failed").keys() == {anchor_of(1).tile_id, anchor_of(2).tile_id}
    assert open_store(uri, before.version).existing() == before.existing()


@pytest.mark.parametrize(
    ("before", "after", "replaced"),
    [
        (failure_of(0), failure_of(0, run_id="run-2"), 1),
        (failure_of(0), failure_of(0, "skipped", SkipKind.CLOUDY), 1),
        (failure_of(0, "skipped", SkipKind.CLOUDY), failure_of(0, run_id="run-2"), 0),
        (failure_of(0, "skipped", SkipKind.CLOUDY), failure_of(0, "skipped", SkipKind.CLOUDY, run_id="run-2"), 0),
    ],
    ids=["a later failure", "a skip after a failure", "a failure after a skip", "a later skip"],
)
def test_what_gives_way_to_what(tmp_path: Path, before: object, after: object, replaced: int) -> None:
    uri = new_store(tmp_path)
    commit(uri, records_to_table([before]), ())  # type: ignore[list-item]
    result = commit(uri, records_to_table([after]), ())  # type: ignore[list-item]
    assert (result.replaced, result.duplicates) == (replaced, 1 - replaced)


def test_a_skip_gives_way_to_a_tile(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    commit(uri, records_to_table([failure_of(0, "skipped", SkipKind.CLOUDY)]), ())
    assert put_group(uri, 0, [0]).replaced == 1
    assert open_store(uri).existing() == {anchor_of(0).tile_id: "ok"}


def test_rows_know_their_objects(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    objects = write_group(uri, 0, [tile_of(0)], FEW)
    commit(uri, records_to_table([record_of(0, 0, 0), failure_of(1)]), objects)
    store = open_store(uri)
    listed = store.record(anchor_of(0).tile_id)["objects"]
    assert listed == [{"modality": o.modality, "key": o.key, "bytes": o.bytes, "crc32c": o.crc32c} for o in objects]
    assert store.query("SELECT objects FROM tiles WHERE status = 'failed'").column("objects").to_pylist() == [[]]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(("damage", "said"), [(_cut, "damaged"), (_flip, "damaged"), (Path.unlink, "not there")])
def test_a_damaged_object_is_not_committed(tmp_path: Path, damage: Callable[[Path], None], said: str) -> None:
    uri = new_store(tmp_path)
    objects = write_group(uri, 0, [tile_of(0)], FEW)
    verify_group(uri, objects)
    damage(Path(uri) / objects[1].key)
    with pytest.raises(StoreError, match=said):
        commit(uri, records_to_table([record_of(0, 0, 0)]), objects)
    assert open_store(uri).existing() == {}


def test_pixels_without_an_object_are_not_committed(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    objects = write_group(uri, 0, [tile_of(0)], FEW)
    with pytest.raises(StoreError, match="has pixels of elevation"):
        commit(uri, records_to_table([record_of(0, 0, 0)]), objects[1:])


def test_a_taken_place_is_refused(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    objects = write_group(uri, 0, [tile_of(0)], FEW)
    commit(uri, records_to_table([record_of(0, 0, 0)]), objects)
    with pytest.raises(StoreError, match=r"place 0 .* is taken by tile"):
        commit(uri, records_to_table([record_of(1, 0, 0)]), objects)


def test_two_tiles_in_one_place_or_one_tile_twice_are_refused(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    with pytest.raises(StoreError, match="two tiles in one place"):
        commit(uri, records_to_table([record_of(0, 0, 0), record_of(1, 0, 0)]), ())
    with pytest.raises(StoreError, match="a tile twice"):
        commit(uri, records_to_table([record_of(0, 0, 0), record_of(0, 0, 1)]), ())
    with pytest.raises(StoreError, match="make them with records_to_table"):
        commit(uri, pa.table({"tile_id": ["a"]}), ())


def test_arrays_grow_in_whole_groups_and_never_shrink(tmp_path: Path) -> None:
    uri = new_store(tmp_path)

    def lengths() -> set[int]:
        return {json.loads((Path(uri) / name / "zarr.json").read_text())["shape"][0] for name in FEW}

    put_group(uri, 2, [0])
    assert lengths() == {768}
    put_group(uri, 0, [1])
    assert lengths() == {768}


def test_arrays_of_a_killed_committer_are_evened_out(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put_group(uri, 0, [0])
    metadata = Path(uri) / "elevation" / "zarr.json"
    metadata.write_bytes(with_rows(metadata.read_bytes(), 1024))
    # Our own reader does not mind; stock xarray opens the store again after the next commit, whatever it adds.
    assert open_store(uri).to_xarray().sizes["tile"] == 1
    with pytest.raises(ValueError, match="conflicting sizes"):
        xr.open_zarr(uri, consolidated=False)
    commit(uri, records_to_table([failure_of(1)]), ())
    with xr.open_zarr(uri, consolidated=False) as dataset:
        assert dataset.sizes["tile"] == 1024


def test_a_commit_that_always_loses_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = new_store(tmp_path)
    objects = write_group(uri, 0, [tile_of(0)], FEW)
    module = __import__(commit_function.__module__, fromlist=["_ATTEMPTS"])
    monkeypatch.setattr(module, "_ATTEMPTS", 2)
    tries = []

    def lose(*args: object, **kwargs: object) -> None:
        tries.append(1)
        raise deltalake.exceptions.CommitFailedError("lost")

    monkeypatch.setattr(module, "_write", lose)
    with pytest.raises(StoreError, match="run the commit again"):
        commit(uri, records_to_table([record_of(0, 0, 0)]), objects)
    assert len(tries) == 2


def test_threads_that_commit_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    # Every thread commits a tile of its own and one that all of them want.
    uri = new_store(tmp_path, ("elevation",))
    commit(uri, records_to_table([failure_of(100)]), ())
    results, errors = [], []
    start = threading.Barrier(4)

    def work(shard: int) -> None:
        try:
            for step in range(3):
                group = shard * 3 + step
                objects = write_group(uri, group, [tile_of(group), tile_of(100)], ("elevation",))
                rows = [record_of(group, group, 0, ("elevation",)), record_of(100, group, 1, ("elevation",))]
                start.wait()
                results.append(commit(uri, records_to_table(rows), objects))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(shard,)) for shard in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sum(r.added for r in results) == 12
    assert sum(r.replaced for r in results) == 1
    assert sorted(r.version for r in results) == list(range(2, 14))
    store = open_store(uri)
    assert store.query("SELECT count(*) AS n, count(DISTINCT tile_id) AS d FROM tiles").to_pylist() == [
        {"n": 13, "d": 13}
    ]
    assert json.loads((Path(uri) / "elevation" / "zarr.json").read_text())["shape"][0] == 12 * 256


def test_deltalake_reads_the_table_alone(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put_group(uri, 0, [0, 1])
    table = deltalake.DeltaTable(f"{uri}/tables/tiles")
    found = pa.table(deltalake.QueryBuilder().register("t", table).execute("SELECT * FROM t").read_all())
    assert found.column_names == TILES_SCHEMA.names
    assert found.num_rows == 2


def test_results_are_values(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    result = commit(uri, records_to_table([failure_of(0)]), ())
    assert replace(result, added=5).added == 5
    assert commit(uri, records_to_table([]), ()).version == result.version
