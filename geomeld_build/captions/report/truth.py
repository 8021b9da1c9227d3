"""How true captions are by the signals, and how much of what should be told they tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from geomeld_build.captions.agents.record import CaptionRecord, ClaimRecord

__all__ = ["TruthFigures", "claims_by_type", "truth_of"]


@dataclass(frozen=True, slots=True)
class TruthFigures:
    """Figures of some texts. They belong together: saying nothing makes groundedness 1 and coverage 0."""

    texts: int
    claims: int
    groundedness: float | None
    """G: supported of supported and contradicted."""
    h1: float
    """Share of the texts with a contradicted claim."""
    h2: float
    """Share of the claims that are contradicted."""
    unverifiable: float
    """U: share of the claims that no signal tells."""
    coverage: float | None
    """C: share of what should be told that is told; None where it was not measured."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def truth_of(texts: Sequence[Sequence[ClaimRecord]], coverages: Sequence[float] = ()) -> TruthFigures:
    """Figures of texts by their claims.

    Args:
        texts: the claims of each.
        coverages: of each, where measured.
    """
    labels = Counter(claim.label for claims in texts for claim in claims)
    total = labels.total()
    told = labels["supported"] + labels["contradicted"]
    wrong = sum(any(claim.label == "contradicted" for claim in claims) for claims in texts)
    return TruthFigures(
        texts=len(texts),
        claims=total,
        groundedness=round(labels["supported"] / told, 6) if told else None,
        h1=round(wrong / len(texts), 6) if texts else 0.0,
        h2=round(labels["contradicted"] / total, 6) if total else 0.0,
        unverifiable=round(labels["unverifiable"] / total, 6) if total else 0.0,
        coverage=round(sum(coverages) / len(coverages), 4) if coverages else None,
    )


def claims_by_type(records: Iterable[CaptionRecord]) -> dict[str, dict[str, int]]:
    """Claims of captions by type and label, the commonest type first."""
    found: dict[str, Counter[str]] = {}
    for record in records:
        for claim in () if record.verification is None else record.verification.claims:
            found.setdefault(claim.type, Counter())[claim.label] += 1
    return {name: dict(counts) for name, counts in sorted(found.items(), key=lambda item: -item[1].total())}
