"""What answers of the service mean, and how long the next attempt waits."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geomeld_build.errors import ConfigError
from geomeld_build.sources.earthengine_retry import (
    Refused,
    RetryPolicy,
    Verdict,
    classify,
    error_message,
    missing_asset,
    retry_after_s,
)


def _body(message: str, **more: object) -> bytes:
    return json.dumps({"error": {"message": message, **more}}).encode()


NOT_FOUND = "Image.load: Image asset 'A/B' not found (does not exist or caller does not have access)."


@pytest.mark.parametrize(
    ("status", "message", "verdict"),
    [
        (200, "", Verdict.OK),
        (429, "Quota exceeded for quota metric 'Requests'", Verdict.THROTTLED),
        (429, "Too many concurrent aggregations.", Verdict.AGGREGATIONS),
        (400, "Too many concurrent aggregations.", Verdict.AGGREGATIONS),
        (503, "Service unavailable", Verdict.THROTTLED),
        (500, "An internal error has occurred", Verdict.FAULT),
        (502, "", Verdict.FAULT),
        (504, "", Verdict.FAULT),
        (501, "not here", Verdict.REJECTED),
        (401, "no token", Verdict.UNAUTHENTICATED),
        (403, "Caller does not have required permission", Verdict.DENIED),
        (400, "User memory limit exceeded.", Verdict.TOO_BIG),
        (400, "Computation timed out.", Verdict.TOO_BIG),
        (400, "Total request size (60000000 bytes) must be less than or equal to 50331648 bytes.", Verdict.TOO_BIG),
        (400, "Collection query aborted after accumulating over 5000 elements.", Verdict.TOO_BIG),
        (413, "", Verdict.TOO_BIG),
        (400, NOT_FOUND, Verdict.MISSING),
        (400, "Image.load: Image asset 'A/B' (version 7) not found.", Verdict.MISSING),
        (404, NOT_FOUND, Verdict.MISSING),
        (404, "Requested entity was not found.", Verdict.REJECTED),
        (400, "Image.select: Band pattern 'X' was applied to an Image with no matching bands", Verdict.REJECTED),
        (400, "Element.get: Parameter 'object' is required and may not be null.", Verdict.REJECTED),
    ],
)
def test_status_and_message_decide_together(status: int, message: str, verdict: Verdict) -> None:
    assert classify(status, _body(message)) is verdict


@pytest.mark.parametrize("reason", ["rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"])
def test_403_for_rate_is_a_throttle(reason: str) -> None:
    assert classify(403, _body("no", errors=[{"reason": reason}])) is Verdict.THROTTLED


def test_the_missing_asset_is_named() -> None:
    assert missing_asset(NOT_FOUND) == "A/B"
    assert missing_asset("Image.load: Image asset 'A/B' (version 7) not found.") == "A/B"
    assert missing_asset("User memory limit exceeded.") is None


def test_a_body_that_is_no_json_is_quoted() -> None:
    assert error_message(b"<html>Bad gateway</html>") == "<html>Bad gateway</html>"
    assert error_message(b"") == "(empty answer)"


def test_retry_after_reads_seconds_and_dates() -> None:
    now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert retry_after_s("7") == 7.0
    assert retry_after_s("Thu, 01 Jan 2026 12:00:30 GMT", now) == 30.0
    assert retry_after_s("Thu, 01 Jan 2026 11:00:00 GMT", now) == 0.0
    assert retry_after_s(None) is None
    assert retry_after_s("soon") is None


@given(st.integers(1, 9), st.text(max_size=8))
def test_waits_stay_below_a_doubling_ceiling(attempt: int, key: str) -> None:
    policy = RetryPolicy(attempts=10, base_s=1.0, cap_s=20.0)
    wait = policy.wait_s(attempt, spent_s=0.0, asked_s=None, key=key)
    assert wait is not None
    assert 0.0 <= wait <= min(20.0, 2.0 ** (attempt - 1))


def test_what_the_service_asks_for_is_a_lower_bound() -> None:
    wait = RetryPolicy().wait_s(1, spent_s=0.0, asked_s=12.0, key="a")
    assert wait is not None
    assert 12.0 <= wait <= 13.0


def test_attempts_and_time_are_limited() -> None:
    policy = RetryPolicy(attempts=3, budget_s=10.0)
    assert policy.wait_s(3, spent_s=0.0, asked_s=None, key="a") is None
    assert policy.wait_s(1, spent_s=5.0, asked_s=6.0, key="a") is None
    with pytest.raises(ConfigError):
        RetryPolicy(attempts=0)


def test_a_refusal_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(Refused(Verdict.TOO_BIG, 400, "User memory limit exceeded.")))
    assert (error.verdict, error.status, error.message) == (Verdict.TOO_BIG, 400, "User memory limit exceeded.")
