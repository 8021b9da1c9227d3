"""Whole runs on a small store: resumed bit for bit, on other numbers of processes, and refused where nothing fits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from geomeld_build.captions.agents.run import caption_store
from geomeld_build.captions.agents.settings import CaptionSettings
from geomeld_build.captions.signals.table import measure_store
from geomeld_build.errors import ConfigError
from geomeld_build.train.config import TrainConfig
from geomeld_build.train.loop.checkpoints import latest, read_checkpoint
from geomeld_build.train.loop.logbook import read_log
from geomeld_build.train.loop.run import TrainingFailed, train
from geomeld_build.train.pixels.rows import TARGET_ROWS
from tests.support.small_store import made_up_arrays, make_store
from tests.support.train_batches import SMALL
from tests.support.train_store import make_train_store

STEPS = 12


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = str(tmp_path_factory.mktemp("train") / "store")
    make_train_store(Path(uri), 24)
    measure_store(uri)
    caption_store(uri, CaptionSettings(count=1))
    return uri


def plain_config(store: str, out: Path, **changes: dict[str, Any]) -> dict[str, Any]:
    run = {
        "out": str(out),
        "batch": 4,
        "steps": STEPS,
        "precision": "fp32",
        "log_every": 1,
        "save_every": 1000,
        **changes.pop("run", {}),
    }
    parts = {**SMALL, "data": {"store": store, "threads": 1}, "run": run}
    return {name: {**parts.get(name, {}), **changes.get(name, {})} for name in {*parts, *changes}}


def config_of(store: str, out: Path, **changes: dict[str, Any]) -> TrainConfig:
    return TrainConfig.model_validate(plain_config(store, out, **changes))


def losses_of(out: Path) -> list[dict[str, float]]:
    timed = ("samples_per_s", "loader_wait", "memory_gib")
    return [{key: value for key, value in line.items() if key not in timed} for line in read_log(out)]


@pytest.fixture(scope="module")
def whole(store: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    summary = train(config_of(store, out))
    assert (summary.steps, summary.stopped, summary.samples) == (STEPS, False, 4 * STEPS)
    return out


def test_every_step_is_logged_and_weights_say_what_they_are_of(whole: Path, store: str) -> None:
    lines = losses_of(whole)
    assert [line["step"] for line in lines] == list(range(1, STEPS + 1))
    assert all(np.isfinite([value for value in line.values() if value is not None]).all() for line in lines)
    assert {"total", "itc", "jepa", "sentinel2", "terrain", "sign_target_std", "sign_gain", "lr"} <= set(lines[0])
    path = latest(whole)
    assert path is not None
    checkpoint = read_checkpoint(path)
    provenance = checkpoint.provenance
    assert provenance["store"] == store
    assert provenance["bands"][:2] == ["B1", "B2"]
    assert {"captions", "signals"} <= set(provenance["side_tables"])
    assert checkpoint.vocabulary is not None
    assert list((whole / "tensorboard").glob("events*"))


@pytest.mark.parametrize("stop", [3, 7])
def test_a_run_that_stopped_goes_on_bit_for_bit(store: str, whole: Path, tmp_path: Path, stop: int) -> None:
    """In the middle of an epoch of six steps, and in the middle of the next."""
    config = config_of(store, tmp_path)

    def stops(moment: Any) -> None:
        if moment.step == stop:
            signal.raise_signal(signal.SIGTERM)

    first = train(config, callbacks=[stops])
    assert (first.steps, first.stopped) == (stop, True)
    second = train(config)
    assert (second.resumed_at, second.steps) == (stop, STEPS)
    assert losses_of(tmp_path) == losses_of(whole)
    ours, theirs = (read_checkpoint(latest(out) or out) for out in (tmp_path, whole))
    assert ours.model.keys() == theirs.model.keys()
    assert all(torch.equal(ours.model[name], theirs.model[name]) for name in ours.model)


_CHILD = """
import json, sys
from geomeld_build.train.config import TrainConfig
from geomeld_build.train.loop.run import train
train(TrainConfig.model_validate(json.loads(sys.argv[1])))
"""


def _started(config: dict[str, Any], **environment: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _CHILD, json.dumps(config)]
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1", **environment})


def test_killed_in_mid_epoch_it_goes_on_bit_for_bit(store: str, tmp_path: Path) -> None:
    steps = 30
    run = {"steps": steps, "save_every": 2}
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert _started(plain_config(store, undisturbed, run=run)).wait(240) == 0
    config = plain_config(store, killed, run=run)
    process = _started(config)
    deadline = time.monotonic() + 120
    while not (killed / "step-00000004.pt").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    at = latest(killed)
    assert at is not None
    resumed = read_checkpoint(at).step
    assert 4 <= resumed < steps - 20
    assert _started(config).wait(240) == 0
    assert losses_of(killed) == losses_of(undisturbed)


def test_other_numbers_of_processes_see_the_same_tiles_and_masks(store: str, tmp_path: Path) -> None:
    """Begun by two, gone on by one: the losses of two all the way."""
    both, changed = tmp_path / "both", tmp_path / "changed"
    double = {"run": {"precision": "fp64", "steps": 8, "save_every": 4}}
    _by_two(plain_config(store, both, **double), tmp_path)
    first = plain_config(store, changed, **double)
    _by_two(first, tmp_path, until=4, out=changed)
    summary = train(TrainConfig.model_validate(first))
    assert (summary.resumed_at, summary.steps) == (4, 8)
    for ours, theirs in zip(losses_of(changed), losses_of(both), strict=True):
        for name in ("total", "itc", "jepa", "sentinel2", "terrain", "grad_norm"):
            assert ours[name] == pytest.approx(theirs[name], abs=1e-9), (ours["step"], name)


def _by_two(config: dict[str, Any], folder: Path, until: int | None = None, out: Path | None = None) -> None:
    port = str(20_000 + os.getpid() % 20_000 + (0 if until is None else 1))
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    processes = [_started(config, RANK=str(rank), LOCAL_RANK=str(rank), **shared) for rank in (0, 1)]
    if until is not None and out is not None:
        while not (out / f"step-{until:08d}.pt").exists() and all(one.poll() is None for one in processes):
            time.sleep(0.002)
        for one in processes:
            one.kill()
        for one in processes:
            one.wait()
        for path in sorted(out.glob("step-*.pt")):
            if path.name > f"step-{until:08d}.pt":
                path.unlink()
        return
    assert [one.wait(240) for one in processes] == [0, 0]


def test_a_loss_that_is_no_number_names_its_tiles(store: str, tmp_path: Path) -> None:
    def poisons(moment: Any) -> None:
        if moment.step == 2:
            with torch.no_grad():
                moment.model.decoders.heads["sentinel2"].bias[0] = float("nan")

    with pytest.raises(TrainingFailed, match=r"step 3: the loss of sentinel2, total is no finite number; tiles \w+"):
        train(config_of(store, tmp_path), callbacks=[poisons])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"run": {"batch": 999}}, "choose a smaller batch"),
        ({"data": {"where": "cloud_fraction > 9"}}, "no tile"),
        ({"itc": {"producer": "nobody"}}, "has captions of grammar"),
    ],
)
def test_what_does_not_fit_is_said(store: str, tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        train(config_of(store, tmp_path, **changes))


def test_a_checkpoint_of_other_bands_is_refused(store: str, whole: Path, tmp_path: Path) -> None:
    path = latest(whole)
    config = config_of(store, tmp_path, encoder={"bands": ["B2", "B3", "B4"]})
    with pytest.raises(ConfigError, match=r"encoder.bands is \[\"B2\".*the checkpoint was trained with \[\"B1\""):
        train(config, resume=str(path))
    with pytest.raises(ConfigError, match=r"has checkpoints of an earlier run"):
        train(config_of(store, whole), resume=None)


def test_an_older_checkpoint_does_not_undo_later_ones(store: str, tmp_path: Path) -> None:
    config = config_of(store, tmp_path / "run", run={"steps": 4, "save_every": 2})
    train(config)
    before = losses_of(tmp_path / "run")
    older = str(tmp_path / "run" / "step-00000002.pt")
    with pytest.raises(ConfigError, match=r"goes on to step-00000004.pt: choose another run.out"):
        train(config, resume=older)
    assert losses_of(tmp_path / "run") == before
    summary = train(config_of(store, tmp_path / "other", run={"steps": 4}), resume=older)
    assert (summary.resumed_at, summary.steps) == (2, 4)


def test_without_captions_it_trains_without_contrast(tmp_path: Path) -> None:
    uri = tmp_path / "store"
    make_train_store(uri, 8)
    said: list[str] = []
    summary = train(config_of(str(uri), tmp_path / "run", run={"steps": 2}), say=said.append)
    assert "itc" not in summary.losses
    assert any("itc.weight=0" in line for line in said)


def test_one_tile_is_enough(tmp_path: Path) -> None:
    uri = tmp_path / "store"
    make_train_store(uri, 1)
    train(config_of(str(uri), tmp_path / "run", run={"steps": 2, "batch": 1}))
    lines = losses_of(tmp_path / "run")
    assert len(lines) == 2
    assert all(np.isfinite([value for value in line.values() if value is not None]).all() for line in lines)


def test_a_row_that_the_store_lacks_is_named(tmp_path: Path) -> None:
    """All rows but one, which no tile has."""
    uri = tmp_path / "store"
    arrays = {name: pixels for name, pixels in made_up_arrays(0).items() if name != "canopy_height"}
    make_store(uri, [(9.3, 47.6)], [arrays])
    with pytest.raises(ConfigError, match=r"no tile of the store has a valid pixel of canopy_height: leave it out"):
        train(config_of(str(uri), tmp_path / "run", run={"batch": 1}))
    rows = [name for name in TARGET_ROWS if name != "canopy_height"]
    settings = {"reconstruct": {**SMALL["reconstruct"], "rows": rows}, "run": {"batch": 1, "steps": 1}}
    assert "canopy_height" not in train(config_of(str(uri), tmp_path / "run", **settings)).losses
