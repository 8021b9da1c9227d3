"""The client: what it sends, how it waits, when it gives up, and that it asks nothing twice."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from geomeld_build.captions.vision import client as clients
from geomeld_build.captions.vision.client import VisionClient
from geomeld_build.captions.vision.image import TileImages
from geomeld_build.captions.vision.request import request_body, request_sha, seed_of
from geomeld_build.captions.vision.settings import KEY_VARIABLE, VisionSettings
from geomeld_build.errors import ConfigError
from tests.support.vision_pictures import BLACK
from tests.support.vision_stub import MODEL, Stub, running_stub

TEXT = 'Look.\n\nMeasured:\n{"land_cover_percent": {"tree": 80, "water": 20}}'


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running_stub(Stub({}, idle_rate=0.0)) as running:
        yield running


def settings(stub: Stub, **values: Any) -> VisionSettings:
    return VisionSettings(**({"url": stub.url, "model": MODEL, "timeout_s": 5.0} | values))


def body(stub: Stub, count: int = 1, **values: Any) -> dict[str, Any]:
    return request_body(settings(stub, **values), BLACK, TEXT, count=count, seed=seed_of("tile", 0))


def test_a_request_is_what_servers_expect(stub: Stub) -> None:
    images = TileImages(BLACK.main, 10.0, "sentinel2", false_colour=BLACK.main)
    sent = request_body(settings(stub), images, TEXT, count=3, seed=7)
    assert VisionClient(settings(stub)).ask(sent, "tile").answer is not None
    (received,) = stub.bodies
    assert received == sent
    assert [part["type"] for part in received["messages"][1]["content"]] == ["image_url", "image_url", "text"]
    assert (received["n"], received["seed"], received["temperature"], received["top_p"]) == (3, 7, 0.7, 0.9)
    assert received["max_tokens"] == 120


def test_names_of_requests_tell_them_apart(stub: Stub) -> None:
    one = body(stub)
    assert request_sha(one) == request_sha(json.loads(json.dumps(one)))
    assert request_sha(one) == request_sha(body(stub, url="http://elsewhere:1/v1", timeout_s=1.0))
    others = [body(stub, count=2), body(stub, temperature=0.1), body(stub, model="other"), one | {"seed": 8}]
    assert len({request_sha(other) for other in [one, *others]}) == 5


def test_seeds_belong_to_tiles() -> None:
    seeds = {seed_of(f"tile-{number}", 0, attempt) for number in range(500) for attempt in range(2)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seed_of("tile-1", 0) != seed_of("tile-1", 1)


def test_nothing_is_asked_twice(stub: Stub, tmp_path: Path) -> None:
    first = VisionClient(settings(stub, cache=str(tmp_path))).ask(body(stub), "tile")
    again = VisionClient(settings(stub, cache=str(tmp_path))).ask(body(stub), "tile")
    assert first.answer == again.answer
    assert (stub.seen["requests"], again.account.from_cache) == (1, 1)
    offline = VisionClient(settings(stub, cache=str(tmp_path), offline=True, url="http://127.0.0.1:9/v1"))
    assert offline.ask(body(stub), "tile").answer == first.answer
    missing = offline.ask(body(stub, count=2), "tile")
    assert missing.failure is not None
    assert "not among the kept answers" in missing.failure.reason


def test_a_broken_answer_is_not_kept(stub: Stub, tmp_path: Path) -> None:
    stub.faults = {"garbled": 1.0}
    reply = VisionClient(settings(stub, cache=str(tmp_path), tries=1)).ask(body(stub), "tile")
    assert reply.failure is not None
    assert list(tmp_path.rglob("*.json")) == []


@pytest.mark.parametrize("fault", ["limited", "overloaded", "cut", "garbled", "slow"])
def test_what_may_pass_is_tried_again(stub: Stub, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first two requests fail."""
    pauses: list[float] = []
    monkeypatch.setattr(clients, "time", SimpleNamespace(sleep=pauses.append, monotonic=time.monotonic))
    stub.faults, stub.slow_s = {fault: 1.0}, 0.6
    real = stub.fault
    monkeypatch.setattr(Stub, "fault", lambda self, number: real(number) if number < 2 else None)
    reply = VisionClient(settings(stub, timeout_s=0.3)).ask(body(stub), "tile")
    assert reply.answer is not None
    assert reply.account.retries == 2
    if fault == "limited":
        assert pauses == [0.05, 0.05], "the server says how long"
    else:
        assert 0.25 <= pauses[0] <= 0.75
        assert 0.5 <= pauses[1] <= 1.5


def test_what_will_not_pass_is_not_tried_again(stub: Stub) -> None:
    stub.faults = {"refused": 1.0}
    reply = VisionClient(settings(stub)).ask(body(stub), "tile")
    assert reply.failure is not None
    assert reply.failure.final
    assert "not to our liking" in reply.failure.reason
    assert (stub.seen["requests"], reply.account.failures) == (1, 1)


def test_a_server_that_is_down_costs_little(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(clients, "time", SimpleNamespace(sleep=pauses.append, monotonic=time.monotonic))
    client = VisionClient(settings(stub, url="http://127.0.0.1:9/v1"))
    reasons = [client.ask(body(stub), f"tile-{number}").failure for number in range(20)]
    assert all(reason is not None for reason in reasons)
    assert len(pauses) == 8 * 3, "after eight tiles it counts as down"
    assert reasons[-1] is not None
    assert reasons[-1].reason == "the server is down"


def test_the_key_is_sent_and_nowhere_written(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "the-secret")
    chosen = settings(stub)
    assert "the-secret" not in chosen.model_dump_json()
    assert VisionClient(chosen)._headers["Authorization"] == "Bearer the-secret"


def test_a_check_before_the_run(stub: Stub) -> None:
    assert VisionClient(settings(stub)).check() == [MODEL]
    with pytest.raises(ConfigError, match=r"no model 'other': it has stub-vl-1"):
        VisionClient(settings(stub, model="other")).check()
    with pytest.raises(ConfigError, match="start the server, or use --offline"):
        VisionClient(settings(stub, url="http://127.0.0.1:9/v1")).check()
