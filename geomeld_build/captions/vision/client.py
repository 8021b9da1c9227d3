"""A client for chat completions that waits, tries again, gives up for stated reasons, and keeps every answer."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

from geomeld_build.captions.vision.account import Account
from geomeld_build.captions.vision.answer import Answer, read_answer
from geomeld_build.captions.vision.cache import AnswerCache
from geomeld_build.captions.vision.request import request_sha
from geomeld_build.captions.vision.settings import VisionSettings
from geomeld_build.errors import ConfigError

__all__ = ["Failure", "Reply", "VisionClient"]

_BASE_S = 0.5
_LONGEST_S = 60.0
_AGAIN = frozenset({408, 409, 425, 429})
_DOWN_AFTER = 8
"""Tiles in a row that a server did not answer, until it counts as down."""
_DOWN_S = 30.0
"""For so long nothing is asked of a server that is down: its tiles are captioned without it at once."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer."""

    reason: str
    """For people."""
    final: bool
    """Whether asking again is pointless."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer or why there is none, and what it took."""

    sha: str
    answer: Answer | None
    failure: Failure | None
    account: Account


class VisionClient:
    """One server. Threads may share it."""

    def __init__(self, settings: VisionSettings) -> None:
        self._settings = settings
        self._cache = AnswerCache(settings.cache)
        self._pool = urllib3.PoolManager(maxsize=settings.at_once, block=False)
        self._headers = {"Content-Type": "application/json"}
        key = settings.key()
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._lock = threading.Lock()
        self._silent = 0
        self._down_until = 0.0

    def check(self) -> list[str]:
        """The server's models.

        Raises:
            ConfigError: it does not answer, refuses, or does not have the model.
        """
        url = f"{self._settings.url.rstrip('/')}/models"
        try:
            answer = self._pool.request("GET", url, headers=self._headers, timeout=10.0, retries=False)
        except urllib3.exceptions.HTTPError as error:
            raise ConfigError(
                f"no vision model answers at {url}: {_told(error)}; start the server, or use --offline to caption from "
                "the answers that were kept"
            ) from error
        if answer.status != 200:
            raise ConfigError(f"{url} answers {answer.status}: {answer.data[:200].decode(errors='replace')}")
        try:
            models = [str(one["id"]) for one in json.loads(answer.data)["data"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{url} is no OpenAI-compatible server: {answer.data[:80]!r}") from error
        if self._settings.model not in models:
            raise ConfigError(f"{url} has no model {self._settings.model!r}: it has {', '.join(models)}")
        return models

    def ask(self, body: Mapping[str, Any], tile_id: str) -> Reply:
        """Ask once; from the folder of answers where it was asked before. Never raises for what a server does.

        Args:
            body: the request.
            tile_id: decides how long we wait between tries.
        """
        sha = request_sha(body)
        kept = self._cache.get(sha)
        if kept is not None:
            return Reply(sha, read_answer(kept), None, Account(from_cache=1))
        if self._settings.offline:
            return Reply(sha, None, Failure("not among the kept answers", True), Account(failures=1))
        if time.monotonic() < self._down_until:
            return Reply(sha, None, Failure("the server is down", False), Account(failures=1))
        raw, failure, retries = self._tried(json.dumps(body).encode(), random.Random(f"{tile_id}/{sha}"))
        self._note(failure)
        if raw is None:
            return Reply(sha, None, failure, Account(retries=retries, failures=1))
        answer = read_answer(raw)
        self._cache.put(sha, raw)
        return Reply(sha, answer, None, Account.of(answer.usage) + Account(retries=retries))

    def _tried(self, body: bytes, rng: random.Random) -> tuple[bytes | None, Failure | None, int]:
        """The raw answer or the last failure, and how often it was sent again."""
        failure: Failure | None = None
        for attempt in range(self._settings.tries):
            raw, failure, wait = self._sent(body)
            if raw is not None or failure is None or failure.final or attempt + 1 == self._settings.tries:
                return raw, failure, attempt
            pause = _BASE_S * 2**attempt * (0.5 + rng.random()) if wait is None else wait
            time.sleep(min(pause, _LONGEST_S))
        return None, failure, self._settings.tries - 1

    def _sent(self, body: bytes) -> tuple[bytes | None, Failure | None, float | None]:
        """One try: the raw answer, or why not, and how long the server asks to wait."""
        url = f"{self._settings.url.rstrip('/')}/chat/completions"
        try:
            answer = self._pool.request(
                "POST", url, body=body, headers=self._headers, timeout=self._settings.timeout_s, retries=False
            )
        except urllib3.exceptions.HTTPError as error:
            return None, Failure(_told(error), False), None
        if answer.status == 200:
            # Half an answer is no answer: a connection that was cut is tried again.
            return (answer.data, None, None) if _is_json(answer.data) else (None, Failure("broken answer", False), None)
        told = f"{answer.status}: {answer.data[:120].decode(errors='replace')}"
        final = answer.status < 500 and answer.status not in _AGAIN
        return None, Failure(told, final), _wait(answer.headers.get("Retry-After"))

    def _note(self, failure: Failure | None) -> None:
        """Count servers that do not answer at all."""
        with self._lock:
            self._silent = self._silent + 1 if failure is not None and not failure.final else 0
            if self._silent >= _DOWN_AFTER:
                self._down_until = time.monotonic() + _DOWN_S
                self._silent = _DOWN_AFTER - 1


def _is_json(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except ValueError:
        return False
    return True


def _wait(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header is not None else None
    except ValueError:
        # A date, which no server of models sends: the usual pause will do.
        return None


def _told(error: Exception) -> str:
    """Without the connection that urllib3 names first."""
    return f"{type(error).__name__}: {str(error).split(': ', 1)[-1]}"
