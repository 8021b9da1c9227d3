"""The transport: every fault ends in success or in one typed error, and everything sent is counted."""

from __future__ import annotations

import contextvars
import logging
import threading

import pytest

from geomeld_build.errors import CredentialsError, QuotaExceeded, SourceError
from geomeld_build.sources.base import Counters
from geomeld_build.sources.earthengine_retry import Refused, RetryPolicy, Verdict
from geomeld_build.sources.earthengine_transport import Switch, Transport
from geomeld_build.sources.limits import LocalLimiter
from geomeld_build.sources.wire import Answer, Request, WireError
from tests.unit.sources.fake_service import JSON, QUICK, FakeService, Reply, fake_transport, ok, refusal

URL = "http://service.invalid/v1/projects/p/value:compute"


def _exchange(*script: Reply, policy: RetryPolicy = QUICK) -> tuple[bytes, Counters]:
    transport = fake_transport(FakeService(list(script)), policy)
    _, body = transport.exchange(URL, "POST", "{}", {}, "search", False)
    return body, transport.meter.total()


@pytest.mark.parametrize(
    "fault",
    [
        refusal(429, "Too many concurrent requests."),
        refusal(503, "Unavailable"),
        refusal(500, "Internal"),
        refusal(400, "Too many concurrent aggregations."),
        WireError("reset", "by peer"),
        WireError("timeout", "read"),
        WireError("truncated", "3 of 5"),
        WireError("connect", "refused"),
        Answer(200, JSON, b'{"result": [1, 2'),
    ],
)
def test_passing_faults_are_asked_again_and_counted(fault: Reply) -> None:
    body, spent = _exchange(fault, ok({"result": 1}))
    assert b"result" in body
    assert (spent.requests, spent.search_requests, spent.retries_fault) == (2, 1, 1)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refusal(429, "Quota exceeded"), QuotaExceeded),
        (refusal(503, "Unavailable"), SourceError),
        (WireError("reset", "by peer"), SourceError),
        (WireError("connect", "refused"), SourceError),
    ],
)
def test_lasting_faults_end_after_the_budget(reply: Reply, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"service\.invalid"):
        _exchange(*[reply] * 10, policy=RetryPolicy(attempts=4, base_s=0.0, cap_s=0.0))


@pytest.mark.parametrize(
    ("status", "message", "verdict"),
    [
        (400, "User memory limit exceeded.", Verdict.TOO_BIG),
        (400, "Image.load: Image asset 'A' not found.", Verdict.MISSING),
        (400, "Bad band", Verdict.REJECTED),
        (501, "Function not emulated", Verdict.REJECTED),
    ],
)
def test_final_answers_are_not_asked_again(status: int, message: str, verdict: Verdict) -> None:
    service = FakeService([refusal(status, message)])
    with pytest.raises(Refused) as caught:
        fake_transport(service).exchange(URL, "POST", "{}", {}, "pixel", False)
    assert (caught.value.verdict, caught.value.message, len(service.asked)) == (verdict, message, 1)


def test_denied_access_says_what_to_do() -> None:
    with pytest.raises(CredentialsError, match="earthengine authenticate"):
        _exchange(refusal(403, "Caller does not have required permission"))


def test_aggregations_are_repeated_once_then_handed_back() -> None:
    service = FakeService([refusal(400, "Too many concurrent aggregations.")] * 5)
    with pytest.raises(Refused) as caught:
        fake_transport(service).exchange(URL, "POST", "{}", {}, "search", False)
    assert (caught.value.verdict, len(service.asked)) == (Verdict.AGGREGATIONS, 2)


def test_retry_after_is_waited_for() -> None:
    waits: list[float] = []
    service = FakeService([refusal(429, "slow down", **{"retry-after": "3"}), ok({})])
    limiter = LocalLimiter(rate=1e6, burst=100)
    transport = Transport(service, limiter, policy=RetryPolicy(base_s=0.5), sleep=waits.append)
    transport.exchange(URL, "POST", "{}", {}, "search", False)
    assert 3.0 <= waits[0] <= 3.5
    assert limiter.allowed == 4


def test_the_quota_header_is_logged_once_and_kept_from_the_client(caplog: pytest.LogCaptureFixture) -> None:
    header = {"x-earth-engine-quota-status": "a=1; parallelism_restricted=true", **JSON}
    service = FakeService([Answer(200, header, b"{}"), Answer(200, header, b"{}")])
    transport = fake_transport(service)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            response, _ = transport.exchange(URL, "POST", "{}", {}, "search", False)
            assert "x-earth-engine-quota-status" not in response
    assert len(caplog.records) == 1


def test_while_connecting_a_silent_address_is_given_up_early() -> None:
    service = FakeService([WireError("timeout", "read")] * 5)
    with pytest.raises(SourceError, match=r"service\.invalid"):
        fake_transport(service).exchange(URL, "GET", None, {}, "setup", False)
    assert len(service.asked) == 1


def test_a_server_without_the_protocol_is_named_while_connecting() -> None:
    with pytest.raises(SourceError, match=r"http://service\.invalid answers HTTP 404"):
        fake_transport(FakeService([refusal(404, "no such page")])).exchange(URL, "GET", None, {}, "setup", False)


def test_a_share_counts_its_own_context_only() -> None:
    transport = fake_transport(FakeService(lambda _: ok({})))

    def send() -> None:
        transport.exchange(URL, "POST", "{}", {}, "pixel", False)

    with transport.meter.tally() as share:
        send()
        elsewhere = threading.Thread(target=send)
        here = threading.Thread(target=contextvars.copy_context().run, args=(send,))
        for thread in (elsewhere, here):
            thread.start()
            thread.join()
    send()
    assert share.snapshot().pixel_requests == 2
    assert transport.meter.total().pixel_requests == 4


def test_calls_outside_a_source_are_refused() -> None:
    with pytest.raises(SourceError, match="open_source"):
        Switch().request(URL)


def test_the_timeouts_of_a_request_depend_on_its_purpose() -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Reply:
        seen.append(request)
        return ok({})

    transport = fake_transport(FakeService(answer))
    transport.exchange(URL, "POST", "{}", {}, "pixel", False)
    transport.exchange(URL, "GET", None, {}, "setup", False)
    assert [request.read_s for request in seen] == [300.0, 20.0]
