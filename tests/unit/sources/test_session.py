"""Who is asked, as whom: endpoint, credentials, and one process-wide client."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import ee
import pytest

from geomeld_build.errors import ConfigError, CredentialsError, SourceError
from geomeld_build.sources import SceneQuery, open_source
from geomeld_build.sources.earthengine_session import DEFAULT_URL, Session, endpoint
from geomeld_build.sources.wire import Request
from tests.unit.sources.fake_service import FakeService, Reply, fake_source, fake_transport, ok, refusal


def test_the_real_service_needs_a_project() -> None:
    with pytest.raises(ConfigError, match="--project"):
        open_source("earthengine")
    assert endpoint(None, "my-project", None).url == DEFAULT_URL
    assert endpoint("http://127.0.0.1:9/", None, None).project == "local"


@pytest.mark.parametrize("url", ["127.0.0.1:80", "ftp://x", "http://"])
def test_a_malformed_url_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError, match="url"):
        open_source("earthengine", url=url, project="p")


def test_a_key_file_must_exist_and_hold_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        open_source("earthengine", project="p", credentials=tmp_path / "no.json")
    key = tmp_path / "key.json"
    key.write_text(json.dumps({"type": "service_account"}))
    source = open_source("earthengine", url="http://127.0.0.1:9", credentials=key)
    with source, pytest.raises(CredentialsError, match=r"key\.json"):
        source.find([SceneQuery("elevation", "main")])


def test_nobody_logged_in_says_which_command_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> None:
        raise ee.EEException("Please authorize access")

    monkeypatch.setattr(ee.data, "get_persistent_credentials", nobody)
    with open_source("earthengine", project="p") as source, pytest.raises(CredentialsError, match="authenticate"):
        source.find([SceneQuery("elevation", "main")])


@pytest.mark.parametrize("tag", ["Upper", "-x", "x-", "a" * 64, "a b"])
def test_workload_tags_are_checked(tag: str) -> None:
    with pytest.raises(ConfigError, match="workload_tag"):
        open_source("earthengine", project="p", workload_tag=tag)


def test_an_unknown_source_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="earthengine, recorded"):
        open_source("nowhere")


def test_an_address_that_does_not_answer_is_named() -> None:
    source = open_source("earthengine", url="http://127.0.0.1:9")
    with source, pytest.raises(SourceError, match=r"http://127\.0\.0\.1:9"):
        source.find([SceneQuery("elevation", "main")])


def test_a_server_of_another_kind_is_named() -> None:
    class Page(FakeService):
        def send(self, request: Request) -> Reply:  # type: ignore[override]
            return ok({"hello": "world"})

    with pytest.raises(SourceError, match="protocol"):
        fake_source(Page()).find([SceneQuery("elevation", "main")])


def test_initialisation_costs_three_requests_once() -> None:
    service = FakeService(lambda _: refusal(400, "no"))
    source = fake_source(service, tag="run-1")
    for _ in range(2):
        with pytest.raises(SourceError):
            source.find([SceneQuery("elevation", "main")])
    assert source.counters().setup_requests == 3
    assert service.body()["workloadTag"] == "run-1"


def test_sources_of_one_endpoint_share_the_client() -> None:
    service = FakeService(lambda _: ok({"result": 7}))
    where = endpoint("http://shared.invalid", "p", None)
    first, second = (Session(where, fake_transport(service), tag) for tag in ("one", "two"))
    for session in (first, second):
        assert session.run("search", lambda session=session: session.value(ee.Number(7))) == 7  # type: ignore[misc]
    assert first.transport.meter.total().setup_requests == 3
    assert second.transport.meter.total().requests == 1
    assert [service.body(n)["workloadTag"] for n in (0, 1)] == ["one", "two"]


def test_another_endpoint_must_wait_for_calls_in_flight() -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(_: Request) -> Reply:
        entered.set()
        leave.wait(10)
        return ok({"result": 1})

    def session(name: str, service: FakeService) -> Session:
        return Session(endpoint(f"http://{name}.invalid", "p", None), fake_transport(service))

    busy, other = session("busy", FakeService(slow)), session("other", FakeService(lambda _: ok({"result": 2})))
    thread = threading.Thread(target=lambda: busy.run("search", lambda: busy.value(ee.Number(1))))
    thread.start()
    assert entered.wait(10)
    with pytest.raises(ConfigError, match="one endpoint"):
        other.run("search", lambda: other.value(ee.Number(2)))
    leave.set()
    thread.join()
    assert other.run("search", lambda: other.value(ee.Number(2))) == 2


def test_a_refused_login_is_a_credentials_error() -> None:
    with pytest.raises(CredentialsError, match="authenticate"):
        fake_source(FakeService(lambda _: refusal(401, "no token"))).find([SceneQuery("elevation", "main")])


def test_importing_the_package_does_not_import_the_client() -> None:
    code = "import sys, geomeld_build.sources; print({'ee', 'requests', 'googleapiclient'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
