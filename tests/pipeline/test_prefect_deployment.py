"""The services of compose on loopback: deploy, run by both commands, and read the store.

One server for the whole file, because it takes ten seconds to start.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geomeld_build.anchors.frame_folder import ANCHORS, RESERVES, read_frame
from geomeld_build.anchors.recipe import FrameConfig, OwnConfig
from geomeld_build.build.config import SourceConfig
from geomeld_build.build.frames import sample_frame
from geomeld_build.captions.agents.table import captions_of
from geomeld_build.store import open_store
from tests.pipeline.prefect_stack import COMPOSE, Stack, answers, free_port, listens, wait_until
from tests.support.small_store import make_store

pytestmark = pytest.mark.timeout(240)

REGION = "75.0,30.2,75.4,30.5"
CONTROL = ["python", "-m", "flows.control"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server with the deployments, no worker yet."""
    running = Stack(tmp_path_factory.mktemp("prefect"))
    try:
        running.start("server", lambda: answers(f"{running.api}/health"), seconds=90)
        deployed = running.run(running.command("deploy"))
        assert deployed.returncode == 0, deployed.stderr
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def worker(stack: Stack) -> Stack:
    """The same stack with a worker that polls."""
    stack.start("worker", lambda: answers(f"http://127.0.0.1:{stack.ports['worker']}/health"))
    return stack


@pytest.fixture(scope="module")
def planet(worker: Stack) -> str:
    """URL of an emulator that serves the simulated planet; a Dask cluster is up, too."""
    for service in ("emulator", "dask-scheduler"):
        port = worker.ports[service]
        worker.start(service, lambda port=port: listens(port))
    worker.start("dask-worker", lambda: "Registered to" in worker.log("dask-worker")())
    natively = {*worker.processes, "deploy"}
    assert natively == set(COMPOSE["services"]) - {"postgres"}, "every command of ours in compose runs here"
    return f"http://127.0.0.1:{worker.ports['emulator']}"


def control(stack: Stack, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, JSON on stdout, and stderr of `flows.control`."""
    done = stack.run([*CONTROL, *arguments, "--json"])
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def test_deploying_again_changes_nothing_but_what_is_set(stack: Stack) -> None:
    before = {each["name"]: each for each in post(stack, "deployments/filter", {})}
    assert not before["incremental"]["schedules"][0]["active"]
    code, changed, said = control(
        stack, "deploy", "--set", f"incremental:region={REGION}", "--set", "incremental:limit=2"
    )
    assert code == 0, said
    assert stack.api in said
    now = {entry["name"]: entry for entry in changed["deployments"]}
    assert list(now) == [
        "sample-anchors/sample-anchors",
        "build-tiles/build-tiles",
        "caption-tiles/caption-tiles",
        "build-tiles/incremental",
    ]
    assert now["sample-anchors/sample-anchors"]["parameters"] == {"project": None}, "of compose's settings all it takes"
    assert now["build-tiles/build-tiles"]["parameters"] == before["build-tiles"]["parameters"]
    assert now["build-tiles/incremental"]["schedule"] == "0 3 * * * UTC"
    assert now["build-tiles/incremental"]["parameters"]["limit"] == 2
    after = {each["name"]: each for each in post(stack, "deployments/filter", {})}
    assert {name: each["id"] for name, each in after.items()} == {name: each["id"] for name, each in before.items()}
    assert after["incremental"]["schedules"][0]["active"]
    assert len(post(stack, "automations/filter", {})) == 1


def test_a_wrong_name_lists_the_deployments(stack: Stack) -> None:
    code, _, said = control(stack, "run", "build")
    assert code == 2
    for name in ("sample-anchors/sample-anchors", "build-tiles/build-tiles", "build-tiles/incremental"):
        assert name in said


def test_watching_needs_a_worker(stack: Stack) -> None:
    code, _, said = control(stack, "run", "build-tiles", "--watch", "--set", "limit=1")
    assert code == 4
    assert "prefect worker start --pool geomeld" in said


def test_the_server_checks_parameters_when_a_run_is_submitted(stack: Stack) -> None:
    code, _, said = control(stack, "run", "build-tiles", "--set", "limit=0")
    assert code == 2
    assert "'limit'" in said


def test_a_frame_needs_a_folder(stack: Stack) -> None:
    code, _, said = control(stack, "run", "sample-anchors", "--set", "n=60", "--set", "by=biome")
    assert code == 2
    assert "--set out=..." in said


def test_a_service_that_is_away_ends_as_service_unavailable(worker: Stack) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    arguments = ("--set", f"region={REGION}", "--set", "limit=1", "--set", f"url={nobody}", "--set", "store=away")
    code, answer, said = control(worker, "run", "build-tiles", "--watch", "--timeout", "90", *arguments)
    assert (code, answer["state"]) == (4, "ServiceUnavailable"), said


def test_a_build_by_its_bare_name_over_dask(worker: Stack, planet: str) -> None:
    arguments = ("--set", f"region={REGION}", "--set", "limit=2", "--set", f"url={planet}", "--set", "project=any")
    code, answer, said = control(worker, "run", "build-tiles", "--watch", "--timeout", "100", *arguments)
    assert code == 0, said + worker.log("worker")()
    assert answer["state"] == "Completed"
    assert {"modality", "ok"} <= set(answer["outcomes"][0])
    assert "geomeld_build." in said, "the package's log lines reach the run"
    run = {"id": {"any_": [answer["flow_run_id"]]}}
    keys = {artifact["key"] for artifact in post(worker, "artifacts/filter", {"flow_runs": run})}
    assert keys >= {"build-tiles-summary", "build-tiles-outcomes", "build-tiles-progress-tiles"}
    wait_until(lambda: finished_events(worker) == 1, 20, "the event of the finished build has arrived")
    assert_holds(worker, 2)


def test_a_build_by_prefects_own_command_builds_the_rest(worker: Stack, planet: str) -> None:
    given = {
        "region": REGION,
        "limit": 3,
        "url": planet,
        "project": "any",
        "dask_mode": "threads",
        "dask_address": None,
    }
    words = [word for name, value in given.items() for word in ("--param", f"{name}={json.dumps(value)}")]
    done = worker.run(["prefect", "deployment", "run", "build-tiles/build-tiles", *words, "--watch"])
    assert done.returncode == 0, done.stdout + done.stderr
    newest = post(worker, "flow_runs/filter", {"sort": "EXPECTED_START_TIME_DESC", "limit": 1})[0]
    assert newest["state"]["name"] == "Completed", newest["state"]
    assert "2 already there" in newest["state"]["message"]
    assert_holds(worker, 3)


def test_a_sampled_frame_is_built(worker: Stack, planet: str, tmp_path: Path) -> None:
    source = ("--set", f"url={planet}", "--set", "project=any")
    given = ("--set", "out=frame", "--set", "n=60", "--set", "by=biome", *source)
    code, answer, said = control(worker, "run", "sample-anchors", "--watch", "--timeout", "100", *given)
    assert (code, answer["state"]) == (0, "Completed"), said + worker.log("worker")()
    assert answer["message"].startswith("60 anchors, ")
    assert answer["outcomes"] == [{"pool": "own", "offered": 0, "anchors": 60}]
    run = {"id": {"any_": [answer["flow_run_id"]]}}
    keys = {artifact["key"] for artifact in post(worker, "artifacts/filter", {"flow_runs": run})}
    assert keys >= {"sample-anchors-summary", "sample-anchors-outcomes", "sample-anchors-progress-drawing-own"}
    wait_until(lambda: finished_events(worker, "sample-anchors") == 1, 20, "the event of the frame has arrived")

    frame, here = worker.folder / "work" / "frame", tmp_path / "frame"
    config = FrameConfig(own=OwnConfig(count=60, by="biome"))
    sample_frame(config, here, SourceConfig(url=planet, project="any"))
    for name in (ANCHORS, RESERVES):
        assert (frame / name).read_bytes() == (here / name).read_bytes(), "the flow adds nothing to the sampling"

    built = ("--set", "anchors=frame", "--set", "limit=2", "--set", "store=framed", "--set", "modalities=sentinel2,scl")
    code, answer, said = control(worker, "run", "build-tiles", "--watch", "--timeout", "100", *built, *source)
    assert code == 0, said + worker.log("worker")()
    anchors = set(read_frame(frame).anchors.column("tile_id").to_pylist())
    rows = open_store(str(worker.folder / "work" / "framed")).existing("ok", "skipped")
    assert len(anchors & set(rows)) == 2, "the first two anchors of the frame have their outcome"


def test_a_store_is_captioned(worker: Stack) -> None:
    store = worker.folder / "work" / "captioned"
    make_store(store)
    watched = ("--watch", "--timeout", "100", "--set", "store=captioned")
    code, answer, said = control(worker, "run", "caption-tiles", *watched)
    assert (code, answer["state"]) == (0, "Completed"), said + worker.log("worker")()
    tiles = open_store(str(store)).tile_ids()
    assert answer["message"] == f"{len(tiles)} captioned, 0 already there: {len(tiles)} accepted"
    assert answer["outcomes"] == [{"ended as": "accepted", "tiles": len(tiles)}]
    assert [record.tile_id for record in captions_of(str(store))] == tiles
    wait_until(lambda: finished_events(worker, "caption-tiles") == 1, 20, "the event of the captions has arrived")
    code, answer, _ = control(worker, "run", "caption-tiles", *watched)
    assert (code, answer["message"]) == (0, f"0 captioned, {len(tiles)} already there")


ENDINGS = """
import geomeld_build.build as build, geomeld_build.errors as errors, json, sys
from flows.build_tiles import build_tiles
from geomeld_build.sources import Counters
summary = build.BuildSummary("s", "r", 1, 2, 0, 1, 0, 1, {"sentinel2": {"ok": 1}}, Counters(), 0, 1.0, "p")
endings = [summary, errors.CredentialsError("no login"), errors.StoreError("torn"), errors.MissingExtra("x")]
endings.append(KeyError("a bug"))
for ending in endings:
    def double(config, *, progress):
        progress("tiles", 1, 2)
        if isinstance(ending, Exception):
            raise ending
        return ending
    build.build_tiles = double
    state = build_tiles(store="s", anchors="a.csv", return_state=True)
    print(json.dumps([str(state.type.value), state.name, state.message]))
state = build_tiles(store="s", anchors="a.csv", region="1,2,3,4", return_state=True)
print(json.dumps([str(state.type.value), state.name, state.message]))
"""


def test_the_final_state_tells_how_a_build_ended(stack: Stack) -> None:
    """A recorded double in the engine's place: what matters here is the flow's answer to each ending."""
    done = stack.run(["python", "-c", ENDINGS])
    assert done.returncode == 0, done.stderr
    states = [json.loads(line) for line in done.stdout.splitlines()]
    assert [state[:2] for state in states] == [
        ["COMPLETED", "Partial"],
        ["FAILED", "ServiceUnavailable"],
        ["FAILED", "Failed"],
        ["FAILED", "Misconfigured"],
        ["FAILED", "Failed"],
        ["FAILED", "Misconfigured"],
    ]
    assert "1 built, 0 already there, 0 skipped, 1 failed" in states[0][2]
    assert [state[2] for state in states[1:3]] == ["CredentialsError: no login", "StoreError: torn"]
    assert "exactly one of anchors, region and plan" in states[-1][2]


CAPTION_ENDINGS = """
import geomeld_build.captions.agents.run as run, geomeld_build.captions.signals.table as table, json
import geomeld_build.errors as errors
from flows.caption_tiles import caption_tiles
from geomeld_build.captions.vision.account import Account
done = run.CaptionSummary("s", "grammar", 5, 3, 2, {"accepted": 3}, 1.0, Account(), 0.0, 1.0)
partial = run.CaptionSummary("s", "grammar", 5, 3, 2, {"accepted": 2, "fallback": 1}, 1.0, Account(), 0.0, 1.0)
table.measure_store = lambda *arguments, **named: None
for ending in [done, partial, errors.StoreError("torn"), errors.ConfigError("cannot withhold x"), KeyError("a bug")]:
    def double(store, settings, dask, *, retry_fallbacks, progress):
        progress(1, 2, "100 % accepted")
        if isinstance(ending, Exception):
            raise ending
        return ending
    run.caption_store = double
    state = caption_tiles(store="s", return_state=True)
    print(json.dumps([str(state.type.value), state.name, state.message]))
for wrong in ({"vision_url": "http://h:1"}, {"vision_url": "h", "vision_model": "m"}):
    state = caption_tiles(store="s", return_state=True, **wrong)
    print(json.dumps([str(state.type.value), state.name, state.message]))
"""


def test_the_final_state_tells_how_captions_ended(stack: Stack) -> None:
    """A recorded double in the place of the captioning, as above."""
    done = stack.run(["python", "-c", CAPTION_ENDINGS])
    assert done.returncode == 0, done.stderr
    states = [json.loads(line) for line in done.stdout.splitlines()]
    assert [state[:2] for state in states] == [
        ["COMPLETED", "Completed"],
        ["COMPLETED", "Partial"],
        ["FAILED", "Failed"],
        ["FAILED", "Misconfigured"],
        ["FAILED", "Failed"],
        ["FAILED", "Misconfigured"],
        ["FAILED", "Misconfigured"],
    ]
    assert states[0][2] == "3 captioned, 2 already there: 3 accepted"
    assert states[1][2] == "3 captioned, 2 already there: 2 accepted, 1 fallback"
    assert "both vision_url and vision_model" in states[5][2]
    assert "url: " in states[6][2]


FRAME_ENDINGS = """
import geomeld_build.build.frames as frames, geomeld_build.errors as errors, json, sys
from pathlib import Path
from flows.sample_anchors import sample_anchors
frame = frames.FrameSummary(Path("f"), 9, 2, 5, {"own": 9}, {}, {}, {"tundra": 3}, 0, {"train": 9}, 1)
endings = [frame, errors.ConfigError("lon 181"), errors.SourceError("away"), PermissionError("no"), KeyError("a bug")]
for ending in endings:
    def double(config, folder, source, *, grow, progress):
        progress("writing", 0, 1)
        if isinstance(ending, Exception):
            raise ending
        return ending
    frames.sample_frame = double
    state = sample_anchors(out="f", n=9, by="biome", return_state=True)
    print(json.dumps([str(state.type.value), state.name, state.message]))
state = sample_anchors(out="f", n=9, return_state=True)
print(json.dumps([str(state.type.value), state.name, state.message]))
"""


def test_the_final_state_tells_how_a_frame_ended(stack: Stack) -> None:
    """A recorded double in the place of the sampling, as above."""
    done = stack.run(["python", "-c", FRAME_ENDINGS])
    assert done.returncode == 0, done.stderr
    states = [json.loads(line) for line in done.stdout.splitlines()]
    assert [state[:2] for state in states] == [
        ["COMPLETED", "Completed"],
        ["FAILED", "Misconfigured"],
        ["FAILED", "ServiceUnavailable"],
        ["FAILED", "Misconfigured"],
        ["FAILED", "Failed"],
        ["FAILED", "Misconfigured"],
    ]
    counts = "9 anchors, 2 reserves, 5 points dropped, 3 lacking in the quotas, pairs leaking between splits: 1"
    assert states[0][2] == counts
    assert states[1][2] == "ConfigError: lon 181"
    assert states[3][2] == "ConfigError: cannot write the frame f: no"
    assert "n, how many anchors to draw, and by" in states[-1][2]


def post(stack: Stack, path: str, body: dict[str, Any]) -> Any:
    """Ask the server's REST API, with nothing of Prefect's client."""
    request = urllib.request.Request(
        f"{stack.api}/{path}", json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def finished_events(stack: Stack, flow: str = "build-tiles") -> int:
    wanted = {"filter": {"event": {"name": [f"geomeld.{flow}.finished"]}}}
    return int(post(stack, "events/filter", wanted)["total"])


def assert_holds(stack: Stack, anchors: int) -> None:
    """The store has an outcome for every anchor, and pixels of every tile that is ok."""
    store = open_store(str(stack.folder / "work" / "store"))
    assert len(store.existing("ok", "skipped")) == anchors
    for tile_id in store.tile_ids():
        assert np.isfinite(store.tile(tile_id, ["sentinel2"])["sentinel2"].values).mean() > 0.5
