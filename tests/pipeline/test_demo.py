"""The demo works without an account, on loopback only, and leaves nothing running."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from geomeld_build.captions.agents.table import captions_of
from geomeld_build.cli import main
from geomeld_build.modalities import MODALITIES
from geomeld_build.store import open_store


def run(out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "geomeld_build.cli", "demo", "--out", str(out), "--tiles", "3", "--json", *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    out = tmp_path_factory.mktemp("demo") / "out"
    return out, run(out)


def test_it_builds_and_draws(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, done = demo
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["anchors"] == 3
    assert told["tiles"] + told["skipped"] == 3
    assert told["tiles"] >= 1
    assert set(told["rows"]) == set(MODALITIES)
    assert told["rows"]["sentinel2"]["valid"] > 0.9
    assert told["rows"]["naip"]["valid"] > 0.2, "the imported place has an aerial image"
    assert 0.01 < told["rows"]["sentinel2"]["mean"] < 0.6
    assert len(told["pictures"]) == told["tiles"] + 2, "one a tile, the sheet, the batch"
    assert told["batch_picture"] in told["pictures"]
    assert told["batch"] == told["tiles"]
    assert told["loader_tiles_per_s"] > 10
    assert told["captions"] == told["tiles"]
    assert (out / "report" / "captions" / "captions.png").is_file()
    records = captions_of(str(out / "tiles.store"))
    assert all(record.verification and record.verification.groundedness == 1.0 for record in records)
    for picture in told["pictures"]:
        with Image.open(picture) as opened:
            opened.verify()
    assert len(open_store(str(out / "tiles.store")).tile_ids()) == told["tiles"]


def test_it_prints_the_commands_that_it_runs(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    said = demo[1].stderr
    for command in (
        "emulator --world planet",
        "anchors sample",
        "plan",
        "build",
        "anchors import",
        "query",
        "show",
        "planet",
        "caption signals",
        "caption run",
        "caption report",
    ):
        assert f"$ geomeld-build {command}" in said
    assert "--batch 16 --json\nloader: " in said


def test_it_goes_on_when_asked_to(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, first = demo
    version = open_store(str(out / "tiles.store")).version
    again = run(out, "--keep")
    assert again.returncode == 0, again.stderr
    assert open_store(str(out / "tiles.store")).version == version, "nothing was built twice"
    assert json.loads(again.stdout)["tiles"] == json.loads(first.stdout)["tiles"]


def test_it_never_empties_a_folder_of_somebody_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    assert main(["demo", "--out", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").exists()
