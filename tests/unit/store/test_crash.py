"""A process that is killed at any moment loses nothing that was committed and leaves nothing half visible."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from geomeld_build.modalities import MODALITIES
from geomeld_build.store import commit, open_store, records_to_table, reserve, write_group
from tests.unit.store.making import FEW, anchor_of, new_store, pixels, record_of, tile_of

_REPOSITORY = Path(__file__).parents[3]
_GROUP = 3


def build(uri: str, worker: int, groups: int) -> None:
    """Commit groups of tiles of this worker that are not there yet, and say a line for each commit that returned."""
    done = open_store(uri).existing("ok")
    numbers = [worker * 1000 + i for i in range(groups * _GROUP)]
    missing = [number for number in numbers if anchor_of(number).tile_id not in done]
    _say("ready")
    while missing:
        some, missing = missing[:_GROUP], missing[_GROUP:]
        shard = reserve(uri, 1, f"run-{worker}")
        objects = write_group(uri, shard, [tile_of(number) for number in some], FEW)
        commit(uri, records_to_table([record_of(number, shard, slot) for slot, number in enumerate(some)]), objects)
        _say(" ".join(anchor_of(number).tile_id for number in some))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _start(uri: str, worker: int, groups: int) -> subprocess.Popen[str]:
    code = f"from tests.unit.store.test_crash import build; build({uri!r}, {worker}, {groups})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=_REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _check(uri: str, acknowledged: set[str], workers: int) -> None:
    """Every acknowledged tile is there once, and every tile that is there is whole."""
    store = open_store(uri)
    ids = store.tile_ids()
    assert len(ids) == len(set(ids))
    assert acknowledged <= set(ids)
    numbers = {anchor_of(w * 1000 + i).tile_id: w * 1000 + i for w in range(workers) for i in range(400)}
    for tile_id in ids:
        for name, array in store.raw(tile_id).items():
            assert np.array_equal(array, pixels(MODALITIES[name], numbers[tile_id])), (tile_id, name)
    assert sum(store.status()["outcomes"]["elevation"].values()) == len(ids)
    assert store.to_xarray().sizes["tile"] == len(ids)


def _kill_at_random(uri: str, kills: int, seed: int) -> set[str]:
    acknowledged: set[str] = set()
    moments = random.Random(seed)
    for _ in range(kills):
        process = _start(uri, 0, groups=100)
        time.sleep(moments.uniform(0.0, 0.4))
        process.send_signal(signal.SIGKILL)
        out, _ = process.communicate(timeout=30)
        # The last line may be cut: only whole lines were surely said.
        acknowledged |= {name for line in out.splitlines(keepends=True) if line.endswith("\n") for name in line.split()}
        _check(uri, acknowledged, workers=1)
    return acknowledged


def test_killed_writers_lose_nothing(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    _kill_at_random(uri, kills=4, seed=1)
    before = len(open_store(uri).tile_ids())
    # Running again goes on from there.
    process = _start(uri, 0, groups=before // _GROUP + 1)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    _check(uri, set(out.split()), workers=1)
    with xr.open_zarr(uri, consolidated=False) as dataset:
        assert dataset.sizes["tile"] >= len(open_store(uri).tile_ids()) > before


@pytest.mark.soak
def test_many_killed_writers_lose_nothing(tmp_path: Path) -> None:
    assert _kill_at_random(new_store(tmp_path), kills=60, seed=2)


def test_processes_that_commit_at_once_lose_nothing(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    processes = [_start(uri, worker, groups=4) for worker in range(2)]
    acknowledged: set[str] = set()
    for process in processes:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        acknowledged |= set(out.split())
    assert len(acknowledged) == 2 * 4 * _GROUP
    _check(uri, acknowledged, workers=2)
    assert set(open_store(uri).tile_ids()) == acknowledged
    assert open_store(uri).version == 8


def test_objects_without_a_commit_are_seen_by_nobody(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    shard = reserve(uri, 1, "run-1")
    write_group(uri, shard, [tile_of(0)], FEW)
    assert open_store(uri).status()["anchors"] == 0
    assert open_store(uri).to_xarray().sizes["tile"] == 0
    # The next run starts behind the reservation, and so never meets those keys.
    assert reserve(uri, 1, "run-2") == shard + 1
