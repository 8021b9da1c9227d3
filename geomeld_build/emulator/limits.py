"""Request quotas, as the service enforces them, and the artificial latency."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque

from geomeld_build.emulator.errors import ServiceError
from geomeld_build.emulator.settings import LatencySettings, QuotaSettings

__all__ = ["Quota", "delay_s"]


class Quota:
    """Counts requests in flight and requests of the last second."""

    def __init__(self, settings: QuotaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._flying = 0
        self._recent: deque[float] = deque()
        self.peak = 0

    def enter(self) -> None:
        """A request arrives; :meth:`leave` must follow when this does not raise.

        Raises:
            ServiceError: 429, over a quota.
        """
        settings = self._settings
        now = time.monotonic()
        with self._lock:
            while self._recent and now - self._recent[0] >= 1.0:
                self._recent.popleft()
            if settings.per_second is not None and len(self._recent) >= settings.per_second:
                raise ServiceError(
                    "Quota exceeded for quota metric 'Earth Engine compute requests' and limit "
                    f"'Earth Engine compute requests per second ({settings.per_second})' of service "
                    "'earthengine.googleapis.com'.",
                    429,
                )
            if settings.concurrent is not None and self._flying >= settings.concurrent:
                raise ServiceError(
                    "Too many concurrent requests: Request was rejected because the request rate or concurrency limit "
                    "was exceeded.",
                    429,
                )
            self._recent.append(now)
            self._flying += 1
            self.peak = max(self.peak, self._flying)

    def leave(self) -> None:
        """The request is answered."""
        with self._lock:
            self._flying -= 1

    @property
    def in_flight(self) -> int:
        """Requests being answered now."""
        return self._flying


def delay_s(settings: LatencySettings, number: int) -> float:
    """Seconds to wait for request ``number``; the same for the same number."""
    if settings.jitter_s <= 0:
        return settings.fixed_s
    digest = hashlib.blake2b(f"{settings.seed}|{number}".encode(), digest_size=8).digest()
    return settings.fixed_s + settings.jitter_s * int.from_bytes(digest, "big") / 2**64
