"""A claim: one statement about a tile that can be true or false. The captioner and the verifier share it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["CLAIM_TYPES", "Checked", "Claim", "ClaimType", "Label", "Op", "Verdict"]

ClaimType = Literal[
    "landcover_presence",
    "landcover_fraction",
    "landcover_dominance",
    "landcover_compare",
    "water",
    "water_count",
    "terrain",
    "slope",
    "elevation",
    "relief",
    "aspect",
    "canopy_height",
    "width",
    "direction",
    "greenness",
    "dw_state",
    "osm_feature",
    "osm_count",
    "road",
    "built",
    "layout",
    "texture",
    "geo",
    "biome",
    "season",
    "date",
    "other",
]
CLAIM_TYPES: tuple[str, ...] = ClaimType.__args__  # type: ignore[attr-defined]

Label = Literal["supported", "contradicted", "unverifiable"]

Op = Literal[
    "is",
    "within",
    "most",
    "largest",
    "only",
    "more",
    "less",
    "equal",
    "slightly_more",
    "times",
    "point",
    "mean",
    "peak",
    "lowest",
    "above",
    "below",
    "somewhere_above",
    "somewhere_below",
    "rest",
    "most_of_rest",
]
"""How the claim relates its subject to its value."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is said, and where in the text."""

    start: int
    end: int
    """Characters of the text, end exclusive."""
    text: str
    type: ClaimType
    subject: tuple[str, ...] = ()
    """Classes, landforms, tags or names, any of which may bear the claim out."""
    op: Op = "is"
    low: float | None = None
    high: float | None = None
    """What the wording accepts, both ends included, in ``unit``."""
    value: float | None = None
    """The number that was named."""
    unit: str | None = None
    """``share`` (0..1), ``m``, ``deg``, ``count``."""
    other: tuple[str, ...] = ()
    """What the subject is compared with."""
    place: str | None = None
    """One of eight directions or ``centre``."""
    word: str = ""
    """What the subject was called, where that narrows it: river, metropolis, dunes."""
    positive: bool = True
    hedged: bool = False
    slot: tuple[int, int] | None = None
    """Characters that may be replaced by the true value: a number, the name of a country, a season."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, without what says nothing."""
        plain = asdict(self)
        return {key: value for key, value in plain.items() if value not in (None, (), "")}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A label, and what it stands on."""

    label: Label
    signal: str = ""
    """Path of the signal in the record, e.g. ``landcover.fractions.tree``."""
    observed: Any = None
    expected: str = ""
    """What the signal had to be for the claim to hold."""

    def evidence(self) -> dict[str, Any]:
        """Plain values for a record."""
        plain = {"signal": self.signal, "observed": self.observed, "expected": self.expected}
        return {key: value for key, value in plain.items() if value not in (None, "")}


@dataclass(frozen=True, slots=True)
class Checked:
    """A claim and its verdict."""

    claim: Claim
    verdict: Verdict

    @property
    def label(self) -> Label:
        """Of the verdict."""
        return self.verdict.label

    def to_json(self) -> dict[str, Any]:
        """As it is written: where, what, and on what it stands."""
        head = {"start": self.claim.start, "end": self.claim.end, "text": self.claim.text, "type": self.claim.type}
        return {**head, "label": self.label, "evidence": self.verdict.evidence()}
