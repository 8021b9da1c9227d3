"""Limits and scripted faults."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

import ee
import numpy as np
import pytest
from googleapiclient.errors import HttpError

from geomeld_build.emulator.faults import Fault, FaultPlan
from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.worlds.memory import MemoryWorld, memory_image

UTM = "EPSG:32643"
TEN = (10.0, 0.0, 600_000.0, 0.0, -10.0, 1_400_000.0)


def status_of(exc: ee.EEException) -> int:
    assert isinstance(exc.__context__, HttpError)
    return int(exc.__context__.resp.status)


def test_pixel_limits(world: MemoryWorld, pixels: Any) -> None:
    image = ee.Image(1).toFloat()
    with pytest.raises(
        ee.EEException, match=r"Total request size \(64000000 bytes\) must be less than or equal to 50331648 bytes\."
    ):
        pixels(image, TEN, 4_000, 4_000)
    with pytest.raises(ee.EEException, match="must be less than or equal to 32768"):
        pixels(image, TEN, 32_769, 1)
    many = ee.Image.constant([1] * 1_025)
    with pytest.raises(ee.EEException, match="must be less than or equal to 1024"):
        pixels(many, TEN, 1, 1)


def test_collections_of_more_than_5000_elements_are_refused(world: MemoryWorld) -> None:
    assert len(ee.FeatureCollection(ee.List.sequence(1, 5_000).map(_feature)).getInfo()["features"]) == 5_000
    with pytest.raises(ee.EEException, match=r"Collection query aborted after accumulating over 5000 elements\."):
        ee.FeatureCollection(ee.List.sequence(1, 5_001).map(_feature)).getInfo()


def _feature(number: Any) -> ee.Feature:
    return ee.Feature(None, {"n": number})


def test_errors_match_on_endpoint_body_and_count(world: MemoryWorld, server: EmulatorServer) -> None:
    server.faults([Fault(status=503, endpoint="value:compute", contains="needle", count=2, skip=1)])
    needle = ee.String("a needle").length()
    assert needle.getInfo() == 8
    for _ in range(2):
        assert ee.Number(1).getInfo() == 1
        with pytest.raises(ee.EEException, match="currently unavailable") as caught:
            needle.getInfo()
        assert status_of(caught.value) == 503
    assert needle.getInfo() == 8
    assert server.stats()["faults"] == {"error": 2}


def test_retry_after_and_reason(world: MemoryWorld, server: EmulatorServer) -> None:
    server.faults(
        [{"status": 429, "message": "Slow down.", "retry_after": 2}, {"status": 403, "reason": "rateLimitExceeded"}]
    )
    with pytest.raises(ee.EEException, match=r"Slow down\.") as caught:
        ee.Number(1).getInfo()
    assert isinstance(caught.value.__context__, HttpError)
    assert caught.value.__context__.resp["retry-after"] == "2"
    with pytest.raises(ee.EEException) as caught:
        ee.Number(1).getInfo()
    assert isinstance(caught.value.__context__, HttpError)
    body = json.loads(caught.value.__context__.content)
    assert body["error"]["errors"][0]["reason"] == "rateLimitExceeded"


def test_the_client_retries_a_503(world: MemoryWorld, server: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    server.faults([Fault(status=503, count=2)])
    ee.data.setMaxRetries(3)
    try:
        assert ee.Number(7).getInfo() == 7
    finally:
        ee.data.setMaxRetries(0)
    assert server.stats()["by_status"] == {"503": 2, "200": 1}


@pytest.mark.parametrize("kind", ["reset", "truncate"])
def test_broken_connections(world: MemoryWorld, server: EmulatorServer, pixels: Any, kind: str) -> None:
    world.add(memory_image("a", {"b": (np.ones((50, 50), np.uint8), UTM, TEN)}))
    server.faults([Fault(kind=kind, endpoint="image:computePixels")])
    with pytest.raises(ConnectionError):
        pixels(ee.Image("a"), TEN, 50, 50)
    assert pixels(ee.Image("a"), TEN, 50, 50)["b"].sum() == 2_500
    assert server.stats()["faults"] == {kind: 1}


def test_delay(world: MemoryWorld, server: EmulatorServer) -> None:
    server.faults([Fault(kind="delay", latency_s=0.3)])
    start = time.monotonic()
    assert ee.Number(1).getInfo() == 1
    assert time.monotonic() - start >= 0.3


def test_faults_over_http(world: MemoryWorld, server: EmulatorServer) -> None:
    def post(body: Any) -> Any:
        data = json.dumps(body).encode()
        with urllib.request.urlopen(f"{server.url}/_emulator/faults", data=data) as answer:
            return json.loads(answer.read())

    assert post([{"status": 500, "message": "Injected."}]) == {"faults": 1}
    with pytest.raises(ee.EEException, match=r"Injected\."):
        ee.Number(1).getInfo()
    with pytest.raises(urllib.error.HTTPError) as caught:
        post([{"colour": "red"}])
    assert caught.value.code == 400
    assert "colour" in caught.value.read().decode()
    caught.value.close()


def test_fault_plan_uses_the_first_match() -> None:
    plan = FaultPlan([Fault(message="first", count=1), Fault(message="second", count=None)])
    found = [plan.take("value:compute", "/v1/x", b"") for _ in range(3)]
    assert [fault.message for fault in found if fault] == ["first", "second", "second"]
    with pytest.raises(ValueError, match="kind"):
        Fault(kind="explode")


def test_reset_forgets_faults(world: MemoryWorld, server: EmulatorServer) -> None:
    server.faults([Fault(count=None)])
    server.reset()
    assert ee.Number(1).getInfo() == 1
