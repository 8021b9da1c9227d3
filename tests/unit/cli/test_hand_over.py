"""``deploy`` and ``run`` become ``python -m flows.control`` with every argument."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from geomeld_build.cli import main


@pytest.mark.parametrize("verb", ["deploy", "run"])
def test_arguments_are_passed_on(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def execv(program: str, args: list[str]) -> None:
        calls.append([program, *args])
        raise SystemExit(7)

    monkeypatch.setattr(os, "execv", execv)
    assert main([verb, "build-tiles", "--set", "store=a b", "--watch"]) == 7
    expected = [sys.executable, "-m", "flows.control", verb, "build-tiles", "--set", "store=a b", "--watch"]
    assert calls == [[sys.executable, *expected]]


def test_the_other_side_understands() -> None:
    command = [sys.executable, "-m", "geomeld_build.cli", "run", "--", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--set" in done.stdout
