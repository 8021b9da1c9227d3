"""What is kept of a caption: the text, every candidate with its claims, the edits, and where it all comes from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from geomeld_build.captions.agents.nodes import Agents
from geomeld_build.captions.agents.state import Candidate, Score, Status, TileState
from geomeld_build.captions.claims.lexicon.all import lexicon_sha
from geomeld_build.captions.claims.model import Checked
from geomeld_build.captions.claims.verify import VERIFIER_VERSION, tally

__all__ = [
    "CAPTIONS_VERSION",
    "CandidateRecord",
    "CaptionRecord",
    "ClaimRecord",
    "EditRecord",
    "record_of",
    "short_sha",
]

CAPTIONS_VERSION = 1
"""Version of the record."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ClaimRecord(_Model):
    """A statement of a text and its verdict."""

    start: int = Field(description="First character of the text.")
    end: int = Field(description="Character after the last.")
    text: str = Field(description="The words.")
    type: str = Field(description="What kind of statement.")
    label: Literal["supported", "contradicted", "unverifiable"] = Field(description="The verdict.")
    evidence: dict[str, Any] = Field(description="Signal, what was observed, what was expected.")


class CandidateRecord(_Model):
    """A text that was proposed."""

    text: str = Field(description="The text.")
    source: Literal["grammar", "vision", "edit", "rewrite"] = Field(description="Who wrote it.")
    scores: dict[str, float] = Field(description="grounded, coverage, length, total; image where it was looked at.")
    claims: tuple[ClaimRecord, ...] = Field(description="Its statements.")
    request_sha: str | None = Field(None, description="Hash of the request that a model answered.")


class EditRecord(_Model):
    """One change of a text."""

    op: Literal["replace", "drop", "hedge"] = Field(description="What was done.")
    start: int = Field(description="First character, of the text before this change.")
    end: int = Field(description="Character after the last.")
    before: str = Field(description="What stood there.")
    after: str = Field(description="What stands there now.")
    claim: str = Field(description="The words that were wrong.")
    evidence: dict[str, Any] = Field(description="What speaks against them.")


class Verification(_Model):
    """The verdict on the caption."""

    verifier_version: int = Field(description="Version of the rules.")
    lexicon_sha: str = Field(description="Hash of the words.")
    claims: tuple[ClaimRecord, ...] = Field(description="Statements of the caption.")
    groundedness: float | None = Field(description="Supported of supported and contradicted; null without either.")
    unverifiable: float | None = Field(description="Share of the claims that no signal tells; null without claims.")
    coverage: float = Field(description="Share of what should be told that is told.")


class CaptionRecord(_Model):
    """A tile's caption by one producer."""

    schema_version: int = Field(CAPTIONS_VERSION, description="Version of the record.")
    tile_id: str = Field(description="The tile.")
    producer: str = Field(description="Names the run; captions of several producers stand side by side.")
    caption: str | None = Field(description="The text; null where the tile was rejected.")
    status: Literal["accepted", "accepted_after_revision", "fallback", "rejected"] = Field(description="How it ended.")
    captioner: dict[str, Any] = Field(description="Who wrote, and what decides the texts.")
    evaluator: dict[str, Any] = Field(description="Who ranked, and whether it looked at the image.")
    candidates: tuple[CandidateRecord, ...] = Field(description="All texts in the order they came.")
    chosen: int | None = Field(description="Number of the candidate that became the caption.")
    verification: Verification | None = Field(description="The verdict on the caption.")
    edits: tuple[EditRecord, ...] = Field(description="Changes, in order.")
    rounds: int = Field(description="How often it was revised.")
    events: tuple[str, ...] = Field(description="What the agents did.")
    withheld: tuple[str, ...] = Field(description="Signals that captions were not to stand on.")
    signals_sha: str = Field(description="Hash of the signals.")
    config_sha: str = Field(description="Hash of all settings that decide the text.")


def short_sha(value: Any) -> str:
    """A hash of plain values."""
    plain = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def _claims(checked: tuple[Checked, ...]) -> tuple[ClaimRecord, ...]:
    return tuple(ClaimRecord(**one.to_json()) for one in checked)


def _candidate(one: Candidate, score: Score | None) -> CandidateRecord:
    scores: dict[str, float] = {}
    if score is not None:
        scores = {"grounded": score.grounded, "coverage": score.coverage, "length": score.length, "total": score.total}
        if score.image is not None:
            scores["image"] = score.image
    return CandidateRecord(
        text=one.text, source=one.source, scores=scores, claims=_claims(one.checked), request_sha=one.request_sha
    )


def record_of(
    state: TileState,
    agents: Agents,
    *,
    producer: str,
    withheld: tuple[str, ...],
    signals: Mapping[str, Any],
    config_sha: str,
) -> CaptionRecord:
    """The record of a tile that the machine is done with."""
    assert state.status is not None, "the machine ends every tile with a status"
    status: Status = state.status
    chosen = None if status == "rejected" else state.chosen
    scores = (*state.scores, *([None] * (len(state.candidates) - len(state.scores))))
    return CaptionRecord(
        tile_id=state.job.tile_id,
        producer=producer,
        caption=None if chosen is None else chosen.text,
        status=status,
        captioner=agents.captioner.describe(),
        evaluator=agents.scorer.describe(),
        candidates=tuple(_candidate(one, score) for one, score in zip(state.candidates, scores, strict=True)),
        chosen=None if chosen is None else state.best,
        verification=None if chosen is None else _verification(chosen, state),
        edits=tuple(EditRecord(**edit.to_json()) for edit in state.edits),
        rounds=state.revisions,
        events=state.events,
        withheld=withheld,
        signals_sha=short_sha(signals),
        config_sha=config_sha,
    )


def _verification(chosen: Candidate, state: TileState) -> Verification:
    counts = tally(chosen.checked)
    score = state.scores[state.best] if state.best < len(state.scores) else None
    return Verification(
        verifier_version=VERIFIER_VERSION,
        lexicon_sha=lexicon_sha(),
        claims=_claims(chosen.checked),
        groundedness=counts.groundedness,
        unverifiable=counts.unverifiable_share,
        coverage=0.0 if score is None else score.coverage,
    )
