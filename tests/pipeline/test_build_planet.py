"""The whole build over the simulated planet: accounts, reruns, replays, requests, failures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from deltalake import DeltaTable, QueryBuilder

from geomeld_build.anchors import parse_region, sample_anchors, write_anchors
from geomeld_build.build import BuildConfig, BuildSummary, DaskConfig, SourceConfig, build_tiles
from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.errors import ConfigError, SourceError
from geomeld_build.modalities import MODALITIES
from geomeld_build.store import Store, open_store

REGION = "75.0,30.2,75.4,30.5"
N = 12


@pytest.fixture(scope="session")
def planet(serve: Callable) -> EmulatorServer:
    server: EmulatorServer = serve(PlanetWorld())
    return server


def _config(store: Path, url: str, **changes: object) -> BuildConfig:
    base: dict = {"store": str(store), "region": REGION, "limit": N, "workers": 4}
    return BuildConfig(**{**base, "source": SourceConfig(url=url, project="local"), **changes})


@pytest.fixture(scope="module")
def built(planet: EmulatorServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, BuildSummary, dict]:
    planet.reset()
    config = _config(tmp_path_factory.mktemp("planet") / "store", planet.url)
    summary = build_tiles(config)
    return open_store(config.store), summary, planet.stats()


def test_anchors_times_modalities_is_the_sum_of_typed_outcomes(built) -> None:
    store, summary, _ = built
    assert summary.ok + summary.skipped + summary.failed == summary.anchors == N
    assert summary.ok >= N // 2
    status = store.status()
    assert set(status["outcomes"]) == set(MODALITIES)
    assert all(sum(kinds.values()) == N for kinds in status["outcomes"].values())


def test_status_has_its_keys(built) -> None:
    store, summary, _ = built
    status = store.status()
    assert {"tiles", "outcomes", "requests", "retries", "bytes", "catalog_version"} <= set(status)
    assert status["tiles"] == summary.ok
    assert status["requests"] == summary.counters.requests > 0


def test_the_emulator_counts_the_requests_that_we_count(built) -> None:
    _, summary, stats = built
    assert stats["requests"] == summary.counters.requests
    spent = summary.counters
    assert spent.pixel_requests == summary.ok + summary.retries_cloud + _refused(summary)
    assert (spent.setup_requests, spent.search_requests, spent.retries_fault) == (3, 2, 0)


def _refused(summary: BuildSummary) -> int:
    """Reads of anchors all of whose candidates failed: one more than their retries."""
    kinds = summary.outcomes["sentinel2"]
    return kinds.get("cloudy", 0) + kinds.get("too_much_nodata", 0)


def test_dynamic_layers_are_within_15_days(built) -> None:
    store, _, _ = built
    rows = store.query("SELECT sentinel1_offset_days, dynamic_world_offset_days FROM tiles WHERE status = 'ok'")
    for name in rows.column_names:
        values = rows.column(name).drop_null().to_numpy()
        assert (np.abs(values) <= 15).all()
    assert rows.column("sentinel1_offset_days").drop_null().to_numpy().size > 0


def test_running_again_asks_nothing_and_changes_nothing(built, planet: EmulatorServer) -> None:
    store, summary, _ = built
    planet.reset()
    again = build_tiles(_config(Path(store.uri), planet.url))
    assert planet.stats()["requests"] == 0
    assert (again.already, again.ok, again.catalog_version) == (N, 0, summary.catalog_version)


def test_a_replayed_plan_gives_equal_arrays(built, planet: EmulatorServer, tmp_path: Path) -> None:
    store, summary, _ = built
    replay = build_tiles(_config(tmp_path / "replay", planet.url, region=None, plan=Path(summary.plan_path)))
    assert (replay.ok, replay.counters.search_requests) == (summary.ok, 0)
    other = open_store(str(tmp_path / "replay"))
    for tile_id in store.tile_ids():
        first, second = store.raw(tile_id), other.raw(tile_id)
        assert first.keys() == second.keys()
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])


def test_a_replay_with_fewer_rows_neither_reads_nor_claims_the_others(
    built, planet: EmulatorServer, tmp_path: Path
) -> None:
    _, summary, _ = built
    plan = Path(summary.plan_path)
    build_tiles(_config(tmp_path / "few", planet.url, region=None, plan=plan, limit=2, modalities=("sentinel2", "scl")))
    status = open_store(str(tmp_path / "few")).status()
    assert set(status["outcomes"]["elevation"]) <= {"not_requested"}
    assert set(status["outcomes"]["sentinel1"]) <= {"not_requested"}
    assert sum(status["outcomes"]["elevation"].values()) == 2


def test_a_replay_where_nobody_answers_is_a_failure_of_the_service(built, tmp_path: Path) -> None:
    _, summary, _ = built
    plan = Path(summary.plan_path)
    config = _config(tmp_path / "none", "http://127.0.0.1:9", region=None, plan=plan, limit=2)
    with pytest.raises(SourceError, match=r"http://127\.0\.0\.1:9"):
        build_tiles(config)
    assert open_store(config.store).status()["failed"] == 2


def test_stock_xarray_gives_physical_units_and_nan(built) -> None:
    store, summary, _ = built
    dataset = xr.open_zarr(store.uri, consolidated=False)
    assert dataset["sentinel2"].attrs["units"] == "1"
    rows = store.query("SELECT row FROM tiles WHERE status = 'ok'").column("row").to_numpy()
    reflectance = dataset["sentinel2"].isel(tile=rows).compute()
    assert reflectance.dtype.kind == "f"
    assert 0.0 < float(reflectance.mean()) < 1.0
    radar = dataset["sentinel1"].isel(tile=rows).compute()
    assert bool(radar.isnull().any())
    assert -40.0 < float(radar.mean()) < 5.0


def test_stock_zarr_and_deltalake_read_the_store(built) -> None:
    store, summary, _ = built
    group = zarr.open_group(store.uri, mode="r")
    assert group["sentinel2"].shape[0] % 256 == 0
    table = DeltaTable(f"{store.uri}/tables/tiles")
    found = QueryBuilder().register("tiles", table).execute("SELECT count(*) AS n FROM tiles").read_all()
    assert found["n"][0].as_py() == N


def test_dask_workers_build_the_same_tiles(built, planet: EmulatorServer, tmp_path: Path) -> None:
    store, summary, _ = built
    config = _config(
        tmp_path / "dask",
        planet.url,
        region=None,
        plan=Path(summary.plan_path),
        dask=DaskConfig(mode="local", n_workers=1),
    )
    again = build_tiles(config)
    assert again.ok == summary.ok
    other = open_store(config.store)
    tile_id = store.tile_ids()[0]
    for name, array in store.raw(tile_id).items():
        np.testing.assert_array_equal(array, other.raw(tile_id)[name])


def test_faults_are_survived_and_counted(planet: EmulatorServer, tmp_path: Path) -> None:
    planet.reset()
    planet.faults(
        [
            {"endpoint": "image:computePixels", "status": 429, "message": "Too many concurrent requests.", "count": 3},
            {"endpoint": "image:computePixels", "status": 503, "message": "Service unavailable.", "count": 2},
        ]
    )
    summary = build_tiles(_config(tmp_path / "store", planet.url, limit=4))
    assert summary.failed == 0
    assert summary.counters.retries_fault == 5


def test_tiles_that_fail_at_the_source_are_tried_again_by_the_next_run(planet: EmulatorServer, tmp_path: Path) -> None:
    planet.reset()
    message = "Image.select: Band pattern 'B1' was applied to an Image with no bands."
    planet.faults([{"endpoint": "image:computePixels", "status": 400, "message": message, "count": 1}])
    config = _config(tmp_path / "store", planet.url, limit=4, workers=1)
    first = build_tiles(config)
    assert (first.failed, first.exit_code) == (1, 3)
    second = build_tiles(config)
    assert (second.failed, second.already, second.exit_code) == (0, 3, 0)
    assert second.ok + first.ok + first.skipped + second.skipped == 4


def test_several_anchors_of_a_file(planet: EmulatorServer, tmp_path: Path) -> None:
    anchors = sample_anchors(parse_region(REGION), 3, recipe="geomeld-1")
    write_anchors(tmp_path / "a.parquet", anchors)
    config = _config(tmp_path / "store", planet.url, region=None, limit=2, anchors=tmp_path / "a.parquet")
    assert build_tiles(config).anchors == 2


def test_a_plan_of_another_recipe_is_refused(built, planet: EmulatorServer, tmp_path: Path) -> None:
    _, summary, _ = built
    config = _config(tmp_path / "s", planet.url, region=None, plan=Path(summary.plan_path), recipe="other-rules")
    with pytest.raises(ConfigError, match="another recipe"):
        build_tiles(config)


def test_a_finished_plan_is_used_when_the_run_died_before_its_first_commit(
    planet: EmulatorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _config(tmp_path / "store", planet.url, limit=2)
    with monkeypatch.context() as patch:
        patch.setattr("geomeld_build.build.run.reserve", _die)
        with pytest.raises(KeyboardInterrupt):
            build_tiles(config)
    summary = build_tiles(config)
    assert (summary.counters.search_requests, summary.ok + summary.skipped) == (0, 2)


def _die(*_: object) -> int:
    raise KeyboardInterrupt
