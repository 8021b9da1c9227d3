"""Writers, swaps, compaction and cleaning at once, and disks that run full."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

import geomeld_build.store.objects_local as objects_local
from geomeld_build.errors import StoreError
from geomeld_build.store import commit, open_store, records_to_table, reserve, write_group
from geomeld_build.store.compact import compact
from geomeld_build.store.gc import collect_garbage
from geomeld_build.store.leases import hold_version
from geomeld_build.store.verify import verify_store
from tests.unit.store.making import FEW, anchor_of, new_store, put_group, record_of, tile_of
from tests.unit.store.test_gc import assert_pixels, move

_ROOT = Path(__file__).parents[3]


def write(uri: str, first: int, count: int) -> None:
    """A run: reserves and commits one group after the other, of tiles that other runs want as well."""
    for number in range(first, first + count):
        shard = reserve(uri, 1, f"run-{os.getpid()}")
        put_group(uri, shard, [number, 900 + number % 3])


def test_four_writers_at_once_and_every_row_once(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    # Two of them race for the very same tiles.
    starts = (0, 3, 6, 6)
    code = "from tests.unit.store.test_swap_races import write; write({!r}, {}, 3)"
    writers = [
        subprocess.Popen([sys.executable, "-c", code.format(uri, start)], cwd=_ROOT, stderr=subprocess.PIPE)
        for start in starts
    ]
    compact(uri)
    for writer in writers:
        _, said = writer.communicate(timeout=120)
        assert writer.returncode == 0, said
    assert_pixels(uri, [*range(9), 900, 901, 902])
    found = open_store(uri).query(
        "SELECT count(*) AS n, count(DISTINCT tile_id) AS ids, count(DISTINCT row) AS places FROM tiles"
    )
    assert found.to_pylist() == [{"n": 12, "ids": 12, "places": 12}]
    assert verify_store(uri).clean
    keys = [path.name for path in sorted((Path(uri) / "runs").glob("0*.json"))]
    assert len(keys) == 12, "every group was reserved once"


def _digest(uri: str, version: int) -> str:
    store = open_store(uri, version)
    digest = hashlib.sha256()
    for tile_id in store.tile_ids():
        digest.update(repr(store.record(tile_id)).encode())
        for array in store.raw(tile_id).values():
            digest.update(array.tobytes())
    return digest.hexdigest()


def test_a_pinned_reader_sees_the_same_bytes_whatever_goes_on(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put_group(uri, reserve(uri, 1, "run-1"), [0, 1])
    put_group(uri, reserve(uri, 1, "run-1"), [2])
    version = open_store(uri).version
    before = _digest(uri, version)
    opened = open_store(uri, version)
    seen, failed = set(), []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                seen.add(_digest(uri, version))
        except BaseException as error:
            failed.append(error)

    with hold_version(uri, version):
        reader = threading.Thread(target=read)
        reader.start()
        for turn in range(3):
            put_group(uri, reserve(uri, 1, "run-2"), [10 + turn])
            move(uri, [0, 1] if turn % 2 else [2], reserve(uri, 1, "run-3"))
            compact(uri)
            collect_garbage(uri, retention=timedelta(0), reservations=timedelta(0))
        stop.set()
        reader.join()
        assert not failed
        assert seen == {before}
        for number in (0, 1, 2):
            arrays = opened.raw(anchor_of(number).tile_id)
            for name, array in tile_of(number).items():
                np.testing.assert_array_equal(arrays[name], array)
    assert_pixels(uri, [0, 1, 2, 10, 11, 12])
    assert verify_store(uri).clean


@pytest.mark.parametrize("survives", [0, 1, 2, 4, 6])
def test_a_full_disk_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, survives: int) -> None:
    uri = new_store(tmp_path)
    put_group(uri, 0, [0, 1])
    writes = 0
    whole = objects_local._write_temporary

    def full(path: Path, data: bytes) -> Path:
        nonlocal writes
        writes += 1
        if writes > survives:
            path.with_name(".tmp-half").write_bytes(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return whole(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(objects_local, "_write_temporary", full)
        with pytest.raises(
            StoreError, match=r"cannot write .*: No space left on device; expected a folder .* with room"
        ):
            put_group(uri, reserve(uri, 1, "run-2"), [5])
    assert_pixels(uri, [0, 1])
    put_group(uri, reserve(uri, 1, "run-2"), [5])
    assert_pixels(uri, [0, 1, 5])
    assert verify_store(uri).clean


def write_limited(uri: str, limit: int) -> None:
    """Append under a limit on the size of any file, which the kernel enforces in the middle of a write."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    shard = reserve(uri, 1, "limited")
    if limit > 30_000:
        # So large that the pixels fit; the table's own file shall not.
        objects = write_group(uri, shard, [tile_of(5)], FEW)
        limit = 3_000
    else:
        objects = ()
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        if not objects:
            objects = write_group(uri, shard, [tile_of(5)], FEW)
        commit(uri, records_to_table([record_of(5, shard, 0)]), objects)
    except StoreError as error:
        sys.stdout.write(f"StoreError: {error}\n")
        return
    sys.stdout.write("no error\n")


@pytest.mark.parametrize("limit", [10_000, 40_000])
def test_a_file_that_may_not_grow_is_one_clear_error(tmp_path: Path, limit: int) -> None:
    uri = new_store(tmp_path)
    put_group(uri, 0, [0, 1])
    code = f"from tests.unit.store.test_swap_races import write_limited; write_limited({uri!r}, {limit})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("StoreError: cannot "), done.stdout + done.stderr
    assert "File too large" in done.stdout
    assert_pixels(uri, [0, 1])
    put_group(uri, reserve(uri, 1, "next"), [5])
    assert_pixels(uri, [0, 1, 5])
