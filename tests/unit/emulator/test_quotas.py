"""Quotas and latency: each test runs a server with settings of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ee
import numpy as np
import pytest
from googleapiclient.errors import HttpError

from geomeld_build.emulator.limits import delay_s
from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.settings import LatencySettings, LimitSettings, QuotaSettings
from geomeld_build.emulator.worlds.memory import MemoryWorld, memory_image

UTM = "EPSG:32643"
TEN = (10.0, 0.0, 600_000.0, 0.0, -10.0, 1_400_000.0)
Start = Callable[..., EmulatorServer]


def status_of(exc: ee.EEException) -> int:
    assert isinstance(exc.__context__, HttpError)
    return int(exc.__context__.resp.status)


def test_reading_too_much_exceeds_memory(own_server: Start, pixels: Any) -> None:
    server = own_server(limits=LimitSettings(native_pixels=1_000))
    server.use_world(MemoryWorld([memory_image("a", {"b": (np.ones((50, 50), np.uint8), UTM, TEN)})]))
    pixels(ee.Image("a"), TEN, 20, 20)
    with pytest.raises(ee.EEException, match=r"User memory limit exceeded\."):
        pixels(ee.Image("a"), TEN, 40, 40)


def test_concurrency_quota(own_server: Start) -> None:
    server = own_server(quota=QuotaSettings(concurrent=2, per_second=None), latency=LatencySettings(fixed_s=1.0))
    barrier = threading.Barrier(5)

    def ask(number: int) -> tuple[int, str]:
        barrier.wait()
        try:
            ee.Number(number).getInfo()
        except ee.EEException as exc:
            return status_of(exc), str(exc)
        return 200, ""

    with ThreadPoolExecutor(5) as pool:
        found = sorted(pool.map(ask, range(5)))
    assert [status for status, _ in found] == [200, 200, 429, 429, 429]
    assert all("Too many concurrent requests" in message for _, message in found[2:])
    assert server.stats()["peak_in_flight"] == 2
    assert server.stats()["in_flight"] == 0


def test_rate_quota(own_server: Start) -> None:
    own_server(quota=QuotaSettings(concurrent=None, per_second=5))
    for number in range(5):
        ee.Number(number).getInfo()
    with pytest.raises(ee.EEException, match="Quota exceeded for quota metric") as caught:
        ee.Number(9).getInfo()
    assert status_of(caught.value) == 429
    time.sleep(1.1)
    assert ee.Number(9).getInfo() == 9


def test_restricted_mode_warns(own_server: Start) -> None:
    own_server(quota=QuotaSettings(concurrent=None, per_second=None, restricted=True))
    with pytest.warns(UserWarning, match="restricted mode"):
        ee.Number(1).getInfo()


def test_jitter_depends_on_the_request_number_only() -> None:
    settings = LatencySettings(fixed_s=0.1, jitter_s=0.4, seed=3)
    delays = [delay_s(settings, number) for number in range(200)]
    assert delays == [delay_s(settings, number) for number in range(200)]
    assert min(delays) >= 0.1
    assert max(delays) < 0.5
    assert np.mean(delays) == pytest.approx(0.3, abs=0.03)
    assert delay_s(LatencySettings(fixed_s=0.2), 5) == 0.2
