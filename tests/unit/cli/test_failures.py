"""A failure is one line on stderr and the right exit code; nothing on stdout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from geomeld_build import errors
from geomeld_build.cli import app, main
from geomeld_build.cli.failures import CommandFailed, explain, writing

Capture = pytest.CaptureFixture[str]


def fails(args: list[str], capsys: Capture) -> tuple[int, str]:
    code = main(args)
    out, err = capsys.readouterr()
    assert out == "", "data and talk are apart"
    assert "Traceback" not in err
    lines = [line for line in err.splitlines() if not line.startswith(("anchors:", "("))]
    assert len(lines) == 1, err
    return code, lines[0]


@pytest.fixture
def anchors(tmp_path: Path) -> str:
    (tmp_path / "a.csv").write_text("lon,lat,date\n75.1,30.1,2020-06-01\n", encoding="utf-8")
    return str(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--nonsense"], "nonsense"),
        (["nonsense"], "nonsense"),
        (["anchors", "sample"], "--out"),
        (["anchors", "sample", "--n", "0", "--out", "x"], "--n"),
        (["anchors", "sample", "--n", "3", "--out", "x"], "--bbox"),
        (["anchors", "sample", "--n", "3", "--out", "x", "--bbox", "1,2,3"], "1,2,3"),
        (["anchors", "sample", "--n", "3", "--out", "x", "--bbox", "75,95,76,96"], "95"),
        (["anchors", "sample", "--n", "3", "--out", "x", "--bbox", "75,30,76,31", "--years", "soon"], "soon"),
        (["anchors", "sample", "--n", "3", "--out", "x", "--bbox", "75,30,76,31", "--years", "2021-2018"], "2021-2018"),
        (["anchors", "import", "/nowhere/a.csv", "--out", "x"], "/nowhere/a.csv"),
        (["modalities", "sentinel3"], "sentinel3"),
        (["schemas", "conf"], "conf"),
        (["status", "/nowhere"], "/nowhere"),
        (["query", "/nowhere", "SELECT 1"], "/nowhere"),
        (["query", "/nowhere", "SELECT 1", "--json", "--csv"], "--csv"),
        (["show", "/nowhere"], "/nowhere"),
        (["build"], "store"),
        (["build", "--store", "s"], "anchors, region and plan"),
        (["build", "--store", "s", "--region", "1,2,3,4"], "limit"),
        (["build", "--store", "s", "--anchors", "a", "--workers", "0"], "workers"),
        (["build", "--store", "s", "--anchors", "a", "--dask", "cloud"], "dask.mode"),
        (["build", "--store", "s", "--anchors", "a", "--dask", "address"], "dask"),
        (["build", "--store", "s", "--anchors", "a", "--modalities", "sentinel2,naap"], "naap"),
        (["build", "--store", "s", "--anchors", "a", "--config", "/nowhere.yaml"], "/nowhere.yaml"),
        (["build", "--store", "s", "--plan", "/nowhere.parquet"], "/nowhere.parquet"),
        (["plan", "--anchors", "/nowhere.csv", "--out", "p", "--url", "http://127.0.0.1:9"], "/nowhere.csv"),
    ],
    ids=" ".join,
)
def test_usage(args: list[str], says: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, line = fails(args, capsys)
    assert code == 2
    assert line.startswith("error: ")
    assert says in line
    assert not (tmp_path / "x").exists()


def test_no_project_is_usage(anchors: str, tmp_path: Path, capsys: Capture) -> None:
    code, line = fails(["plan", "--anchors", anchors, "--out", str(tmp_path / "p")], capsys)
    assert code == 2
    assert "--project" in line


def test_nobody_answers_is_service(anchors: str, tmp_path: Path, capsys: Capture) -> None:
    code, line = fails(
        ["plan", "--anchors", anchors, "--out", str(tmp_path / "p"), "--url", "http://127.0.0.1:9"], capsys
    )
    assert code == 4
    assert "http://127.0.0.1:9" in line


def test_a_place_that_cannot_be_written_is_usage(anchors: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    store = str(tmp_path / "file" / "store")
    code, line = fails(["build", "--store", store, "--anchors", anchors, "--url", "http://127.0.0.1:9"], capsys)
    assert code == 2
    assert str(tmp_path / "file") in line
    code, line = fails(["anchors", "import", anchors, "--out", str(tmp_path / "file" / "a.parquet")], capsys)
    assert code == 2
    assert str(tmp_path / "file") in line


def test_a_config_file_is_read_and_options_win(tmp_path: Path, capsys: Capture) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("store: s\nanchors: a.csv\nsource: {requests_per_second: -1}\n", encoding="utf-8")
    code, line = fails(["build", "--config", str(config)], capsys)
    assert (code, "source.requests_per_second" in line, "-1" in line) == (2, True, True)
    config.write_text("store: s\nanchors: a.csv\nworkers: 4\nstoer: x\n", encoding="utf-8")
    code, line = fails(["build", "--config", str(config), "--workers", "9999"], capsys)
    assert code == 2
    assert "9999" in line
    config.write_text("- 1\n", encoding="utf-8")
    assert fails(["build", "--config", str(config)], capsys)[0] == 2
    config.write_text("a: [", encoding="utf-8")
    assert fails(["build", "--config", str(config)], capsys)[0] == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("x"), 2),
        (errors.MissingExtra("x"), 2),
        (errors.SchemaVersionError("x"), 2),
        (errors.StoreError("x"), 1),
        (errors.SourceError("x"), 4),
        (errors.QuotaExceeded("x"), 4),
        (errors.CredentialsError("x"), 4),
        (CommandFailed(3, "x"), 3),
        (FileNotFoundError(2, "No such file", "/a"), 2),
        (OSError(28, "No space left", "/a"), 1),
        (RuntimeError("a\nb"), 1),
    ],
)
def test_codes(error: Exception, code: int) -> None:
    found, line = explain(error)
    assert found == code
    assert "\n" not in line


@pytest.mark.parametrize("error", [errors.StoreError("x"), PermissionError(13, "Permission denied", "/a")])
def test_a_store_that_cannot_be_written_is_usage(error: Exception) -> None:
    with pytest.raises(CommandFailed) as caught, writing():
        raise error
    assert caught.value.code == 2


@pytest.fixture
def failing() -> Callable[[BaseException], None]:
    def register(error: BaseException) -> None:
        @app.command("fail-on-purpose", hidden=True)
        def fail() -> None:
            raise error

    yield register
    app.registered_commands[:] = [c for c in app.registered_commands if c.name != "fail-on-purpose"]


def test_interruption_is_130(failing: Callable[[BaseException], None], capsys: Capture) -> None:
    failing(KeyboardInterrupt())
    assert main(["fail-on-purpose"]) == 130
    assert capsys.readouterr().err.strip() == "interrupted"


def test_partial_is_3(failing: Callable[[BaseException], None]) -> None:
    failing(typer.Exit(3))
    assert main(["fail-on-purpose"]) == 3


def test_debug_shows_the_traceback(
    failing: Callable[[BaseException], None], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(RuntimeError("deep inside"))
    monkeypatch.delenv("GEOMELD_DEBUG", raising=False)
    assert main(["fail-on-purpose"]) == 1
    quiet = capsys.readouterr().err
    assert "Traceback" not in quiet
    assert "--debug" in quiet
    monkeypatch.setenv("GEOMELD_DEBUG", "1")
    assert main(["fail-on-purpose"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_closed_pipe_is_no_failure(failing: Callable[[BaseException], None], tmp_path: Path) -> None:
    import subprocess
    import sys

    code = "import sys; from geomeld_build.cli import main; sys.exit(main(['modalities', '--json']))"
    command = f'{sys.executable} -c "{code}" | head -c 10 >/dev/null; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
