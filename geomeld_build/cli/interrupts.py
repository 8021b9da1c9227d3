"""Ctrl-C once ends a build in order, twice at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from geomeld_build.cli.failures import INTERRUPTED

__all__ = ["twice_to_leave"]


@contextmanager
def twice_to_leave() -> Iterator[None]:
    """Inside, a first Ctrl-C raises KeyboardInterrupt and a second one ends the process.

    Threads that wait for a service that does not answer may wait for minutes, and Python waits for its threads. A
    store survives the end of its writer at any moment.
    """
    on_main_thread = threading.current_thread() is threading.main_thread()
    if not on_main_thread or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell has its background jobs ignore the signal: that stays.
        yield
        return

    # os.write, because print may be interrupted by its own signal.
    def first(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, second)
        os.write(2, b"stopping: tiles in flight are finished and kept; Ctrl-C again leaves at once\n")
        raise KeyboardInterrupt

    def second(_number: int, _frame: FrameType | None) -> None:
        os.write(2, b"interrupted\n")
        os._exit(INTERRUPTED)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
