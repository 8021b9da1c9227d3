"""Reserves over the simulated planet, from the command line: quotas in the store, also after kill -9 between rounds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from geomeld_build.anchors import parse_region, sample_anchors
from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.store import Store, open_store
from tests.support.frames import RECIPE, at, write_frame

REGION = "75.0,30.2,75.4,30.5"
TOO_EARLY = datetime(2016, 6, 15, tzinfo=UTC)
"""Before there were any scenes of level 2A."""
WANTED = {"crops": 4, "steppe": 3}


@pytest.fixture(scope="module")
def planet(serve: Callable) -> EmulatorServer:
    server: EmulatorServer = serve(PlanetWorld())
    return server


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven anchors, four of them too early; ten reserves a stratum, the first one of each too early."""
    cells = iter(sample_anchors(parse_region(REGION), 30, recipe=RECIPE))
    anchors = [replace(next(cells), stratum=name) for name, count in WANTED.items() for _ in range(count)]
    reserves = [replace(next(cells), stratum=name) for name in WANTED for _ in range(10)]
    early = {0, 1, 4, 5}
    anchors = [at(anchor, TOO_EARLY) if number in early else anchor for number, anchor in enumerate(anchors)]
    reserves = [at(reserve, TOO_EARLY) if number in {0, 10} else reserve for number, reserve in enumerate(reserves)]
    return write_frame(tmp_path_factory.mktemp("frame"), anchors, reserves)


def _command(store: Path, frame: Path, url: str) -> list[str]:
    code = "from geomeld_build.cli import main; main()"
    arguments = f"build --store {store} --anchors {frame} --url {url} --project local --workers 2 --recipe {RECIPE}"
    return [sys.executable, "-c", code, *arguments.split(), "--modalities", "sentinel2,scl", "--json"]


def _finish(store: Path, frame: Path, url: str) -> tuple[dict, str]:
    done = subprocess.run(_command(store, frame, url), capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def _catalog(store: Store) -> dict[str, tuple]:
    columns = "tile_id, status, kind, stratum, pool, anchor_datetime, datetime, mgrs_tile, cloud_fraction"
    rows = store.query(f"SELECT {columns} FROM tiles").to_pylist()
    return {row["tile_id"]: tuple(row.values()) for row in rows}


@pytest.fixture(scope="module")
def whole(planet: EmulatorServer, frame: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, dict, str]:
    folder = tmp_path_factory.mktemp("whole") / "store"
    summary, said = _finish(folder, frame, planet.url)
    return open_store(str(folder)), summary, said


def test_quotas_hold_in_the_store_and_are_told(whole: tuple[Store, dict, str]) -> None:
    store, summary, said = whole
    rows = _catalog(store).values()
    assert Counter(row[3] for row in rows if row[1] == "ok") == WANTED
    assert {row[2] for row in rows if row[5] == TOO_EARLY} == {"no_reference_scene"}
    for item in summary["quotas"]:
        assert (item["wanted"], item["built"], item["lacking"]) == (*[WANTED[item["stratum"]]] * 2, 0)
        assert item["reserves_used"] >= 2
    assert len(summary["reserve_plans"]) >= 2
    assert "reserves: " in said


def test_running_again_takes_nothing_more(whole, planet: EmulatorServer, frame: Path) -> None:
    store, summary, _ = whole
    before = _catalog(store)
    planet.reset()
    again, _ = _finish(Path(store.uri), frame, planet.url)
    assert planet.stats()["requests"] == 0
    assert _catalog(open_store(store.uri)) == before
    assert (again["quotas"], again["catalog_version"]) == (summary["quotas"], summary["catalog_version"])


def test_killed_between_rounds_the_next_run_ends_with_the_same_catalog(
    whole, planet: EmulatorServer, frame: Path, tmp_path: Path
) -> None:
    log = tmp_path / "store" / "tables" / "tiles" / "_delta_log"
    command = _command(tmp_path / "store", frame, planet.url)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    # Version 0 is the empty table, version 1 has the anchors.
    while process.poll() is None and len(list(log.glob("*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    summary, _ = _finish(tmp_path / "store", frame, planet.url)
    store, expected, _ = whole
    built = open_store(str(tmp_path / "store"))
    assert summary["quotas"] == expected["quotas"]
    assert _catalog(built) == _catalog(store)
    for tile_id in store.tile_ids():
        for name, array in store.raw(tile_id).items():
            np.testing.assert_array_equal(array, built.raw(tile_id)[name])


def test_the_table_for_people_names_strata_whose_reserves_are_used_up(
    planet: EmulatorServer, frame: Path, tmp_path: Path
) -> None:
    cells = sample_anchors(parse_region(REGION), 3, recipe=RECIPE)
    early = [at(replace(cell, stratum="tundra"), TOO_EARLY) for cell in cells]
    scarce = write_frame(tmp_path / "scarce", early[:2], early[2:])
    command = [word for word in _command(tmp_path / "store", scarce, planet.url) if word != "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 tiles are lacking in 1 strata, whose reserves are used up: tundra lacks 2 of 2." in done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "tundra" in line]
    assert line.split() == ["tundra", "2", "0", "0", "2", "0", "0"]
