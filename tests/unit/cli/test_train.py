"""``train`` and ``reconstruct`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from geomeld_build.cli import main
from tests.support.train_store import make_train_store

Capture = pytest.CaptureFixture[str]
SMALL = [
    *("reconstruct.width=16", "jepa.width=24", "jepa.layers=1", "jepa.heads=2", "itc.weight=0"),
    *("run.batch=4", "run.log_every=1", "data.threads=1"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = tmp_path_factory.mktemp("cli") / "store"
    make_train_store(uri, 8)
    return str(uri)


def test_trained_resumed_and_drawn(store: str, tmp_path: Path, capsys: Capture) -> None:
    run = tmp_path / "run"
    more = [f"data.store={store}", *SMALL, f"run.out={run}", "run.steps=3", "run.pictures_every=3"]
    assert main(["train", "test", *more, "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["steps"], summary["resumed_at"], summary["samples"]) == (3, 0, 12)
    assert len(list((run / "pictures" / "step-00000003").glob("*.png"))) == 4
    assert main(["train", "test", *more, "run.steps=5"]) == 0
    said = capsys.readouterr()
    assert "5" in said.out
    assert "step-00000005.pt" in said.out
    assert main(["train", "test", *more, "--no-resume"]) == 2
    assert "earlier run" in capsys.readouterr().err
    assert main(["reconstruct", str(run), "--out", str(tmp_path / "drawn"), "--tiles", "2", "--json"]) == 0
    paths = json.loads(capsys.readouterr().out)
    assert len(paths) == 2
    for path in paths:
        with Image.open(path) as image:
            assert image.size[1] > image.size[0]


def test_a_dry_run_writes_nothing(store: str, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "run"
    more = [f"data.store={store}", *SMALL, f"run.out={out}"]
    assert main(["train", "test", *more, "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["tiles"], told["steps"]) == (8, 200)
    assert main(["train", "test", *more, "--dry-run"]) == 0
    assert "GFLOP a sample" in capsys.readouterr().out
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "test", "data.store=nowhere"], "no store at nowhere"),
        (["train", "test", "data.stor=x"], "data.stor"),
        (["reconstruct", "nowhere.pt", "--out", "x"], "no checkpoint nowhere.pt"),
    ],
)
def test_mistakes_are_usage(arguments: list[str], told: str, capsys: Capture) -> None:
    assert main(arguments) == 2
    assert told in capsys.readouterr().err
