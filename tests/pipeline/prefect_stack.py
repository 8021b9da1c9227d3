"""Runs the services of docker/compose.yaml as processes on loopback, with the very commands that compose names."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
_MARK = "GEOMELD_TEST_STACK"
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def free_port() -> int:
    """A port that nothing listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def executable(command: Sequence[str]) -> list[str]:
    """The command with the program of the environment that runs the tests."""
    name, *arguments = command
    program = sys.executable if name == "python" else str(Path(sys.executable).with_name(name))
    return [program, *arguments]


@dataclass(slots=True)
class Stack:
    """Addresses, environment and processes of one set of services."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _logs: list[IO[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for service in ("server", "dask-scheduler", "emulator", "worker"):
            self.ports[service] = free_port()
        (self.folder / "work").mkdir()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.ports['server']}/api"

    def command(self, service: str) -> list[str]:
        """What compose runs for a service, with the addresses of this machine."""
        words = [
            _interpolated(word, {"GEOMELD_STORE": str(self.folder / "work" / "store")})
            for word in COMPOSE["services"][service]["command"]
        ]
        return [self._here(word) for word in words]

    def _here(self, word: str) -> str:
        word = word.replace("0.0.0.0", "127.0.0.1").replace("dask-scheduler:", "127.0.0.1:")
        for service, port in (("server", "4200"), ("dask-scheduler", "8786"), ("emulator", "8765")):
            word = re.sub(rf"(^|:){port}$", rf"\g<1>{self.ports[service]}", word)
        return word

    def environment(self) -> dict[str, str]:
        """Ours without any Prefect setting of the user, pointing at this stack, reporting to nobody."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "GEOMELD_"))}
        return kept | {
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_API_URL": self.api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
            "PREFECT_WORKER_WEBSERVER_PORT": str(self.ports["worker"]),
            "GEOMELD_WORKDIR": str(self.folder / "work"),
            "PYTHONPATH": str(ROOT),
            _MARK: self.mark,
        }

    def start(self, service: str, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Start a service and wait until it is ready."""
        log = (self.folder / f"{service}.log").open("wb")
        self._logs.append(log)
        self.processes[service] = subprocess.Popen(
            executable(self.command(service)),
            env=self.environment(),
            cwd=self.folder / "work",
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(lambda: self._alive(service) and ready(), seconds, f"{service} is ready", self.log(service))

    def _alive(self, service: str) -> bool:
        code = self.processes[service].poll()
        if code is not None:
            raise AssertionError(f"{service} ended with {code}:\n{self.log(service)()[-4000:]}")
        return True

    def log(self, service: str) -> Callable[[], str]:
        """Reads what a service has said so far."""
        return lambda: (self.folder / f"{service}.log").read_text(errors="replace")

    def run(self, command: Sequence[str], seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command to its end in the stack's environment."""
        return subprocess.run(
            executable(command),
            env=self.environment(),
            cwd=self.folder / "work",
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def stop(self) -> None:
        """End every process, the newest first, and make sure that none is left."""
        for process in reversed(self.processes.values()):
            _signal(process, signal.SIGTERM)
        for process in reversed(self.processes.values()):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait(15)
        for log in self._logs:
            log.close()
        deadline = time.monotonic() + 10
        while (left := self.remaining()) and time.monotonic() < deadline:
            time.sleep(0.2)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, f"processes outlived their service: {left}"

    def remaining(self) -> list[int]:
        """Processes that inherited this stack's mark, where the system can tell."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if f"{_MARK}={self.mark}".encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
        return found


def wait_until(ready: Callable[[], bool], seconds: float, what: str, log: Callable[[], str] = lambda: "") -> None:
    """Poll until something holds.

    Raises:
        AssertionError: it did not in time.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}\n{log()[-4000:]}")
        time.sleep(0.2)


def answers(url: str) -> bool:
    """Whether a GET succeeds."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def listens(port: int) -> bool:
    """Whether something accepts connections on a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
    except OSError:
        return False
    return True


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _interpolated(word: str, values: dict[str, str]) -> str:
    """Compose's ``${NAME:-default}``."""
    return _VARIABLE.sub(lambda match: values.get(match[1], match[2] or ""), str(word))
