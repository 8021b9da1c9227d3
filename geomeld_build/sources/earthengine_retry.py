"""What an answer of Earth Engine means, and how long to wait before asking again.

Status codes are not enough: the service says "too large" and "no such asset" with the same 400, and the ``ee`` client
drops the status altogether. Both status and message are read here, once, next to the wire.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from geomeld_build.errors import ConfigError, SourceError

__all__ = ["Refused", "RetryPolicy", "Verdict", "classify", "error_message", "missing_asset", "retry_after_s"]


class Verdict(StrEnum):
    """What to do about an answer."""

    OK = "ok"
    THROTTLED = "throttled"
    """Too much at once: slow down and ask again."""
    AGGREGATIONS = "aggregations"
    """Too many aggregations at once: ask again once, then ask for less."""
    FAULT = "fault"
    """The service or the network failed: ask again."""
    TOO_BIG = "too_big"
    """This request can never succeed: ask for less."""
    MISSING = "missing"
    """An asset does not exist, or not in this version."""
    UNAUTHENTICATED = "unauthenticated"
    """The token is stale or absent; google-auth refreshes it and asks again."""
    DENIED = "denied"
    """The login or the project may not do this."""
    REJECTED = "rejected"
    """The request is wrong; asking again cannot help."""


RETRYABLE = frozenset({Verdict.THROTTLED, Verdict.AGGREGATIONS, Verdict.FAULT})

_TOO_BIG = re.compile(
    r"user memory limit exceeded|computation timed out|total request size|request payload size|"
    r"collection query aborted after accumulating|value is too large|out of memory|too many elements",
    re.IGNORECASE,
)
_AGGREGATIONS = re.compile(r"too many concurrent aggregations", re.IGNORECASE)
_RATE = re.compile(
    r"ratelimitexceeded|rate_limit_exceeded|rate limit exceeded|too many concurrent requests", re.IGNORECASE
)
_MISSING_LOAD = re.compile(r"\.load\w*: .*(not found|does not exist|version)", re.DOTALL)
_MISSING = re.compile(r"asset '(?P<id>[^']+)'.{0,80}?not found|asset '(?P<id2>[^']+)'.{0,80}?does not exist", re.DOTALL)


class Refused(SourceError):
    """The service answered, and the answer is final.

    Attributes:
        verdict: what kind of refusal.
        status: HTTP status.
        message: the service's own words.
    """

    def __init__(self, verdict: Verdict, status: int, message: str) -> None:
        super().__init__(verdict, status, message)
        self.verdict = verdict
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return f"Earth Engine refused the request ({self.verdict}, HTTP {self.status}): {self.message}"


def error_message(body: bytes) -> str:
    """The service's words in an error body, or the body's beginning when it is not the usual JSON."""
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body[:300].decode("utf-8", "replace").strip() or "(empty answer)"


def classify(status: int, body: bytes) -> Verdict:
    """The meaning of an HTTP answer, by status and by message."""
    if status < 400:
        return Verdict.OK
    message = error_message(body)
    if _AGGREGATIONS.search(message):
        return Verdict.AGGREGATIONS
    if status == 429 or (status == 403 and _RATE.search(body.decode("utf-8", "replace"))):
        return Verdict.THROTTLED
    if status in (401, 403):
        return Verdict.UNAUTHENTICATED if status == 401 else Verdict.DENIED
    if status == 501:
        return Verdict.REJECTED
    if status >= 500 or status == 408:
        return Verdict.THROTTLED if status == 503 else Verdict.FAULT
    if status == 413 or _TOO_BIG.search(message):
        return Verdict.TOO_BIG
    missing = missing_asset(message) or _MISSING_LOAD.search(message)
    return Verdict.MISSING if missing else Verdict.REJECTED


def missing_asset(message: str) -> str | None:
    """The id of the asset that a message calls missing."""
    found = _MISSING.search(message)
    return (found["id"] or found["id2"]) if found else None


def retry_after_s(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds asked for by a ``Retry-After`` header (seconds or a date); None when absent or unreadable."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to try again: full jitter under a doubling ceiling, within one budget of time."""

    attempts: int = 10
    """Requests in all, the first included."""
    base_s: float = 1.0
    """Ceiling of the first wait."""
    cap_s: float = 60.0
    """Ceiling of every wait."""
    budget_s: float = 900.0
    """Seconds from the first request after which no new one is sent."""
    setup_attempts: int = 3
    """Requests in all while connecting, where the likely cause is a wrong address."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.setup_attempts < 1 or min(self.base_s, self.cap_s, self.budget_s) < 0:
            raise ConfigError(f"a retry policy needs attempts >= 1 and times >= 0, got {self}")

    def wait_s(self, attempt: int, *, spent_s: float, asked_s: float | None, key: str) -> float | None:
        """Seconds to wait after failed attempt number ``attempt`` (from 1); None = give up.

        Args:
            attempt: how many requests have failed.
            spent_s: seconds since the first was sent.
            asked_s: what the service asked for; never waited less.
            key: what the jitter depends on, so that requests that failed together do not return together.
        """
        if attempt >= self.attempts:
            return None
        ceiling = min(self.cap_s, self.base_s * 2.0 ** (attempt - 1))
        jitter = random.Random(f"{key}|{attempt}").uniform(0.0, ceiling)
        wait = jitter if asked_s is None else asked_s + min(jitter, self.base_s)
        return wait if spent_s + wait <= self.budget_s else None
