"""What gc deletes, and what it leaves alone."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xarray as xr

from geomeld_build.cli import main
from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.store import append_run, open_store, records_to_table, reserve, write_group
from geomeld_build.store.compact import compact
from geomeld_build.store.gc import collect_garbage
from geomeld_build.store.gc_tables import commits
from geomeld_build.store.leases import hold_version, live_leases
from geomeld_build.store.objects import open_objects
from geomeld_build.store.records import RunRecord
from geomeld_build.store.swap import SwapResult, swap
from geomeld_build.store.verify import verify_store
from tests.unit.store.making import DAY, FEW, anchor_of, failure_of, new_store, put_group, record_of, tile_of

NOW: Mapping[str, Any] = {"retention": timedelta(0), "reservations": timedelta(0)}


def move(uri: str, numbers: list[int], shard: int) -> SwapResult:
    """Swap tiles into a new shard group, with the pixels they have."""
    places = {row["tile_id"]: row["row"] for row in open_store(uri).query("SELECT tile_id, row FROM tiles").to_pylist()}
    objects = write_group(uri, shard, [tile_of(number) for number in numbers], FEW)
    rows = records_to_table([record_of(number, shard, slot) for slot, number in enumerate(numbers)])
    return swap(uri, rows, objects, {anchor_of(n).tile_id: places[anchor_of(n).tile_id] for n in numbers})


def pixels_of(uri: str, version: int | None = None) -> dict[str, dict[str, np.ndarray]]:
    store = open_store(uri, version)
    return {tile_id: store.raw(tile_id) for tile_id in store.tile_ids()}


def assert_pixels(uri: str, numbers: list[int], version: int | None = None) -> None:
    found = pixels_of(uri, version)
    assert found.keys() == {anchor_of(number).tile_id for number in numbers}
    for number in numbers:
        for name, array in tile_of(number).items():
            np.testing.assert_array_equal(found[anchor_of(number).tile_id][name], array)


def shards(uri: str) -> set[str]:
    return {f"{path.parents[4].name}/{path.parents[2].name}" for path in Path(uri).glob("*/c/*/0/0/0")}


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """Versions 1 and 2 are appends; version 3 swaps the tiles of shard 0 to shard 2."""
    uri = new_store(tmp_path)
    put_group(uri, 0, [0, 1])
    put_group(uri, 1, [2])
    assert move(uri, [0, 1], 2) == SwapResult(3, 2, 0)
    return uri


def test_a_swap_is_one_version_and_leaves_older_ones_alone(uri: str) -> None:
    assert_pixels(uri, [0, 1, 2])
    assert_pixels(uri, [0, 1, 2], 2)
    assert [open_store(uri, version).record(anchor_of(0).tile_id)["shard"] for version in (2, 3)] == [0, 2]
    assert verify_store(uri).clean


def test_a_swap_of_a_tile_that_moved_meanwhile_is_left_out(uri: str) -> None:
    objects = write_group(uri, 5, [tile_of(0), tile_of(2)], FEW)
    rows = records_to_table([record_of(0, 5, 0), record_of(2, 5, 1)])
    places = {anchor_of(0).tile_id: 0, anchor_of(2).tile_id: 256}
    assert swap(uri, rows, objects, places) == SwapResult(4, 1, 1)
    assert_pixels(uri, [0, 1, 2])
    # Once more changes nothing: both lie elsewhere by now.
    assert swap(uri, rows, objects, places) == SwapResult(4, 0, 2)


def test_nothing_young_is_deleted(uri: str) -> None:
    before = shards(uri)
    report = collect_garbage(uri)
    assert (report.objects, report.table_files, report.expired, report.version) == (0, 0, (), 3)
    assert shards(uri) == before
    for version in (1, 2, 3):
        assert open_store(uri, version).tile_ids()


def test_a_dry_run_changes_nothing(uri: str) -> None:
    files = {path: path.stat().st_mtime_ns for path in Path(uri).rglob("*") if path.is_file()}
    report = collect_garbage(uri, dry_run=True, compaction=True, **NOW)
    assert (report.objects, report.table_files, report.expired) == (3, 1, (0, 1, 2))
    assert {path: path.stat().st_mtime_ns for path in Path(uri).rglob("*") if path.is_file()} == files


def test_what_no_retained_version_needs_is_deleted(uri: str) -> None:
    old = open_store(uri, 2)
    size = sum((Path(uri) / f"{name}/c/0/0/0/0").stat().st_size for name in FEW)
    report = collect_garbage(uri, **NOW)
    assert (report.objects, report.bytes, report.expired) == (3, size, (0, 1, 2))
    assert report.table_files == 1
    assert shards(uri) == {f"{name}/{shard}" for name in FEW for shard in (1, 2)}
    assert not (Path(uri) / "elevation/c/0").exists()
    assert_pixels(uri, [0, 1, 2])
    assert verify_store(uri).clean
    with pytest.raises(StoreError, match=r"version 2 of .* has expired: gc has cleaned it up; open the newest"):
        open_store(uri, 2)
    with pytest.raises(StoreError, match="expired and cleaned up"):
        old.tile_ids()
    with xr.open_zarr(uri, consolidated=False) as dataset:
        assert dataset.sizes["tile"] == 3 * 256
    # Cleaning was two versions of the log; the next one finds nothing.
    again = collect_garbage(uri, **NOW)
    assert (again.objects, again.table_files) == (0, 0)


def test_orphans_go_when_their_reservation_is_old(uri: str) -> None:
    shard = reserve(uri, 2, "killed")
    write_group(uri, shard + 1, [tile_of(7)], FEW)
    (Path(uri) / "slope").mkdir()
    assert collect_garbage(uri).objects == 0
    report = collect_garbage(uri, reservations=timedelta(0))
    assert report.objects == 3
    assert f"elevation/{shard + 1}" not in shards(uri)
    # The number is not dealt again.
    assert reserve(uri, 1, "next") == shard + 2


def test_what_killed_writers_left_half_written_goes_after_a_day(uri: str) -> None:
    young, old = Path(uri) / "elevation/c/1/0/0/.tmp-young", Path(uri) / "runs/.tmp-old"
    for path in (young, old):
        path.write_bytes(b"half")
    yesterday = time.time() - 25 * 3600
    os.utime(old, (yesterday, yesterday))
    assert collect_garbage(uri, dry_run=True).leftovers == 1
    assert collect_garbage(uri).leftovers == 1
    assert young.exists()
    assert not old.exists()


def test_a_held_version_stays_whole_through_everything(uri: str) -> None:
    with hold_version(uri, 2) as lease:
        reader = open_store(uri, 2)
        assert [held.version for held in live_leases(open_objects(uri))] == [2]
        move(uri, [2], 3)
        report = collect_garbage(uri, compaction=True, **NOW)
        assert report.held == (2,)
        assert 2 not in report.expired
        put_group(uri, 4, [5])
        collect_garbage(uri, **NOW)
        assert_pixels(uri, [0, 1, 2], 2)
        assert len(reader.tile_ids()) == 3
        np.testing.assert_array_equal(reader.raw(anchor_of(2).tile_id)["elevation"], tile_of(2)["elevation"])
        with pytest.raises(StoreError, match=r"version 1 of .* has expired"):
            open_store(uri, 1)
    assert live_leases(open_objects(uri)) == []
    assert collect_garbage(uri, **NOW).objects == 6
    with pytest.raises(StoreError, match=r"version 2 of .* has expired"), hold_version(uri, 2):
        pass
    assert open_objects(uri).keys("runs/leases") == []
    assert lease.version == 2
    assert_pixels(uri, [0, 1, 2, 5])


def test_a_lease_is_renewed_and_runs_out_without_its_holder(uri: str) -> None:
    with hold_version(uri, 1, term=timedelta(seconds=1), owner="me"):
        (first,) = live_leases(open_objects(uri))
        time.sleep(0.8)
        (second,) = live_leases(open_objects(uri))
        assert second.expires > first.expires
        assert (second.owner, second.key) == ("me", first.key)
        assert live_leases(open_objects(uri), datetime.now(UTC) + timedelta(seconds=5)) == []
    with pytest.raises(ConfigError, match="at least one second"), hold_version(uri, 1, term=timedelta(0)):
        pass
    with pytest.raises(StoreError, match="has no version 99"), hold_version(uri, 99):
        pass


def test_a_lease_taken_while_gc_decides_is_seen(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from geomeld_build.store import gc

    taken = []
    note = gc.note_expired

    def noted(rim: Any, versions: Any) -> None:
        if not taken:
            # Just before the note is there: this reader passes its own look, so gc has to see it.
            rim.put(
                "runs/leases/x.json",
                json.dumps(
                    {"version": 2, "owner": "late", "expires": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
                ).encode(),
            )
            taken.append(1)
        note(rim, versions)

    monkeypatch.setattr(gc, "note_expired", noted)
    report = collect_garbage(uri, **NOW)
    assert report.held == (2,)
    assert_pixels(uri, [0, 1, 2], 2)


def test_a_run_that_starts_while_gc_looks_loses_nothing(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from geomeld_build.store import gc

    listing, referenced = gc._reserved_groups, gc.referenced_keys

    def reserved(rim: Any, since: datetime) -> Any:
        found = list(listing(rim, since))
        put_group(uri, reserve(uri, 1, "fast"), [20])
        write_group(uri, reserve(uri, 1, "slow"), [tile_of(21)], FEW)
        return found

    def keys(*args: Any) -> Any:
        write_group(uri, reserve(uri, 1, "slower"), [tile_of(22)], FEW)
        return referenced(*args)

    monkeypatch.setattr(gc, "_reserved_groups", reserved)
    monkeypatch.setattr(gc, "referenced_keys", keys)
    collect_garbage(uri, retention=timedelta(0))
    assert_pixels(uri, [0, 1, 2, 20])
    assert {f"elevation/{shard}" for shard in (3, 4, 5)} <= shards(uri)


def test_compaction_changes_files_and_not_rows(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    for number in range(6):
        put_group(uri, number, [number])
        append_run(uri, RunRecord("run-1", "shard", DAY, DAY, number))
    before = open_store(uri)
    rows = before.query("SELECT * FROM tiles ORDER BY tile_id")
    done = {item.table: item for item in compact(uri)}
    assert (done["tiles"].files_before, done["tiles"].files_after) == (6, 1)
    assert (done["runs"].files_before, done["runs"].files_after) == (6, 1)
    after = open_store(uri)
    assert after.version == before.version + 1
    assert after.query("SELECT * FROM tiles ORDER BY tile_id").equals(rows)
    assert open_store(uri, before.version).query("SELECT * FROM tiles ORDER BY tile_id").equals(rows)
    assert after.query("SELECT count(*) AS n FROM runs").column("n")[0].as_py() == 6
    assert [item.files_after - item.files_before for item in compact(uri)] == [0, 0]
    assert open_store(uri).version == after.version
    # Compaction keeps the rows, so gc reads one version instead of all.
    assert all(commit.only_adds for commit in commits(after._tiles))


def test_retried_failures_are_merges_and_keep_what_they_kept(tmp_path: Path) -> None:
    from geomeld_build.store import commit

    uri = new_store(tmp_path)
    put_group(uri, 0, [0])
    commit(uri, records_to_table([failure_of(1)]), ())
    objects = write_group(uri, 1, [tile_of(1)], FEW)
    commit(uri, records_to_table([record_of(1, 1, 0, run_id="run-2")]), objects)
    assert not commits(open_store(uri)._tiles)[-1].only_adds
    assert collect_garbage(uri, **NOW).objects == 0
    assert_pixels(uri, [0, 1])


def test_garbage_that_is_no_note_says_so(uri: str) -> None:
    (Path(uri) / "runs/000000099.json").write_text("{}")
    with pytest.raises(StoreError, match="is no reservation: 'created'; move the file away"):
        collect_garbage(uri)
    (Path(uri) / "runs/000000099.json").unlink()
    (Path(uri) / "runs/leases").mkdir()
    (Path(uri) / "runs/leases/a.json").write_text("{}")
    with pytest.raises(StoreError, match="is no lease: 'version'; move the file away"):
        collect_garbage(uri)
    (Path(uri) / "runs/leases/a.json").unlink()
    (Path(uri) / "runs/expired.json").write_text("[]")
    with pytest.raises(StoreError, match="is no note of expired versions"):
        collect_garbage(uri)
    with pytest.raises(ConfigError, match="expected times of at least 0"):
        collect_garbage(uri, retention=timedelta(days=-1))


def test_the_command(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gc", uri, "--dry-run", "--retention-days", "0", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["dry_run"], report["objects"]) == (True, 3)
    assert main(["gc", uri, "--retention-days", "0", "--compact"]) == 0
    said = capsys.readouterr().out
    assert "shard objects deleted" in said
    assert main(["status", uri, "--version", "1"]) == 2
    assert "has expired" in capsys.readouterr().err
    assert isinstance(open_store(uri).query("SELECT count(*) AS n FROM tiles"), pa.Table)
