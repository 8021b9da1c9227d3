"""How hard a service is asked: requests in flight, requests a second, and what a refusal does to both.

A service publishes two limits (Earth Engine: 40 requests at once and 100 a second for a project). The number in
flight starts low and follows AIMD, as TCP does: one more for every window of successes, half after a refusal, so
that several runs of one project share its quota without knowing of each other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from geomeld_build.errors import ConfigError

__all__ = ["Limiter", "LocalLimiter"]


class Limiter(Protocol):
    """Leases for requests. One object is shared by all threads of a process, or stands for a lease server."""

    def slot(self) -> AbstractContextManager[None]:
        """Blocks until one more request may be in flight; the request runs inside."""
        ...

    def on_throttle(self) -> None:
        """The service refused for load."""
        ...

    def on_success(self) -> None:
        """The service answered."""
        ...


class LocalLimiter:
    """A token bucket and an AIMD semaphore for the threads of one process.

    Args:
        rate: requests a second, on average and (with ``burst``) in any one second.
        burst: requests that may start back to back after a pause.
        start: requests in flight allowed at first.
        most: upper bound of requests in flight.
        cooldown_s: refusals within this time of a decrease belong to the same overload and do not decrease again.
        clock: monotonic seconds; replaced in tests.

    Raises:
        ConfigError: a limit is not positive, or ``start`` exceeds ``most``.
    """

    def __init__(
        self,
        *,
        rate: float = 95.0,
        burst: int = 5,
        start: int = 8,
        most: int = 40,
        cooldown_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if rate <= 0 or burst < 1 or not 1 <= start <= most:
            raise ConfigError(
                f"limits must be positive and start <= most, got rate={rate}, burst={burst}, start={start}, most={most}"
            )
        self._rate = rate
        self._burst = float(burst)
        self._most = float(most)
        self._cooldown = cooldown_s
        self._clock = clock
        self._changed = threading.Condition()
        self._allowed = float(start)
        self._in_flight = 0
        self._tokens = float(burst)
        self._refilled = clock()
        self._decreased = float("-inf")

    @property
    def allowed(self) -> int:
        """Requests that may be in flight now."""
        return int(self._allowed)

    @property
    def in_flight(self) -> int:
        """Requests that are in flight now."""
        return self._in_flight

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Blocks until one more request may be in flight; the request runs inside."""
        with self._changed:
            while (wait := self._wait_s()) is None or wait > 0.0:
                self._changed.wait(wait)
            self._tokens -= 1.0
            self._in_flight += 1
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify()

    def on_throttle(self) -> None:
        """Halves the requests in flight, once per overload."""
        with self._changed:
            now = self._clock()
            if now - self._decreased >= self._cooldown:
                self._decreased = now
                self._allowed = max(1.0, self._allowed / 2.0)

    def on_success(self) -> None:
        """Allows one more request in flight after about a window of successes."""
        with self._changed:
            before = int(self._allowed)
            self._allowed = min(self._most, self._allowed + 1.0 / self._allowed)
            if int(self._allowed) > before:
                self._changed.notify()

    def _wait_s(self) -> float | None:
        """Seconds until a token is there (0 = now); None = a slot must come free first."""
        if self._in_flight >= int(self._allowed):
            return None
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._refilled) * self._rate)
        self._refilled = now
        return 0.0 if self._tokens >= 1.0 else (1.0 - self._tokens) / self._rate
