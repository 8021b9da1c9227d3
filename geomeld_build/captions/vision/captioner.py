"""The captioner that looks: a vision-language model is shown the tile and told what was measured."""

from __future__ import annotations

import threading
from typing import Any

from geomeld_build.captions.agents.captioner import Proposed
from geomeld_build.captions.agents.state import Candidate, Source, TileJob
from geomeld_build.captions.claims.model import Checked
from geomeld_build.captions.claims.verify import check_text
from geomeld_build.captions.vision.account import Account
from geomeld_build.captions.vision.client import Reply, VisionClient
from geomeld_build.captions.vision.image import IMAGE_VERSION
from geomeld_build.captions.vision.prompt import PROMPT_VERSION, ask_text, rewrite_text
from geomeld_build.captions.vision.request import request_body, seed_of
from geomeld_build.captions.vision.settings import VisionSettings

__all__ = ["VisionCaptioner"]


class VisionCaptioner:
    """Asks a server; what it says is read by the verifier like any text."""

    kind = "vision"

    def __init__(self, settings: VisionSettings, seed: int = 0) -> None:
        self._settings, self._seed = settings, seed
        self._client = VisionClient(settings)
        self._lock = threading.Lock()
        self._account = Account()

    def describe(self) -> dict[str, Any]:
        """Model and versions: what decides a request."""
        versions = {"prompt": PROMPT_VERSION, "image": IMAGE_VERSION, "seed": self._seed}
        return {"kind": self.kind, **self._settings.decides(), **versions}

    def take_account(self) -> Account:
        """What was asked since the last call."""
        with self._lock:
            account, self._account = self._account, Account()
        return account

    def propose(self, job: TileJob, count: int) -> Proposed:
        """Candidates: one request for all; servers that give fewer answers than asked are asked for the rest."""
        found: dict[str, Candidate] = {}
        problems: list[str] = []
        if job.images is None:
            return Proposed((), "no image of the tile")
        text = ask_text(job.signals, gsd_m=job.images.gsd_m)
        attempt = 0
        # One more request than there are candidates to come: an empty or broken answer is asked for once more.
        while len(found) < count and attempt <= count:
            wanted = count if attempt == 0 else 1
            failed = self._asked(job, text, wanted, attempt, found, problems)
            if failed:
                break
            attempt += 1
        problem = "; ".join(dict.fromkeys(problems)) or None
        return Proposed(tuple(found.values())[:count], problem)

    def _asked(
        self, job: TileJob, text: str, count: int, attempt: int, found: dict[str, Candidate], problems: list[str]
    ) -> bool:
        """Add the texts of one request; whether there is no use in another."""
        reply = self._sent(job, text, count, attempt)
        if reply.answer is None:
            problems.append("no answer" if reply.failure is None else reply.failure.reason)
            return True
        problems += reply.answer.problems
        before = len(found)
        for one in _candidates(reply, job, "vision"):
            found.setdefault(one.text, one)
        # A server that repeats itself or says nothing twice will not say more.
        return attempt > 0 and len(found) == before

    def rewrite(self, job: TileJob, text: str, wrong: tuple[Checked, ...]) -> Proposed:
        """Tell the model what is wrong, and ask it to write the text again."""
        if job.images is None:
            return Proposed((), "no image of the tile")
        told = f"{ask_text(job.signals, gsd_m=job.images.gsd_m)}\n\n{rewrite_text(text, wrong)}"
        reply = self._sent(job, told, 1, 0)
        if reply.answer is None:
            return Proposed((), "no answer" if reply.failure is None else reply.failure.reason)
        return Proposed(tuple(_candidates(reply, job, "rewrite")), "; ".join(reply.answer.problems) or None)

    def _sent(self, job: TileJob, text: str, count: int, attempt: int) -> Reply:
        assert job.images is not None
        body = request_body(
            self._settings, job.images, text, count=count, seed=seed_of(job.tile_id, self._seed, attempt)
        )
        reply = self._client.ask(body, job.tile_id)
        with self._lock:
            self._account += reply.account
        return reply


def _candidates(reply: Reply, job: TileJob, source: Source) -> list[Candidate]:
    texts = () if reply.answer is None else reply.answer.texts
    return [Candidate(text, source, tuple(check_text(text, job.facts)), reply.sha) for text in texts]
