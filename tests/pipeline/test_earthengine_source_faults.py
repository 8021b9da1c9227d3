"""Faults of service and network: every one ends in the right answer or in one typed error, and is counted."""

from __future__ import annotations

import contextvars
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.settings import EmulatorSettings, QuotaSettings
from geomeld_build.errors import CredentialsError, QuotaExceeded, SkipKind, SourceError, TileSkipped
from geomeld_build.grid import PartPlan, Scene, TilePlan, Window, place_anchor
from geomeld_build.modalities import MODALITIES
from geomeld_build.sources import LocalLimiter, SceneQuery, open_source
from geomeld_build.sources.earthengine import EarthEngineSource
from geomeld_build.sources.earthengine_retry import Refused, RetryPolicy
from geomeld_build.sources.earthengine_transport import Timeouts
from tests.unit.sources.ee_world import DEM, NAIP, REFERENCE, TileWorld, put_s2, raster, the_anchor, the_world

QUICK = RetryPolicy(attempts=8, base_s=0.01, cap_s=0.05, budget_s=30)
PIXELS = "image:computePixels"
RING = tuple((float(x), float(y)) for x, y in the_anchor().polygon.exterior.coords)
STATICS = [SceneQuery(row, "main") for row in ("elevation", "slope", "esa_worldcover", "jrc_occurrence")]


@pytest.fixture(scope="module")
def world() -> TileWorld:
    made = the_world()
    put_s2(made, REFERENCE, 4.2)
    return made


@pytest.fixture(scope="module")
def served(world: TileWorld) -> Iterator[EmulatorServer]:
    with EmulatorServer(world) as server:
        yield server


@pytest.fixture
def server(served: EmulatorServer) -> Iterator[EmulatorServer]:
    served.reset()
    yield served
    served.reset()


def opened(server: EmulatorServer, **options: Any) -> EarthEngineSource:
    return open_source("earthengine", url=server.url, **{"policy": QUICK, **options})


def tile(source: EarthEngineSource) -> TilePlan:
    scenes = source.find([*STATICS, _reference()])
    reference = scenes[-1][0]
    parts = [PartPlan(q.row, q.part, tuple(found)) for q, found in zip(STATICS, scenes, strict=False)]
    parts += [PartPlan("sentinel2", "main", (reference,)), PartPlan("scl", "main", (reference,))]
    return TilePlan(the_anchor(), 0, reference, 15, tuple(parts))


def _reference() -> SceneQuery:
    return SceneQuery("sentinel2", "main", RING, Window.around(REFERENCE, 15), REFERENCE, 24, 10.0, True)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "message": "Too many concurrent requests.", "count": 3},
        {"status": 429, "message": "Quota exceeded.", "retry_after": 0.0},
        {"status": 403, "message": "Rate", "reason": "rateLimitExceeded", "count": 2},
        {"status": 503, "count": 2},
        {"status": 500, "message": "An internal error has occurred", "count": 2},
        {"status": 502, "count": 1},
        {"status": 400, "message": "Too many concurrent aggregations."},
        {"kind": "reset", "count": 2},
        {"kind": "truncate", "count": 2},
        {"kind": "delay", "latency_s": 0.2},
    ],
)
@pytest.mark.parametrize("endpoint", [PIXELS, "value:compute"])
def test_passing_faults_change_nothing_but_the_count(
    server: EmulatorServer, fault: dict[str, Any], endpoint: str
) -> None:
    with opened(server) as source:
        expected = source.read(tile(source), MODALITIES)
        before = source.counters()
        server.faults([{**fault, "endpoint": endpoint}])
        reading = source.read(tile(source), MODALITIES)
        spent = source.counters() - before
    assert all(np.array_equal(reading.arrays[name], array) for name, array in expected.arrays.items())
    repeats = 0 if fault.get("kind") == "delay" else fault.get("count", 1)
    assert (spent.search_requests, spent.pixel_requests, spent.retries_fault) == (1, 1, repeats)
    assert spent.requests == 2 + repeats


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ({"status": 429, "message": "Quota exceeded."}, QuotaExceeded, "Quota exceeded"),
        ({"status": 503}, SourceError, "try again later"),
        ({"kind": "reset"}, SourceError, "try again later"),
        ({"kind": "truncate"}, SourceError, "try again later"),
        ({"status": 403, "message": "Caller does not have permission"}, CredentialsError, "authenticate"),
        ({"status": 401, "message": "Invalid token"}, CredentialsError, "authenticate"),
        ({"status": 400, "message": "Image.select: no matching band"}, Refused, "no matching band"),
        ({"status": 501, "message": "Not implemented"}, Refused, "Not implemented"),
    ],
)
def test_lasting_faults_are_one_typed_error(
    server: EmulatorServer, fault: dict[str, Any], error: type[Exception], words: str
) -> None:
    with opened(server, policy=RetryPolicy(attempts=3, base_s=0.01, cap_s=0.01)) as source:
        plan = tile(source)
        server.faults([{**fault, "endpoint": PIXELS, "count": None}])
        with pytest.raises(error, match=words) as caught:
            source.read(plan, MODALITIES)
    assert type(caught.value) is error


@pytest.mark.parametrize("message", ["User memory limit exceeded.", "Computation timed out."])
def test_a_tile_too_big_for_one_request_is_read_in_pieces(server: EmulatorServer, message: str) -> None:
    with opened(server) as source:
        plan = tile(source)
        expected = source.read(plan, MODALITIES)
        server.faults([{"status": 400, "message": message, "endpoint": PIXELS, "count": 2}])
        before = source.counters()
        reading = source.read(plan, MODALITIES)
        spent = source.counters() - before
    assert all(np.array_equal(reading.arrays[name], array) for name, array in expected.arrays.items())
    assert (spent.pixel_requests, spent.retries_fault) == (1, 4)


def test_too_many_aggregations_make_the_batch_smaller(server: EmulatorServer) -> None:
    anchors = [place_anchor(20 + n, 30, REFERENCE, recipe="test") for n in range(3)]
    rings = [tuple((float(x), float(y)) for x, y in a.polygon.exterior.coords) for a in anchors]
    queries = [SceneQuery("sentinel2", "main", r, Window.around(REFERENCE, 5), REFERENCE) for r in (*rings, RING)]
    message = "Too many concurrent aggregations."
    server.faults([{"status": 400, "message": message, "count": 2, "endpoint": "value:compute"}])
    with opened(server) as source:
        assert [len(found) for found in source.find(queries)] == [0, 0, 0, 1]
        spent = source.counters()
    assert (spent.search_requests, spent.retries_fault) == (1, 3), "once more, then two halves"


def test_a_silent_service_is_given_up_in_time(server: EmulatorServer) -> None:
    with opened(server, timeouts=Timeouts(read_s=0.2)) as source:
        plan = tile(source)
        server.faults([{"kind": "delay", "latency_s": 0.6, "endpoint": PIXELS, "count": None}])
        with pytest.raises(SourceError, match="timeout"):
            source.read(plan, MODALITIES)
        assert source.counters().retries_fault == 2


def test_a_port_that_accepts_and_never_answers_is_named_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        began = time.monotonic()
        source = open_source("earthengine", url=url, timeouts=Timeouts(setup_read_s=0.5))
        with source, pytest.raises(SourceError, match=url):
            source.find(STATICS)
        assert time.monotonic() - began < 5


def test_a_storm_of_workers_stays_within_the_quota(world: TileWorld) -> None:
    settings = EmulatorSettings(quota=QuotaSettings(concurrent=3, per_second=None), threads=2)
    policy = RetryPolicy(attempts=40, base_s=0.02, cap_s=0.2, budget_s=60)
    limiter = LocalLimiter(rate=1000, burst=50, start=16, cooldown_s=0.05)
    with EmulatorServer(world, settings) as server, opened(server, policy=policy, limiter=limiter) as source:
        plan = tile(source)
        first = source.read(plan, MODALITIES).arrays["sentinel2"]
        with ThreadPoolExecutor(16) as pool:
            jobs = [pool.submit(source.read, plan, MODALITIES) for _ in range(48)]
            same = [np.array_equal(job.result().arrays["sentinel2"], first) for job in jobs]
        spent = source.counters()
        status = server.stats()
    assert all(same)
    assert spent.pixel_requests == 49
    assert spent.requests == 3 + 1 + 49 + spent.retries_fault
    assert status["requests"] == spent.requests
    assert limiter.in_flight == 0


def test_shares_of_tasks_add_up_to_the_total(server: EmulatorServer) -> None:
    with opened(server) as source:
        plan = tile(source)
        before = source.counters()

        def shard(tiles: int) -> tuple[int, int]:
            with source.tally() as share, ThreadPoolExecutor(4) as pool:
                contexts = [contextvars.copy_context() for _ in range(tiles)]
                for job in [pool.submit(c.run, source.read, plan, MODALITIES) for c in contexts]:
                    job.result()
            return share.snapshot().pixel_requests, share.snapshot().bytes_received

        with ThreadPoolExecutor(3) as pool:
            shares = list(pool.map(shard, (3, 5, 7)))
        spent = source.counters() - before
    assert [count for count, _ in shares] == [3, 5, 7]
    assert sum(size for _, size in shares) == spent.bytes_received


def test_naip_is_a_request_of_its_own_on_its_own_grid(world: TileWorld, server: EmulatorServer) -> None:
    place = the_anchor()
    left, top = place.left - 100.4, place.top + 100.2
    rgb = {b: raster(700 + n, "EPSG:32643", left, top, 1.0, 1500, "uint8", 1, 250) for n, b in enumerate("RGB")}
    when = {"system:time_start": round(REFERENCE.timestamp() * 1000)}
    outline = place.polygon.buffer(0.001)
    world.put(f"{NAIP}/n_rgb", rgb, outline, **when)
    near_infrared = raster(709, "EPSG:32643", left, top - 700, 1.0, 1500, "uint8", 1, 250)
    window = Window.around(REFERENCE, 15)
    with opened(server) as source:
        (alone,) = source.find([SceneQuery("naip", "main", RING, window, REFERENCE)])
        assert alone[0].missing_bands == ("N",)
        plan = TilePlan(place, 0, None, None, (PartPlan("naip", "main", tuple(alone)),))
        array = source.read(plan, MODALITIES).arrays["naip"]
        assert source.counters().companion_requests == 1
        assert array.shape == (4, 1280, 1280)
        assert (array[:3] > 0).all()
        assert (array[3] == 0).all()
        world.put(f"{NAIP}/m_four", {**{b: rgb[b] for b in "RGB"}, "N": near_infrared}, outline, **when)
        (both,) = source.find([SceneQuery("naip", "main", RING, window, REFERENCE)])
        plan = TilePlan(place, 0, None, None, (PartPlan("naip", "main", tuple(both)),))
        array = source.read(plan, MODALITIES).arrays["naip"]
    assert (array[3, :590] == 0).all()
    assert (array[3, 610:] > 0).all()


def test_a_recording_of_the_service_replays_without_it(server: EmulatorServer, tmp_path: Path) -> None:
    with opened(server, record=tmp_path, workload_tag="bug-1", project="mine") as source:
        plan = tile(source)
        expected = source.read(plan, MODALITIES)
        rows = source.table("RESOLVE/ECOREGIONS/2017", ["ECO_ID"]).num_rows
    assert server.stats()["by_workload_tag"]["bug-1"] >= 3
    served = server.stats()["requests"]
    with open_source("recorded", url=str(tmp_path)) as replay:
        assert tile(replay) == plan
        reading = replay.read(plan, MODALITIES)
        assert replay.table("RESOLVE/ECOREGIONS/2017", ["ECO_ID"]).num_rows == rows
    assert all(np.array_equal(reading.arrays[name], array) for name, array in expected.arrays.items())
    assert server.stats()["requests"] == served


def test_a_static_asset_of_another_version_is_a_typed_outcome(server: EmulatorServer) -> None:
    older = Scene(DEM, 7, DEM)
    plan = TilePlan(the_anchor(), 0, None, None, (PartPlan("elevation", "main", (older,)),))
    with opened(server) as source, pytest.raises(TileSkipped, match=DEM) as caught:
        source.read(plan, MODALITIES)
    assert caught.value.kind is SkipKind.ASSET_CHANGED
