"""A caption cut into pieces of one verdict each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from geomeld_build.captions.agents.record import ClaimRecord

__all__ = ["COLOURS", "Span", "spans_of"]

COLOURS = {"supported": "#00704d", "contradicted": "#b3261e", "unverifiable": "#b26a00", "": "#555555"}
"""Of letters, by verdict; what is no claim is grey."""
_WORST = ("contradicted", "unverifiable", "supported")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters of a text that share a verdict."""

    text: str
    label: str
    """Empty where nothing is claimed."""
    note: str = ""
    """What the verdict stands on."""


def spans_of(text: str, claims: Sequence[ClaimRecord]) -> list[Span]:
    """Cut a text where claims begin and end; where they overlap the worst verdict counts.

    Args:
        text: a caption.
        claims: of it.
    """
    edges = sorted({0, len(text), *(one.start for one in claims), *(one.end for one in claims)})
    found = []
    for start, end in pairwise(edges):
        over = [one for one in claims if one.start <= start and end <= one.end]
        label = next((name for name in _WORST if any(one.label == name for one in over)), "")
        note = "; ".join(_note(one) for one in over if one.label == label)
        found.append(Span(text[start:end], label, note))
    return found


def _note(claim: ClaimRecord) -> str:
    evidence = claim.evidence
    observed = evidence.get("observed")
    told = f"{observed:.4g}" if isinstance(observed, float) else observed
    parts = [claim.type.replace("_", " ")]
    if "signal" in evidence:
        parts.append(f"{evidence['signal']} = {told}" if observed is not None else str(evidence["signal"]))
    if evidence.get("expected"):
        parts.append(f"expected {evidence['expected']}")
    return ", ".join(parts)
