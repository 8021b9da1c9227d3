"""Exit codes and the choice of the server, without a server."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Crashed, Failed

from flows import control
from flows.running import exit_code_of
from flows.settings import ControlError


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (Completed(), 0),
        (Completed(name="Partial"), 3),
        (Failed(), 1),
        (Failed(name="Misconfigured"), 2),
        (Failed(name="ServiceUnavailable"), 4),
        (Crashed(), 1),
        (Cancelled(), 1),
    ],
)
def test_the_exit_code_follows_the_final_state(state: State[Any], code: int) -> None:
    assert exit_code_of(state) == code


def test_a_configured_server_is_used() -> None:
    assert control._api_url("http://example.test/api") == "http://example.test/api"


def test_without_a_server_it_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "LOCAL_API", "http://127.0.0.1:9/api")
    with pytest.raises(ControlError, match="prefect server start") as caught:
        control._api_url(None)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("arguments", [[], ["run"], ["run", "x", "--timeout", "soon"], ["nonsense"]])
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        control.main(arguments)
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_help_is_there_without_prefect() -> None:
    """The parser answers at once: importing Prefect takes seconds."""
    code = "import sys, flows.control as c\ntry: c.main(['run', '--help'])\nexcept SystemExit: pass\n"
    code += "import json; print(json.dumps([name for name in sys.modules if name.split('.')[0] == 'prefect']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "example: run build-tiles" in done.stdout
    assert json.loads(done.stdout.splitlines()[-1]) == []
