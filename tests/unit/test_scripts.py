"""The set-up script names what a system lacks; the make targets and the CI script call what they say."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LACKS_EXPAT = "ImportError: libexpat.so.1: cannot open shared object file: No such file or directory"


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of nothing but the script; a user who is not root; a pip that says what it is asked."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup.sh", tmp_path / "scripts" / "setup.sh")
    executable(tmp_path / "bin" / "id", "#!/bin/sh\necho 1000\n")
    return tmp_path


def python(checkout: Path, when_importing: str) -> None:
    body = f"""#!/bin/sh
case "$*" in
*"import rasterio"*) {when_importing} ;;
*) echo "$*" >> "{checkout}/calls" ;;
esac
"""
    executable(checkout / ".venv" / "bin" / "python", body)


def setup(checkout: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{checkout / 'bin'}:{path or os.environ['PATH']}"}
    command = ["/bin/bash", "scripts/setup.sh", ".venv"]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


def test_pip_uses_the_constraints(checkout: Path) -> None:
    python(checkout, "exit 0")
    done = setup(checkout)
    assert done.returncode == 0, done.stderr
    call = (checkout / "calls").read_text(encoding="utf-8")
    assert "-c constraints/py311.txt -e .[all,dev]" in call


def test_a_missing_libexpat_is_named(checkout: Path) -> None:
    python(checkout, f"echo '{LACKS_EXPAT}' >&2; exit 1")
    done = setup(checkout)
    assert done.returncode == 2
    assert "install libexpat1" in done.stderr


def test_another_broken_import_is_shown(checkout: Path) -> None:
    python(checkout, "echo 'Traceback' >&2; echo 'ImportError: something else' >&2; exit 1")
    done = setup(checkout)
    assert done.returncode == 2
    assert "ImportError: something else" in done.stderr


def test_root_installs_libexpat(checkout: Path) -> None:
    fixed = checkout / "fixed"
    python(checkout, f"[ -e {fixed} ] && exit 0; echo '{LACKS_EXPAT}' >&2; exit 1")
    executable(checkout / "bin" / "id", "#!/bin/sh\necho 0\n")
    executable(checkout / "bin" / "apt-get", f'#!/bin/sh\ncase "$*" in *libexpat1*) touch {fixed} ;; esac\n')
    done = setup(checkout)
    assert done.returncode == 0, done.stderr
    assert fixed.exists()


def test_an_old_python_is_named(checkout: Path) -> None:
    for name in ("python3.11", "python3", "python"):
        executable(checkout / "bin" / name, "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python 3.9.2'\nexit 1\n")
    done = setup(checkout)
    assert done.returncode == 2
    assert "Python 3.11 or newer" in done.stderr
    assert "3.9.2" in done.stderr


def test_make_lists_its_targets() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("setup", "demo", "check", "test", "soak", "bench", "clean"):
        assert f"make {target} " in done.stdout


def test_ci_runs_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
    assert "make test" in text
