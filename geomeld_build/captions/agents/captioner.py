"""Who writes: the grammar, or whatever else proposes texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from geomeld_build.captions.agents.state import Candidate, TileJob
from geomeld_build.captions.claims.model import Checked
from geomeld_build.captions.grammar.write import GRAMMAR_VERSION, write_captions
from geomeld_build.captions.vision.account import Account

__all__ = ["Captioner", "GrammarCaptioner", "Proposed"]


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a captioner came up with; without candidates, why there are none."""

    candidates: tuple[Candidate, ...]
    problem: str | None = None


class Captioner(Protocol):
    """Proposes texts for a tile."""

    kind: str

    def describe(self) -> dict[str, Any]:
        """What decides its texts, for the record."""
        ...

    def take_account(self) -> Account:
        """What was asked of others since the last call."""
        ...

    def propose(self, job: TileJob, count: int) -> Proposed:
        """Up to so many candidates. Never raises for one tile: a failure is an answer too."""
        ...

    def rewrite(self, job: TileJob, text: str, wrong: tuple[Checked, ...]) -> Proposed:
        """The text again without what is wrong with it, if the captioner can."""
        ...


class GrammarCaptioner:
    """Words the signals themselves; deterministic by tile."""

    kind = "grammar"

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def describe(self) -> dict[str, Any]:
        """Its version and seed."""
        return {"kind": self.kind, "version": GRAMMAR_VERSION, "seed": self._seed}

    def take_account(self) -> Account:
        """Nothing: it asks nobody."""
        return Account()

    def propose(self, job: TileJob, count: int) -> Proposed:
        """Candidates that the verifier has read already."""
        drafts = write_captions(job.facts, job.tile_id, count=count, seed=self._seed)
        if not drafts:
            return Proposed((), "the signals have nothing to say")
        return Proposed(tuple(Candidate(draft.text, "grammar", draft.checked) for draft in drafts))

    def rewrite(self, job: TileJob, text: str, wrong: tuple[Checked, ...]) -> Proposed:
        """Nothing: what the grammar writes is true, and is not written again."""
        return Proposed(
            (), f"the grammar does not rewrite {job.tile_id} ({len(wrong)} conflicts, {len(text)} characters)"
        )
