"""The store's core on moto's S3 server on loopback, through the same two libraries that talk to the real one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest

from geomeld_build.errors import StoreError
from geomeld_build.modalities import MODALITIES
from geomeld_build.store import commit, create_store, open_store, records_to_table, reserve, write_group
from geomeld_build.store.compact import compact
from geomeld_build.store.gc import collect_garbage
from geomeld_build.store.leases import hold_version
from geomeld_build.store.objects import ObjectExists, ObjectMissing, Objects, open_objects
from geomeld_build.store.verify import FindingKind, verify_store
from tests.unit.store.making import FEW, RECIPE, anchor_of, failure_of, pixels, put_group, record_of, tile_of
from tests.unit.store.test_gc import assert_pixels, move

boto3 = pytest.importorskip("boto3")
pytest.importorskip("moto.server")

_BUCKET = "tiles"


def _serve() -> tuple[subprocess.Popen[bytes], str]:
    """A server process of its own: the Delta engine holds the interpreter lock while it waits for an answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process, f"http://127.0.0.1:{port}"
        except OSError:
            time.sleep(0.1)
    process.kill()
    raise TimeoutError("moto's server did not start within a minute")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    process, address = _serve()
    settings = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": address,
        "AWS_ALLOW_HTTP": "true",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    boto3.client("s3").create_bucket(Bucket=_BUCKET)
    yield settings["AWS_ENDPOINT_URL"]
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    process.kill()
    process.wait()


@pytest.fixture
def uri(endpoint: str) -> str:
    uri = f"s3://{_BUCKET}/{uuid.uuid4().hex}"
    create_store(uri, modalities=FEW, recipe=RECIPE)
    return uri


@pytest.fixture
def rim(endpoint: str) -> Objects:
    return open_objects(f"s3://{_BUCKET}/{uuid.uuid4().hex}")


def _at_once(count: int, work: object) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_objects(rim: Objects) -> None:
    rim.put("a/c/0/0/0/0", b"one")
    rim.put("a/c/1/0/0/0", b"three")
    assert rim.get("a/c/0/0/0/0") == b"one"
    assert rim.size("a/c/1/0/0/0") == 5
    assert rim.folders("a/c") == ["0", "1"]
    rim.sync("a/c/0/0/0/0")
    rim.delete("a/c/0/0/0/0")
    rim.delete("a/c/0/0/0/0")
    with pytest.raises(ObjectMissing):
        rim.get("a/c/0/0/0/0")
    rim.put("runs/1.json", b"")
    assert rim.keys("runs") == ["runs/1.json"]


def test_create_lets_one_of_many_win(rim: Objects) -> None:
    won = []

    def work(number: int) -> None:
        try:
            rim.create("runs/0.json", b"%d" % number)
        except ObjectExists:
            return
        won.append(number)

    _at_once(8, work)
    assert len(won) == 1
    assert rim.get("runs/0.json") == b"%d" % won[0]


def test_updates_at_once_lose_nothing(rim: Objects) -> None:
    rim.put("a/counter", b"0")

    def work(number: int) -> None:
        for _ in range(5):
            rim.update(["a/counter"], lambda found: [b"%d" % (int(found[0]) + 1)])

    _at_once(3, work)
    assert int(rim.get("a/counter")) == 15


def test_runs_that_race_for_shard_ranges_get_ranges_of_their_own(uri: str) -> None:
    taken: list[int] = []

    def work(number: int) -> None:
        taken.extend(range(first := reserve(uri, 2, f"run-{number}"), first + 2))

    _at_once(4, work)
    assert sorted(taken) == list(range(8))


def test_a_store_in_a_bucket(uri: str) -> None:
    shard = reserve(uri, 1, "run-1")
    assert put_group(uri, shard, [0, 1]).added == 2
    assert put_group(uri, shard + 1, [2]).added == 1
    commit(uri, records_to_table([failure_of(3)]), ())
    objects = write_group(uri, shard + 2, [tile_of(3)], FEW)
    again = commit(uri, records_to_table([record_of(3, shard + 2, 0, run_id="run-2")]), objects)
    assert (again.added, again.replaced) == (0, 1)
    assert_pixels(uri, [0, 1, 2, 3])
    store = open_store(uri)
    dataset = store.to_xarray()
    assert dataset.sizes["tile"] == 4
    values = dataset["esa_worldcover"].isel(tile=2).values
    np.testing.assert_array_equal(values, pixels(MODALITIES["esa_worldcover"], 2))
    assert store.status()["tiles"] == 4
    assert open_store(uri, 1).tile_ids() == [anchor_of(0).tile_id, anchor_of(1).tile_id]


def test_committers_at_once_in_a_bucket(uri: str) -> None:
    def work(number: int) -> None:
        put_group(uri, reserve(uri, 1, f"run-{number}"), [number, 50])

    _at_once(4, work)
    assert_pixels(uri, [0, 1, 2, 3, 50])


def test_maintenance_in_a_bucket(uri: str) -> None:
    put_group(uri, reserve(uri, 1, "run-1"), [0, 1])
    put_group(uri, reserve(uri, 1, "run-1"), [2])
    move(uri, [0, 1], reserve(uri, 1, "run-2"))
    assert verify_store(uri).clean
    nothing = timedelta(0)
    with hold_version(uri, 2):
        report = collect_garbage(uri, retention=nothing, reservations=nothing, compaction=True)
        assert (report.held, report.objects) == ((2,), 0)
        assert_pixels(uri, [0, 1, 2], 2)
    assert collect_garbage(uri, retention=nothing, reservations=nothing).objects == 3
    with pytest.raises(StoreError, match="has expired"):
        open_store(uri, 2)
    assert_pixels(uri, [0, 1, 2])
    assert all(item.files_before == item.files_after for item in compact(uri))
    rim = open_objects(uri)
    data = bytearray(rim.get("elevation/c/1/0/0/0"))
    data[77] ^= 4
    rim.put("elevation/c/1/0/0/0", bytes(data))
    assert [finding.kind for finding in verify_store(uri).findings] == [FindingKind.WRONG_BYTES]
