"""Scripted faults: which requests fail, how, and how often."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["KINDS", "Fault", "FaultPlan"]

KINDS = ("error", "truncate", "reset", "delay")


@dataclass(frozen=True, slots=True)
class Fault:
    """One scripted fault. It applies to requests that match ``endpoint`` and ``contains``."""

    kind: str = "error"
    """``error`` answers ``status``; ``truncate`` sends half of the right body, then closes the connection; ``reset``
    closes it without an answer; ``delay`` only waits."""
    status: int = 503
    message: str = "The service is currently unavailable."
    reason: str | None = None
    """Legacy reason in the error body, e.g. ``rateLimitExceeded``."""
    retry_after: float | None = None
    """Seconds in a ``Retry-After`` header."""
    latency_s: float = 0.0
    """Extra delay before the fault, or before the right answer."""
    count: int | None = 1
    """How many matching requests fail; None = all."""
    skip: int = 0
    """How many matching requests pass first."""
    endpoint: str | None = None
    """E.g. ``image:computePixels``; None = any."""
    contains: str | None = None
    """Text that the request's body or path must contain; None = any."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"Fault kind {self.kind!r} is unknown; expected one of {KINDS}.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Fault:
        """A fault from JSON.

        Raises:
            ValueError: unknown keys or kind.
        """
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"Unknown keys {unknown} in a fault; expected some of {sorted(known)}.")
        return cls(**values)

    def matches(self, endpoint: str, path: str, body: bytes) -> bool:
        """Whether the fault is meant for this request."""
        if self.endpoint is not None and self.endpoint != endpoint:
            return False
        return self.contains is None or self.contains in path or self.contains.encode() in body


class FaultPlan:
    """The faults still to come, in order. The first one that matches a request is used for it."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._seen: list[int] = []
        self.replace(faults)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Forget all faults and take these."""
        with self._lock:
            self._faults = list(faults)
            self._seen = [0] * len(self._faults)

    def take(self, endpoint: str, path: str, body: bytes) -> Fault | None:
        """The fault for this request, or None; counts the request."""
        with self._lock:
            for index, fault in enumerate(self._faults):
                if not fault.matches(endpoint, path, body):
                    continue
                number = self._seen[index]
                spent = fault.count is not None and number >= fault.skip + fault.count
                if spent:
                    continue
                self._seen[index] = number + 1
                if number >= fault.skip:
                    return fault
        return None
