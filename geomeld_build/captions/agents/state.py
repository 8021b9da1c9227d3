"""What the agents know of a tile while they work on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from geomeld_build.captions.claims.facts import Facts
from geomeld_build.captions.claims.model import Checked
from geomeld_build.captions.claims.revise.revise import Edit

if TYPE_CHECKING:
    from geomeld_build.captions.vision.image import TileImages

__all__ = ["Candidate", "Score", "Source", "Status", "TileJob", "TileState"]

Status = Literal["accepted", "accepted_after_revision", "fallback", "rejected"]
Source = Literal["grammar", "vision", "edit", "rewrite"]


@dataclass(frozen=True, slots=True)
class TileJob:
    """A tile that is to have a caption."""

    tile_id: str
    facts: Facts
    """What captions may stand on: without what is withheld."""
    signals: Mapping[str, Any]
    """The record behind the facts, for a model's prompt."""
    images: TileImages | None = None
    """For those who look."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text and its claims."""

    text: str
    source: Source
    checked: tuple[Checked, ...]
    request_sha: str | None = None
    """Of the request that a model answered."""

    @property
    def conflicts(self) -> tuple[Checked, ...]:
        """Claims that the signals contradict."""
        return tuple(one for one in self.checked if one.label == "contradicted")


@dataclass(frozen=True, slots=True)
class Score:
    """How good a candidate is, 0..1 each."""

    grounded: float
    coverage: float
    length: float
    total: float
    image: float | None = None
    """Similarity to the picture, where an evaluator looks at it; standardised over the candidates."""


@dataclass(frozen=True, slots=True)
class TileState:
    """All that the agents hand to each other. Nodes return a new one."""

    job: TileJob
    candidates: tuple[Candidate, ...] = ()
    scores: tuple[Score, ...] = ()
    best: int = -1
    revisions: int = 0
    edits: tuple[Edit, ...] = ()
    status: Status | None = None
    events: tuple[str, ...] = field(default=())
    """What happened, in order; only ever added to."""

    @property
    def chosen(self) -> Candidate | None:
        """The best candidate."""
        return self.candidates[self.best] if 0 <= self.best < len(self.candidates) else None
