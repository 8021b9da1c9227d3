"""What the server has served."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from typing import Any

__all__ = ["Stats"]


class Stats:
    """Counters since the start or the last reset."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Start again from zero."""
        with self._lock:
            self._endpoints: Counter[str] = Counter()
            self._status: Counter[str] = Counter()
            self._tags: Counter[str] = Counter()
            self._faults: Counter[str] = Counter()
            self._bodies: set[bytes] = set()
            self._busy_s = 0.0
            self._pixels = 0
            self._native = 0
            self._bytes = 0

    def request(self, endpoint: str, path: str, body: bytes, tag: str | None) -> None:
        """A request arrived."""
        digest = hashlib.blake2b(endpoint.encode() + path.encode() + b"\0" + body, digest_size=16).digest()
        with self._lock:
            self._endpoints[endpoint] += 1
            self._bodies.add(digest)
            if tag is not None:
                self._tags[tag] += 1

    def answer(self, status: int, size: int) -> None:
        """A request was answered."""
        with self._lock:
            self._status[str(status)] += 1
            self._bytes += size

    def fault(self, kind: str) -> None:
        """A scripted fault was used."""
        with self._lock:
            self._faults[kind] += 1

    def work(self, seconds: float, pixels: int, native: int) -> None:
        """A request was evaluated."""
        with self._lock:
            self._busy_s += seconds
            self._pixels += pixels
            self._native += native

    def as_dict(self) -> dict[str, Any]:
        """All counters as JSON."""
        with self._lock:
            return {
                "requests": sum(self._endpoints.values()),
                "distinct": len(self._bodies),
                "by_endpoint": dict(self._endpoints),
                "by_status": dict(self._status),
                "by_workload_tag": dict(self._tags),
                "faults": dict(self._faults),
                "busy_s": self._busy_s,
                "pixels": self._pixels,
                "native_pixels": self._native,
                "bytes": self._bytes,
            }
