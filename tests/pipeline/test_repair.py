"""Damage of every kind, mended from the source that the tiles came from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from geomeld_build.build import BuildConfig, SourceConfig, build_tiles
from geomeld_build.build.repair import repair_store
from geomeld_build.build.repair_tiles import pinned_plan
from geomeld_build.cli import main
from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.modalities import REFERENCE
from geomeld_build.store import open_store
from geomeld_build.store.verify import FindingKind, verify_store
from geomeld_build.tiles import read_plan

REGION = "75.0,30.2,75.4,30.5"
N = 4


@pytest.fixture(scope="module")
def planet(serve: Callable) -> EmulatorServer:
    server: EmulatorServer = serve(PlanetWorld())
    return server


@pytest.fixture(scope="module")
def whole(planet: EmulatorServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repair") / "store"
    summary = build_tiles(
        BuildConfig(store=str(folder), region=REGION, limit=N, workers=4, source=_source(planet)),
    )
    assert summary.ok >= 2
    return folder


@pytest.fixture
def store(whole: Path, planet: EmulatorServer, tmp_path: Path) -> Path:
    planet.reset()
    shutil.copytree(whole, tmp_path / "store")
    return tmp_path / "store"


def _source(planet: EmulatorServer) -> SourceConfig:
    return SourceConfig(url=planet.url, project="local")


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


def _pixels(store: Path, version: int | None = None) -> dict[str, dict[str, np.ndarray]]:
    opened = open_store(str(store), version)
    return {tile_id: opened.raw(tile_id) for tile_id in opened.tile_ids()}


def _assert_equal(before: dict, after: dict) -> None:
    assert before.keys() == after.keys()
    for tile_id, arrays in before.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, after[tile_id][name], f"{tile_id} {name}")


def test_the_plan_of_a_catalog_row_is_the_plan_that_made_it(whole: Path) -> None:
    (path,) = (whole / "runs").glob("plan-*.parquet")
    planned = {(plan.anchor.tile_id, plan.rank): plan for plan in read_plan(path)}
    opened = open_store(str(whole))
    several = 0
    for tile_id in opened.tile_ids():
        record = opened.record(tile_id)
        plan = planned[tile_id, record["candidate_rank"]]
        again = pinned_plan(record, opened.modalities, "earthengine")
        assert again.anchor == plan.anchor
        assert (again.tier_days, again.cross_zone) == (plan.tier_days, plan.cross_zone)
        parts = {(part.row, part.part): part for part in plan.parts}
        assert again.parts
        for part in again.parts:
            original = parts[part.row, part.part]
            pinned = [(scene.id, scene.version, scene.collection, scene.datetime) for scene in original.scenes]
            assert [(s.id, s.version, s.collection, s.datetime) for s in part.scenes] == pinned
            assert (part.composite, part.offset_days) == (original.composite, original.offset_days)
            several += len(part.scenes) > 1
    assert several, "no part of several scenes: the test shows less than it should"


_CHANGES = {"shard", "slot", "row", "objects", "run_id", "created", "code_version"}


def test_damaged_objects_are_read_again_and_nothing_else_is(store: Path, whole: Path, planet: EmulatorServer) -> None:
    before = open_store(str(store))
    reader = {tile_id: before.raw(tile_id, ["slope"]) for tile_id in before.tile_ids()}
    _flip(store / "sentinel2/c/0/0/0/0")
    (store / "elevation/c/0/0/0/0").unlink()
    path = store / "dynamic_world/c/0/0/0/0"
    path.write_bytes(path.read_bytes()[:1000])
    summary = repair_store(str(store), _source(planet), workers=4)
    tiles = before.status()["tiles"]
    assert (summary.findings, summary.tiles, summary.moved, summary.exit_code) == (3, tiles, tiles, 0)
    assert set(summary.outcomes) == {"sentinel2", "elevation", "dynamic_world"}
    assert planet.stats()["requests"] == summary.requests
    assert planet.stats()["by_endpoint"].get("image:computePixels") == tiles, "one request a tile for all damaged rows"
    _assert_equal(_pixels(whole), _pixels(store))
    after = open_store(str(store))
    figures = [opened.statistics().to_json() for opened in (after, open_store(str(whole)))]
    for figure in figures:
        del figure["tiles_read"], figure["catalog_version"]
    assert figures[0] == figures[1]
    for tile_id in before.tile_ids():
        old, new = open_store(str(whole)).record(tile_id), after.record(tile_id)
        differ = {key for key in old if old[key] != new[key]}
        assert differ <= _CHANGES, tile_id
        assert new["shard"] > old["shard"]
    assert verify_store(str(store)).clean
    assert after.version == before.version + 1, "one commit"
    # The reader that was open sees what it saw.
    for tile_id, arrays in reader.items():
        np.testing.assert_array_equal(before.raw(tile_id, ["slope"])["slope"], arrays["slope"])


def test_metadata_that_is_gone_or_too_short_is_mended_without_a_request(
    store: Path, whole: Path, planet: EmulatorServer
) -> None:
    (store / "elevation/zarr.json").unlink()
    document = json.loads((store / "slope/zarr.json").read_text())
    (store / "slope/zarr.json").write_text(json.dumps({**document, "shape": [0, *document["shape"][1:]]}))
    summary = repair_store(str(store), _source(planet))
    assert (summary.findings, summary.tiles, summary.requests, summary.exit_code) == (2, 0, 0, 0)
    assert verify_store(str(store)).clean
    _assert_equal(_pixels(whole), _pixels(store))


def test_a_sound_store_stays_as_it_is(store: Path, planet: EmulatorServer) -> None:
    version = open_store(str(store)).version
    summary = repair_store(str(store), _source(planet))
    assert (summary.findings, summary.catalog_version, summary.requests) == (0, version, 0)


def test_a_source_that_fails_leaves_the_damage_for_the_next_time(
    store: Path, whole: Path, planet: EmulatorServer
) -> None:
    _flip(store / "canopy_height/c/0/0/0/0")
    message = "Image.select: Band pattern 'B1' was applied to an Image with no bands."
    planet.faults([{"endpoint": "image:computePixels", "status": 400, "message": message, "count": 1}])
    first = repair_store(str(store), _source(planet), workers=1)
    assert (first.left, first.exit_code) == (1, 3)
    assert [finding.kind for finding in verify_store(str(store)).findings] == [FindingKind.WRONG_BYTES]
    planet.reset()
    second = repair_store(str(store), _source(planet), workers=1)
    assert (second.tiles, second.left, second.exit_code) == (1, 0, 0)
    assert verify_store(str(store)).clean
    _assert_equal(_pixels(whole), _pixels(store))


def _changed(planet: EmulatorServer, count: int) -> None:
    message = "Image.load: Image asset 'X/Y' version 3 not found."
    planet.faults([{"endpoint": "image:computePixels", "status": 400, "message": message, "count": count}])


def test_a_changed_asset_is_a_typed_outcome(store: Path, planet: EmulatorServer) -> None:
    _flip(store / "slope/c/0/0/0/0")
    tiles = open_store(str(store)).status()["tiles"]
    _changed(planet, 1)
    summary = repair_store(str(store), _source(planet), workers=1)
    assert summary.exit_code == 0
    kinds = summary.outcomes["slope"]
    assert kinds["asset_changed"] == 1
    assert (sum(kinds.values()), summary.moved) == (1, tiles), "one is broken; every tile of its object moves"
    opened = open_store(str(store))
    rows = opened.query("SELECT tile_id, slope_valid FROM tiles WHERE slope_outcome = 'asset_changed'").to_pylist()
    assert [row["slope_valid"] for row in rows] == [None]
    assert (opened.raw(rows[0]["tile_id"], ["slope"])["slope"] == -32768).all()
    assert verify_store(str(store)).clean


def test_a_changed_reference_ends_the_tile_and_the_next_build_makes_it(
    store: Path, whole: Path, planet: EmulatorServer
) -> None:
    _flip(store / REFERENCE / "c/0/0/0/0")
    tiles = open_store(str(store)).status()["tiles"]
    _changed(planet, 1)
    summary = repair_store(str(store), _source(planet), workers=1)
    assert (summary.ended, summary.moved) == (1, tiles - 1)
    status = open_store(str(store)).status()
    assert (status["tiles"], status["failed"]) == (tiles - 1, 1)
    assert verify_store(str(store)).clean
    planet.reset()
    again = build_tiles(BuildConfig(store=str(store), region=REGION, limit=N, workers=4, source=_source(planet)))
    assert (again.ok, again.failed) == (1, 0)
    _assert_equal(_pixels(whole), _pixels(store))


def test_the_commands(store: Path, planet: EmulatorServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(store)]) == 0
    capsys.readouterr()
    _flip(store / "scl/c/0/0/0/0")
    assert main(["verify", str(store), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["clean"] is False
    assert {finding["kind"] for finding in report["findings"]} == {"wrong_bytes"}
    assert main(["verify", str(store)]) == 1
    said = capsys.readouterr()
    assert "wrong_bytes: row scl, tiles at places 0.." in said.out
    assert f"next: geomeld-build repair {store}" in said.err
    assert main(["repair", str(store), "--url", planet.url, "--project", "local", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcomes"]["scl"]["ok"] >= 1
    assert main(["repair", str(store), "--url", planet.url, "--project", "local"]) == 0
    assert main(["verify", str(store)]) == 0
    assert main(["verify", str(store / "nowhere")]) == 2
