"""Ctrl-C during a build: once in order, twice at once, even while threads wait."""

from __future__ import annotations

import signal
import subprocess
import sys

from geomeld_build.cli.interrupts import twice_to_leave

_WAITS = """
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from geomeld_build.cli.interrupts import twice_to_leave

# Tests that a shell runs in the background hand down that Ctrl-C is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
with twice_to_leave(), ThreadPoolExecutor(1) as pool:
    future = pool.submit(time.sleep, 60)
    try:
        print("ready", flush=True)
        future.result()
    except KeyboardInterrupt:
        print("in order", flush=True)
        raise
"""


def test_the_second_one_does_not_wait_for_threads() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WAITS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "in order\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.splitlines() == [
        "stopping: tiles in flight are finished and kept; Ctrl-C again leaves at once",
        "interrupted",
    ]


def test_the_signal_is_given_back() -> None:
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with twice_to_leave():
            assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, inherited)
