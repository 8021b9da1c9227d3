"""Check a caption against the signals of its tile: parse, judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from geomeld_build.captions.claims.check.judge import judge
from geomeld_build.captions.claims.facts import Facts
from geomeld_build.captions.claims.model import Checked
from geomeld_build.captions.claims.parse.claims import claims_in

__all__ = ["VERIFIER_VERSION", "Tally", "check_text", "tally"]

VERIFIER_VERSION = 2
"""Raised whenever the same claim may be judged in another way. The words have their own hash."""


def check_text(text: str, facts: Facts, *, countries: Sequence[str] = ()) -> list[Checked]:
    """Every claim of a text with its verdict, in the order of the text.

    Args:
        text: a caption.
        facts: what is known of its tile.
        countries: names of countries besides the world's own.
    """
    own = (facts.geo["country"],) if "country" in facts.geo else ()
    names = tuple(name for name in facts.names if name not in own)
    claims = claims_in(text, names=names, countries=(*own, *countries))
    return [Checked(claim, judge(claim, facts)) for claim in claims]


@dataclass(frozen=True, slots=True)
class Tally:
    """Claims by label."""

    supported: int
    contradicted: int
    unverifiable: int

    @property
    def groundedness(self) -> float | None:
        """Share of supported among those that can be told; None where nothing can."""
        told = self.supported + self.contradicted
        return self.supported / told if told else None

    @property
    def unverifiable_share(self) -> float | None:
        """Share of claims that no signal tells."""
        total = self.supported + self.contradicted + self.unverifiable
        return self.unverifiable / total if total else None


def tally(checked: Sequence[Checked]) -> Tally:
    """Count labels."""
    labels = [one.label for one in checked]
    return Tally(labels.count("supported"), labels.count("contradicted"), labels.count("unverifiable"))
