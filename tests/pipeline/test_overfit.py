"""Thirty-two tiles of the simulated planet, two hundred steps: what cannot be learned by heart has a fault."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from geomeld_build.build import BuildConfig, SourceConfig, build_tiles
from geomeld_build.captions.agents.run import caption_store
from geomeld_build.captions.agents.settings import CaptionSettings
from geomeld_build.captions.signals.table import measure_store
from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.store import open_store
from geomeld_build.train.config import TrainConfig
from geomeld_build.train.loop.feed import Feed
from geomeld_build.train.loop.logbook import read_log
from geomeld_build.train.loop.processes import Process
from geomeld_build.train.loop.restore import restored
from geomeld_build.train.loop.run import train
from geomeld_build.train.loop.setup import build_model, ground_of
from geomeld_build.train.model import GeoMeldFM
from geomeld_build.train.presets import load_config
from geomeld_build.train.step import backward
from tests.support.bench_tiles import REGIONS

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]
TILES, STEPS = 32, 200


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    kept = os.environ.get("GEOMELD_SOAK_FOLDER")
    uri = str((Path(kept) if kept else tmp_path_factory.mktemp("overfit")) / "overfit.store")
    if not Path(uri).exists():
        with EmulatorServer(PlanetWorld()) as server:
            source = SourceConfig(url=server.url, project="local")
            for region in REGIONS:
                build_tiles(BuildConfig(store=uri, region=region, limit=TILES // 3, workers=4, source=source))
    measure_store(uri)
    caption_store(uri, CaptionSettings(count=1))
    return uri


def _config(store: str, out: Path) -> TrainConfig:
    rows = open_store(store).query("SELECT row FROM tiles WHERE status = 'ok' ORDER BY row").column("row").to_pylist()
    assert len(rows) >= TILES
    where = f"row <= {rows[TILES - 1]}"
    settings = [f"data.store={store}", f"run.out={out}", f"run.steps={STEPS}", f"run.batch={TILES}", "run.masks=fixed"]
    config = load_config("test", settings)
    return config.model_copy(update={"data": config.data.model_copy(update={"where": where})})


def test_thirty_two_tiles_are_learned_by_heart(store: str, tmp_path: Path) -> None:
    config = _config(store, tmp_path)
    train(config, say=print)
    lines = read_log(tmp_path)
    model, _, step = restored(tmp_path)
    assert step == STEPS
    first, last = (sum(line[name] for name in model.groups) for line in (lines[0], lines[-1]))
    begun = _losses_at_start(config)
    print(f"summed losses of reconstruction: {begun:.3f} at the start, {first:.3f} at step 10, {last:.3f} at the end")
    print(f"fall: {1 - last / begun:.1%}; deviation of the teacher's tokens: {lines[-1]['sign_target_std']:.3f}")
    print({name: round(lines[-1][name], 3) for name in [*model.groups, "jepa", "itc", "sign_gain", "sign_rank"]})
    recall = _recall(config, model)
    print(f"R@1 of {TILES}: image to text {recall[0]:.3f}, text to image {recall[1]:.3f}")
    assert last <= 0.4 * begun
    assert lines[-1]["sign_target_std"] > 0.1
    assert recall == (1.0, 1.0)


def _losses_at_start(config: TrainConfig) -> float:
    process = Process(0, 1, torch.device("cpu"))
    ground = ground_of(config, process, None, lambda _: None)
    model = build_model(config, ground, process, None)
    fed = next(iter(Feed(ground.store, config, ground.captions).epoch(0)))
    report = backward(model, fed.batches)
    return sum(float(report.losses[name]) for name in model.groups)


def _recall(config: TrainConfig, model: GeoMeldFM) -> tuple[float, float]:
    process = Process(0, 1, torch.device("cpu"))
    ground = ground_of(config, process, None, lambda _: None)
    fed = next(iter(Feed(ground.store, config, ground.captions).epoch(0)))
    (batch,) = fed.batches
    assert len(set(batch.keys[:, 0].tolist())) == TILES, "distinct captions"
    with torch.no_grad():
        features, _ = model.features(batch.model)
    assert features is not None
    likeness = features.images @ features.texts.t()
    own = torch.arange(TILES)
    there, back = (float((x.argmax(1) == own).float().mean()) for x in (likeness, likeness.t()))
    return there, back
