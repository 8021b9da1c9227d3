"""Presets, files and overrides, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import REFERENCE
from geomeld_build.train.cost import cost_of
from geomeld_build.train.pixels.rows import TARGET_ROWS
from geomeld_build.train.presets import PRESETS, load_config

STORE = "data.store=tiles.store"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_configurations(name: str) -> None:
    config = load_config(name, [STORE])
    assert config.data.store == "tiles.store"
    assert load_config(name, [STORE]).to_dict() == config.to_dict()


def test_the_rows_of_the_ablation_differ_in_switches_only() -> None:
    rows = {name: load_config(name, [STORE]) for name in ("s2mae", "mp", "mp-jepa", "mp-itc", "full")}
    told = {name: (one.reconstruct.rows, one.jepa.weight, one.itc.weight) for name, one in rows.items()}
    assert told == {
        "s2mae": ((REFERENCE,), 0.0, 0.0),
        "mp": (TARGET_ROWS, 0.0, 0.0),
        "mp-jepa": (TARGET_ROWS, 0.5, 0.0),
        "mp-itc": (TARGET_ROWS, 0.0, 0.4),
        "full": (TARGET_ROWS, 0.5, 0.4),
    }
    for one in rows.values():
        assert (one.encoder.size, one.run.batch, one.run.epochs, one.optim.lr) == ("atto", 4096, 150, 1e-4)
        assert one.reconstruct.scaled_classes is False


def test_files_build_on_presets_and_overrides_on_files(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("preset: test\ndata: {store: a, split: train}\nrun: {batch: 8}\n", encoding="utf-8")
    config = load_config(str(path), ["run.batch=32", "optim.lr=3e-4", "encoder.bands=[B2, B3]", "data.split=null"])
    assert (config.encoder.size, config.run.batch, config.optim.lr) == ("test", 32, 3e-4)
    assert (config.encoder.bands, config.data.split, config.data.store) == (("B2", "B3"), None, "a")


@pytest.mark.parametrize(
    ("source", "overrides", "told"),
    [
        ("tinny", [], "tinny: neither a file nor a preset; presets are tiny, base"),
        ("tiny", [], "data.store: is missing"),
        ("tiny", [STORE, "run.bach=3"], "run.bach: no such setting; did you mean batch?"),
        ("tiny", [STORE, "rum.batch=3"], "rum: no such setting; did you mean run?"),
        ("tiny", [STORE, "run.batch=none"], "run.batch: .*integer.*got 'none'"),
        ("tiny", [STORE, "encoder.size=small"], "encoder.size: .*got 'small'"),
        ("tiny", [STORE, "encoder.bands=[B2, B99]"], "bands B2, B99: expected some of B1"),
        ("tiny", [STORE, "reconstruct.rows=[scl]"], "rows scl: expected some of sentinel2"),
        ("tiny", [STORE, "reconstruct.weights={terain: 2}"], "weights of terain: expected some of sentinel2"),
        ("tiny", [STORE, "run.batch"], "'run.batch': expected part.key=value"),
    ],
)
def test_mistakes_are_named(source: str, overrides: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_config(source, overrides)


def test_files_that_are_none(tmp_path: Path) -> None:
    for text, told in (("- 1\n", "expected keys"), ("a: [", "cannot be read as YAML"), ("preset: huge\n", "no preset")):
        path = tmp_path / "x.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=told):
            load_config(str(path))


def test_cost_is_that_of_the_model() -> None:
    found = cost_of(load_config("test", [STORE, "itc.weight=0"]))
    assert found.parameters["encoder"] == found.parameters["teacher"] == 270_880
    # By hand, layer by layer: 10.9 the encoder, 8.3 the teacher, 6.5 the decoders, 3.0 the predictor.
    tiny = cost_of(load_config("tiny", [STORE, "itc.weight=0", "run.precision=fp32"]))
    assert tiny.gflop_per_sample == pytest.approx(10.9 + 8.3 + 6.5 + 3.0, rel=0.03)
    assert found.memory_gb == pytest.approx(found.fixed_gb + 16 * found.activation_mb_per_sample / 1000)
