"""The ``http_transport`` that the ``ee`` client talks through: limits, retries, counters and typed errors.

The client's own retries are off. It would wait without looking at ``Retry-After``, lose the HTTP status, and not know
of the other threads; here every repeat passes the shared limiter again and is counted.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httplib2

from geomeld_build.errors import CredentialsError, QuotaExceeded, SourceError
from geomeld_build.sources.earthengine_retry import (
    RETRYABLE,
    Refused,
    RetryPolicy,
    Verdict,
    classify,
    error_message,
    retry_after_s,
)
from geomeld_build.sources.limits import Limiter
from geomeld_build.sources.meter import Kind, Meter
from geomeld_build.sources.wire import Answer, Request, Sender, WireError, is_whole

__all__ = ["Purpose", "Switch", "Timeouts", "Transport", "purpose"]

_log = logging.getLogger(__name__)

_QUOTA_HEADER = "x-earth-engine-quota-status"
_AGGREGATION_ATTEMPTS = 2
_TIMEOUT_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for the network."""

    connect_s: float = 5.0
    read_s: float = 300.0
    """The service computes up to five minutes before the first byte."""
    setup_read_s: float = 20.0
    """While connecting, when nothing is computed."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why this context sends requests."""

    transport: Transport
    kind: Kind
    repeated: bool = False
    """The request repeats work that failed in another form (a split batch)."""


_PURPOSE: ContextVar[Purpose | None] = ContextVar("geomeld_build_ee_purpose", default=None)


@contextmanager
def purpose(transport: Transport, kind: Kind, *, repeated: bool = False) -> Iterator[None]:
    """Sends the client's requests of this context through ``transport``, booked under ``kind``."""
    token = _PURPOSE.set(Purpose(transport, kind, repeated))
    try:
        yield
    finally:
        _PURPOSE.reset(token)


class Switch:
    """What the process-wide client holds: passes each request to the transport of the calling context."""

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        redirections: int = 0,
        connection_type: object = None,
    ) -> tuple[httplib2.Response, bytes]:
        """One exchange in httplib2's terms.

        Raises:
            SourceError: the call was not made through a source of this package, or failed.
        """
        del redirections, connection_type
        current = _PURPOSE.get()
        if current is None:
            raise SourceError("an Earth Engine call was made outside of a source: use open_source(...)")
        return current.transport.exchange(uri, method, body, headers, current.kind, current.repeated)

    def close(self) -> None:
        """Nothing is held here; transports close their own connections."""


class Transport:
    """Sends requests until they succeed or fail for good.

    Args:
        sender: the wire.
        limiter: shared leases.
        policy: how long to try.
        timeouts: how long to wait for the network.
        sleep: waits between attempts; replaced in tests.
    """

    def __init__(
        self,
        sender: Sender,
        limiter: Limiter,
        *,
        policy: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.meter = Meter()
        self._sender = sender
        self._limiter = limiter
        self._policy = policy or RetryPolicy()
        self._timeouts = timeouts or Timeouts()
        self._sleep = sleep
        self._restricted = False

    def exchange(
        self,
        uri: str,
        method: str,
        body: str | bytes | None,
        headers: Mapping[str, str] | None,
        kind: Kind,
        repeated: bool,
    ) -> tuple[httplib2.Response, bytes]:
        """One logical request: repeated under the policy, counted, and typed when it fails.

        Raises:
            Refused: a final answer that the caller may act on (too big, asset missing, rejected).
            QuotaExceeded: refused for load until the budget of attempts or time was spent.
            CredentialsError: the login or project may not do this.
            SourceError: faults until the budget was spent; the message names the address.
        """
        payload = body.encode() if isinstance(body, str) else body or b""
        setup = kind == "setup"
        read_s = self._timeouts.setup_read_s if setup else self._timeouts.read_s
        request = Request(method, uri, dict(headers or {}), payload, self._timeouts.connect_s, read_s)
        key = hashlib.blake2b(payload + uri.encode(), digest_size=8).hexdigest()
        began = time.monotonic()
        failures: list[Verdict | str] = []
        while True:
            outcome = self._once(request, kind, repeated or bool(failures))
            if isinstance(outcome, Answer):
                verdict = classify(outcome.status, outcome.body)
                asked = retry_after_s(outcome.headers.get("retry-after"))
                if verdict in (Verdict.OK, Verdict.UNAUTHENTICATED):
                    return self._deliver(outcome)
                said = f"HTTP {outcome.status}: {error_message(outcome.body)}"
            else:
                verdict, asked, said = Verdict.FAULT, None, str(outcome)
            failures.append(outcome.kind if isinstance(outcome, WireError) else verdict)
            wait = None
            if verdict in RETRYABLE and not self._hopeless(failures, setup):
                spent = time.monotonic() - began
                wait = self._policy.wait_s(len(failures), spent_s=spent, asked_s=asked, key=key)
            if wait is None:
                raise self._final(verdict, outcome, said, uri, len(failures), setup)
            _log.info("Earth Engine %s failed (%s), attempt %d, again in %.1f s", kind, said, len(failures), wait)
            self._sleep(wait)

    def close(self) -> None:
        """Closes connections."""
        self._sender.close()

    def _once(self, request: Request, kind: Kind, repeated: bool) -> Answer | WireError:
        with self._limiter.slot():
            began = time.monotonic()
            outcome: Answer | WireError
            try:
                outcome = self._sender.send(request)
            except WireError as error:
                outcome = error
            busy = time.monotonic() - began
        received = outcome.received if isinstance(outcome, Answer) else 0
        self.meter.count(kind, repeated=repeated, received=received, busy_s=busy)
        if isinstance(outcome, WireError):
            return outcome
        verdict = classify(outcome.status, outcome.body)
        if verdict in (Verdict.THROTTLED, Verdict.AGGREGATIONS):
            self._limiter.on_throttle()
        elif verdict is Verdict.OK:
            self._limiter.on_success()
            if not is_whole(outcome):
                return WireError("truncated", f"{len(outcome.body)} bytes that end too early")
        return outcome

    @staticmethod
    def _hopeless(failures: list[Verdict | str], setup: bool) -> bool:
        if failures.count(Verdict.AGGREGATIONS) >= _AGGREGATION_ATTEMPTS:
            return True
        if setup and ("timeout" in failures or failures.count("connect") >= 2):
            return True
        return failures.count("timeout") >= _TIMEOUT_ATTEMPTS

    def _deliver(self, answer: Answer) -> tuple[httplib2.Response, bytes]:
        headers: dict[str, Any] = dict(answer.headers)
        # The client would raise a Python warning at every answer; one line in the log says the same.
        if "parallelism_restricted=true" in headers.pop(_QUOTA_HEADER, "") and not self._restricted:
            self._restricted = True
            _log.warning(
                "the project has spent its noncommercial compute quota: Earth Engine now restricts parallel requests"
            )
        headers["status"] = answer.status
        return httplib2.Response(headers), answer.body

    @staticmethod
    def _final(
        verdict: Verdict, outcome: Answer | WireError, said: str, uri: str, attempts: int, setup: bool
    ) -> SourceError:
        host = "{0.scheme}://{0.netloc}".format(urlsplit(uri))
        if isinstance(outcome, WireError):
            if outcome.kind == "connect":
                return SourceError(f"nothing answers at {host} ({outcome.detail}): check the URL and the network")
            return SourceError(f"{host} failed {attempts} times, last with {said}: try again later")
        if verdict is Verdict.THROTTLED and outcome.status != 503:
            return QuotaExceeded(f"{host} refused for load {attempts} times, last with {said}: run with less at once")
        if verdict is Verdict.DENIED:
            return CredentialsError(
                f"Earth Engine denies access ({said}): check that --project is registered for Earth Engine and that "
                "the account may use it, or run `earthengine authenticate`"
            )
        if verdict in (Verdict.FAULT, Verdict.THROTTLED):
            return SourceError(f"{host} failed {attempts} times, last with {said}: try again later")
        if setup:
            return SourceError(f"{host} answers {said}: check that it is an Earth Engine service, and the project")
        return Refused(verdict, outcome.status, error_message(outcome.body))
