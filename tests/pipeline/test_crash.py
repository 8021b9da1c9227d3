"""kill -9 of a build at any moment: what was committed stays, nothing half written shows, a rerun completes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.store import open_store

REGION = "75.0,30.2,75.4,30.5"


@pytest.fixture(scope="module")
def planet(serve: Callable) -> EmulatorServer:
    server: EmulatorServer = serve(PlanetWorld())
    return server


def _command(store: Path, url: str, limit: int) -> list[str]:
    code = "from geomeld_build.cli import main; main()"
    arguments = f"build --store {store} --region={REGION} --limit {limit} --url {url} --project local --workers 2"
    return [sys.executable, "-c", code, *arguments.split()]


def _finish(store: Path, url: str, limit: int) -> None:
    done = subprocess.run(_command(store, url, limit), capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr


def _kill_after(store: Path, url: str, limit: int, moment: Callable[[], bool]) -> None:
    process = subprocess.Popen(_command(store, url, limit), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while process.poll() is None and not moment() and time.monotonic() < deadline:
        time.sleep(0.01)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()


def _pixels(store: Path) -> dict[str, dict[str, np.ndarray]]:
    opened = open_store(str(store))
    return {tile_id: opened.raw(tile_id) for tile_id in opened.tile_ids()}


def _assert_equal(before: dict, after: dict) -> None:
    for tile_id, arrays in before.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, after[tile_id][name])


def test_a_killed_build_loses_nothing_that_was_committed(planet: EmulatorServer, tmp_path: Path) -> None:
    store = tmp_path / "store"
    _finish(store, planet.url, 3)
    before = _pixels(store)
    planet.reset()
    _kill_after(store, planet.url, 8, lambda: planet.stats()["by_endpoint"].get("image:computePixels", 0) >= 2)
    assert _pixels(store).keys() == before.keys()
    _finish(store, planet.url, 8)
    after = _pixels(store)
    _assert_equal(before, after)
    status = open_store(str(store)).status()
    assert all(sum(kinds.values()) == 8 for kinds in status["outcomes"].values())


@pytest.mark.soak
def test_many_kills_at_random_moments(planet: EmulatorServer, tmp_path: Path) -> None:
    store, whole = tmp_path / "store", tmp_path / "whole"
    generator = np.random.default_rng(7)
    seen: dict = {}
    for number in range(12):
        until = time.monotonic() + float(generator.uniform(1.0, 12.0))
        _kill_after(store, planet.url, 4 + 2 * number, lambda until=until: time.monotonic() > until)
        if (store / "zarr.json").exists() and (store / "tables" / "tiles" / "_delta_log").exists():
            now = _pixels(store)
            _assert_equal(seen, now)
            seen = now
    _finish(store, planet.url, 30)
    _finish(whole, planet.url, 30)
    _assert_equal(_pixels(whole), _pixels(store))
    assert _pixels(whole).keys() == _pixels(store).keys()


@pytest.mark.soak
def test_500_anchors_cost_about_one_request_each(planet: EmulatorServer, tmp_path: Path) -> None:
    planet.reset()
    _finish(tmp_path / "store", planet.url, 500)
    store = open_store(str(tmp_path / "store"))
    runs = store.query("SELECT sum(search_requests + setup_requests) AS overhead FROM runs")
    status = store.status()
    refused = store.query("SELECT sum(retries_cloud) AS n FROM runs").column("n")[0].as_py()
    read = status["tiles"] + status["outcomes"]["sentinel2"].get("cloudy", 0)
    ratio = (runs.column("overhead")[0].as_py() + read) / read
    print(f"500 anchors: {status['tiles']} tiles, {ratio:.4f} requests a tile, {refused} more for cloud")
    assert ratio <= 1.05
    assert planet.stats()["requests"] == status["requests"]
