"""Servers are started once for all tests of a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from geomeld_build.emulator.serve import EmulatorServer


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., EmulatorServer]]:
    """Starts an emulator over a world; all are stopped at the end of the session."""
    with ExitStack() as stack:

        def start(world: Any, **settings: Any) -> EmulatorServer:
            return stack.enter_context(EmulatorServer(world, **settings))

        yield start
