"""``emulator`` says where it listens, serves, and ends when told to."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from geomeld_build.cli import main


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    with rasterio.open(
        folder / "a.tif", "w", driver="GTiff", width=8, height=8, count=1, dtype="uint8", crs="EPSG:32643",
        transform=from_origin(500_000, 3_300_000, 10, 10),
    ) as target:  # fmt: skip
        target.write(np.arange(64, dtype=np.uint8).reshape(1, 8, 8))
    description = {"assets": [{"type": "collection", "id": "users/me/scenes", "files": "*.tif"}]}
    (folder / "world.json").write_text(json.dumps(description), encoding="utf-8")
    return folder


@pytest.fixture
def process(world: Path) -> Iterator[subprocess.Popen[str]]:
    # Tests that a shell runs in the background hand down that Ctrl-C is ignored.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import geomeld_build.cli.__main__"
    command = [sys.executable, "-c", code, "emulator", "--world", str(world), "--no-quota"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        yield started
        if started.poll() is None:
            started.kill()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_serves_until_told_to_stop(process: subprocess.Popen[str], sent: signal.Signals, code: int) -> None:
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    with urllib.request.urlopen(f"{url}/_emulator/health", timeout=10) as answer:
        assert json.load(answer) == {"status": "ok"}
    process.send_signal(sent)
    out, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert out == "", "the URL is all the data there is"
    assert "Traceback" not in err


def test_a_taken_port_is_usage(process: subprocess.Popen[str], world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert process.stdout is not None
    port = process.stdout.readline().strip().rsplit(":", 1)[1]
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert main(["emulator", "--world", str(world), "--port", port]) == 2
    finally:
        signal.signal(signal.SIGTERM, before)
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["/nowhere", "."])
def test_a_folder_that_is_no_world_is_usage(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["emulator", "--world", name]) == 2
    assert "world.json" in capsys.readouterr().err
