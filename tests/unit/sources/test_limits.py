"""The limiter: never more at once, never faster, and slower after a refusal."""

from __future__ import annotations

import threading
import time

import pytest

from geomeld_build.errors import ConfigError
from geomeld_build.sources.limits import LocalLimiter


def test_never_more_in_flight_than_allowed() -> None:
    limiter = LocalLimiter(rate=10_000, burst=100, start=3, most=3)
    most = 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal most
        with limiter.slot():
            with lock:
                most = max(most, limiter.in_flight)
            time.sleep(0.005)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3
    assert limiter.in_flight == 0


def test_rate_is_kept_after_the_burst() -> None:
    limiter = LocalLimiter(rate=100.0, burst=2, start=8)
    began = time.monotonic()
    for _ in range(12):
        with limiter.slot():
            pass
    assert time.monotonic() - began >= 0.095


def test_aimd_halves_once_per_overload_and_recovers_by_ones() -> None:
    now = [0.0]
    limiter = LocalLimiter(start=8, most=40, cooldown_s=1.0, clock=lambda: now[0])
    limiter.on_throttle()
    limiter.on_throttle()
    assert limiter.allowed == 4
    now[0] = 2.0
    limiter.on_throttle()
    assert limiter.allowed == 2
    for _ in range(3):
        limiter.on_success()
    assert limiter.allowed == 3
    for _ in range(10_000):
        limiter.on_success()
    assert limiter.allowed == 40


def test_allowed_never_falls_below_one() -> None:
    now = [0.0]
    limiter = LocalLimiter(start=2, clock=lambda: now[0])
    for _ in range(9):
        now[0] += 5.0
        limiter.on_throttle()
    assert limiter.allowed == 1


def test_a_failing_request_gives_its_slot_back() -> None:
    limiter = LocalLimiter(start=1)
    with pytest.raises(RuntimeError), limiter.slot():
        raise RuntimeError
    assert limiter.in_flight == 0


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"burst": 0}, {"start": 0}, {"start": 50}])
def test_impossible_limits_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        LocalLimiter(**wrong)  # type: ignore[arg-type]
