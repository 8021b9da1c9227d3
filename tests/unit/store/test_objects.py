"""The rim: whole writes, create-only writes and atomic changes, on disk and in a bucket."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.store import append_run, commit, create_store, records_to_table, reserve, write_group
from geomeld_build.store.objects import ObjectExists, ObjectMissing, Objects, join_uri, open_objects
from geomeld_build.store.objects_bucket import BucketObjects
from geomeld_build.store.objects_local import LocalObjects
from tests.unit.store.making import FEW, failure_of, new_store, tile_of


@pytest.fixture(params=["folder", "bucket"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if request.param == "folder":
        return LocalObjects(tmp_path / "new" / "store")
    return BucketObjects("s3://bucket/store", MemoryStore())


def test_what_is_put_is_there(objects: Objects) -> None:
    objects.put("a/c/0/0/0/0", b"one")
    objects.put("a/c/0/0/0/0", b"three")
    objects.sync("a/c/0/0/0/0")
    assert objects.get("a/c/0/0/0/0") == b"three"
    assert objects.size("a/c/0/0/0/0") == 5


def test_lists_are_sorted_and_one_level_deep(objects: Objects) -> None:
    for key in ("runs/2.json", "runs/1.json", "runs/deep/3.json", "tables/b/x", "tables/a/x"):
        objects.put(key, b"")
    assert objects.keys("runs") == ["runs/1.json", "runs/2.json"]
    assert objects.folders("tables") == ["a", "b"]
    assert objects.keys("nowhere") == []
    assert objects.folders("nowhere") == []


def test_a_missing_object_says_so(objects: Objects) -> None:
    for ask in (objects.get, objects.size, objects.sync):
        with pytest.raises(ObjectMissing, match=r"no such object: .*nope"):
            ask("nope")
    with pytest.raises(ObjectMissing):
        objects.update(["nope"], lambda found: found)


def test_create_lets_one_of_many_win(objects: Objects) -> None:
    won = []

    def work(number: int) -> None:
        try:
            objects.create("runs/0.json", b"%d" % number)
        except ObjectExists:
            return
        won.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert objects.get("runs/0.json") == b"%d" % won[0]


def test_updates_at_once_lose_nothing(objects: Objects) -> None:
    for key in ("a/counter", "b/counter"):
        objects.put(key, b"0")

    def work() -> None:
        for _ in range(10):
            objects.update(["a/counter", "b/counter"], lambda found: [b"%d" % (int(max(found, key=int)) + 1)] * 2)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert objects.get("a/counter") == objects.get("b/counter")
    assert int(objects.get("a/counter")) >= 40


def test_a_folder_holds_nothing_but_its_objects(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    objects.put("a/b", b"x")
    objects.put("a/b", b"y")
    objects.create("a/c", b"x")
    with pytest.raises(ObjectExists):
        objects.create("a/c", b"y")
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"b", "c"}
    assert objects.get("a/c") == b"x"


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    uri = str(tmp_path / "file" / "store")
    with pytest.raises(StoreError, match=r"cannot write .*file/store.*: Not a directory; expected a folder"):
        create_store(uri, modalities=FEW, recipe="r")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        create_store(str(tmp_path / "store"), modalities=FEW, recipe="r")


def test_a_store_that_cannot_be_written_any_more_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = new_store(tmp_path)

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left on device; expected a folder that this user may write"):
        write_group(uri, 0, [tile_of(0)], FEW)
    with pytest.raises(StoreError, match="No space left"):
        reserve(uri, 1, "run")


def test_a_catalog_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    log = Path(uri) / "tables" / "tiles" / "_delta_log"
    # A folder in the place of the next log entry: no commit can take that name.
    (log / "00000000000000000001.json").mkdir()
    with pytest.raises(StoreError, match=r"cannot commit to"):
        commit(uri, records_to_table([failure_of(0)]), ())
    (Path(uri) / "tables" / "runs").write_text("in the way")
    with pytest.raises(StoreError, match="runs"):
        append_run(uri, _run())


def _run() -> object:
    from geomeld_build.store import RunRecord
    from tests.unit.store.making import DAY

    return RunRecord("run", "shard", DAY, DAY)


def test_uris(tmp_path: Path) -> None:
    assert join_uri(str(tmp_path), "tables/tiles") == str(tmp_path / "tables/tiles")
    assert join_uri(f"file://{tmp_path}", "x") == str(tmp_path / "x")
    assert join_uri("s3://bucket/store/", "x") == "s3://bucket/store/x"
    with pytest.raises(ConfigError, match=r"unknown scheme .*ftp.*expected a local path, file://, s3://"):
        open_objects("ftp://host/store")


def test_a_file_uri_is_the_folder(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    create_store(f"file://{uri}", modalities=FEW, recipe="test-recipe")
    assert reserve(f"file://{uri}", 1, "run") == 0
