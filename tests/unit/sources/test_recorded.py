"""Record and replay: the same questions get the same answers with no network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from geomeld_build.errors import ConfigError, SourceError
from geomeld_build.sources import SceneQuery, open_source
from geomeld_build.sources.recorded import RecordingSender, ReplaySender, request_key
from geomeld_build.sources.wire import Request
from tests.unit.sources.fake_service import FakeService, fake_source, ok, refusal


def _request(url: str, body: bytes) -> Request:
    return Request("POST", url, {"Authorization": "Bearer secret"}, body)


def test_the_key_ignores_host_project_tag_and_order() -> None:
    first = _request("http://a/v1/projects/p/value:compute?alt=json", b'{"expression": 1, "workloadTag": "x"}')
    second = _request("https://b/v1/projects/other-1/value:compute?alt=json", b'{"expression":1}')
    third = _request("https://b/v1/projects/other-1/value:compute?alt=json", b'{"expression":2}')
    assert request_key(first) == request_key(second)
    assert request_key(first) != request_key(third)


def test_passing_faults_and_tokens_are_not_stored(tmp_path: Path) -> None:
    url = "http://a/v1/projects/p/value:compute"
    sender = RecordingSender(FakeService([refusal(503, "no"), refusal(429, "no"), ok({"result": 1})]), tmp_path)
    for _ in range(3):
        sender.send(_request(url, b"{}"))
    (kept,) = tmp_path.glob("*.json")
    assert json.loads(kept.read_text())["status"] == 200
    assert not any(b"secret" in path.read_bytes() for path in tmp_path.iterdir())
    assert ReplaySender(tmp_path).send(_request(url.replace("/p/", "/q/"), b"{}")).body == b'{"result": 1}'


def test_a_source_replays_what_it_recorded(tmp_path: Path) -> None:
    scene = {"type": "Feature", "geometry": None, "properties": {"i": "GDEM", "v": 5, "m": []}}
    features = [{"type": "Feature", "geometry": None, "properties": {"q": 0, "g0": [scene]}}]
    answer = ok({"result": {"p0": {"type": "FeatureCollection", "features": features}}})
    query = SceneQuery("elevation", "main")
    live = fake_source(RecordingSender(FakeService([answer]), tmp_path), project="mine")
    (found,) = live.find([query])
    with open_source("recorded", url=str(tmp_path)) as source:
        assert source.name == "earthengine"
        assert list(source.find([query])[0]) == list(found)
        with pytest.raises(SourceError, match="holds no answer"):
            source.find([SceneQuery("esa_worldcover", "main")])


def test_a_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder of recorded answers"):
        open_source("recorded", url=str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="FOLDER"):
        open_source("recorded")
