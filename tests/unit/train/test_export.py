"""The exported encoder gives what the trained one gives, from reflectance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from geomeld_build import load_encoder
from geomeld_build.errors import ConfigError
from geomeld_build.modalities import REFERENCE, modality
from geomeld_build.store import open_store
from geomeld_build.train.config import TrainConfig
from geomeld_build.train.export import export_encoder
from geomeld_build.train.loop.restore import restored
from geomeld_build.train.loop.run import train
from tests.support.train_batches import SMALL
from tests.support.train_store import make_train_store

BANDS = modality(REFERENCE).bands


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    make_train_store(folder / "store", 4)
    loop = {"out": str(folder / "run"), "batch": 2, "steps": 3, "precision": "fp32"}
    settings = {**SMALL, "itc": {"weight": 0}, "data": {"store": str(folder / "store"), "threads": 1}, "run": loop}
    train(TrainConfig.model_validate(settings))
    return folder


@pytest.fixture(scope="module")
def exported(run: Path) -> Path:
    export_encoder(run / "run", run / "encoder")
    return run / "encoder"


def test_features_are_those_of_the_model(run: Path, exported: Path) -> None:
    model, _, _ = restored(run / "run")
    store = open_store(str(run / "store"))
    stored = torch.from_numpy(store.raw(store.tile_ids()[0], [REFERENCE])[REFERENCE])[None]
    stored[:, 5] = 0
    with torch.no_grad():
        rows = {
            one.name: torch.from_numpy(store.raw(store.tile_ids()[0], [one.name])[one.name])[None]
            for one in model.prepare.rows
        }
        expected = model.encoder(model.filled(model.prepare({**rows, REFERENCE: stored})))
        reflectance = torch.where(stored == 0, torch.nan, stored.float() * 1e-4)
        encoder = load_encoder(exported)
        found = encoder(reflectance)
        turned = encoder(reflectance.flip(1), bands=BANDS[::-1])
        some = [BANDS.index(name) for name in BANDS if name != "B6"]
        nearly = encoder(reflectance[:, some], bands=[BANDS[at] for at in some])
        assert torch.equal(encoder.embed(reflectance), found[-1].mean((2, 3)))
    assert [tuple(one.shape[1:]) for one in found] == [(16, 64, 64), (32, 32, 32), (64, 16, 16), (128, 8, 8)]
    for ours, theirs, other, less in zip(found, expected, turned, nearly, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
        assert torch.equal(ours, other)
        assert torch.equal(ours, less)


def test_what_is_written(exported: Path, run: Path) -> None:
    config = json.loads((exported / "config.json").read_text())
    assert config["bands"] == list(BANDS)
    assert config["strides"] == [2, 4, 8, 16]
    assert 0.0 < config["mean"][3] < 1.0
    provenance = json.loads((exported / "provenance.json").read_text())
    assert (provenance["step"], provenance["store"]) == (3, str(run / "store"))
    with safe_open(exported / "model.safetensors", "pt") as file:
        names = set(file.keys())
    assert {"stem.0.weight", "stages.3.blocks.0.mlp.grn.weight", "fill"} <= names
    assert not any(name.startswith(("encoder", "teacher", "decoders")) for name in names)
    assert "load_encoder" in (exported / "README.md").read_text()


def test_what_cannot_be(exported: Path, run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not empty"):
        export_encoder(run / "run", exported)
    with pytest.raises(ConfigError, match="has no checkpoint"):
        export_encoder(tmp_path, tmp_path / "out")
    with pytest.raises(ConfigError, match="has no encoder"):
        load_encoder(tmp_path)
    encoder = load_encoder(exported)
    with pytest.raises(ConfigError, match="an image of 2 bands with the names B4: expected as many names"):
        encoder(torch.zeros(1, 2, 32, 32), bands=("B4",))
    with pytest.raises(ConfigError, match="do not divide into patches"):
        encoder(torch.zeros(1, 12, 30, 32))
