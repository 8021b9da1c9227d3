"""Counting what is spent: a total per source, and the share of whoever asks for it.

A share follows the context (:mod:`contextvars`): what runs inside ``tally`` is counted in it, also from other threads
when they are started with ``contextvars.copy_context().run``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Literal

from geomeld_build.sources.base import Counters

__all__ = ["Kind", "Meter", "Tally"]

Kind = Literal["search", "pixel", "companion", "setup"]


class Tally:
    """A running sum that several threads may add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sum = Counters()

    def add(self, spent: Counters) -> None:
        """Adds to the sum."""
        with self._lock:
            self._sum += spent

    def snapshot(self) -> Counters:
        """A copy of the sum now."""
        with self._lock:
            return replace(self._sum)


_SHARES: ContextVar[tuple[tuple[int, Tally], ...]] = ContextVar("geomeld_build_shares", default=())


class Meter:
    """The total of one source, and the shares that are open on it."""

    def __init__(self) -> None:
        self._total = Tally()

    def count(self, kind: Kind, *, repeated: bool, received: int, busy_s: float) -> None:
        """Books one request that was sent.

        Args:
            kind: what it was for; a repeated request counts as a retry instead.
            repeated: it repeats work that failed.
            received: bytes of the answer on the wire.
            busy_s: seconds it was in flight.
        """
        spent = Counters(requests=1, bytes_received=received, busy_s=busy_s)
        field = "retries_fault" if repeated else f"{kind}_requests"
        setattr(spent, field, 1)
        self._total.add(spent)
        for owner, share in _SHARES.get():
            if owner == id(self):
                share.add(spent)

    def total(self) -> Counters:
        """Everything booked so far."""
        return self._total.snapshot()

    @contextmanager
    def tally(self) -> Iterator[Tally]:
        """Counts what this context spends; shares may nest."""
        share = Tally()
        token = _SHARES.set((*_SHARES.get(), (id(self), share)))
        try:
            yield share
        finally:
            _SHARES.reset(token)
