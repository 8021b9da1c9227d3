"""Revise a caption until nothing in it is contradicted, in at most two rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from geomeld_build.captions.claims.facts import Facts
from geomeld_build.captions.claims.model import Checked
from geomeld_build.captions.claims.revise.clauses import cuts, tidy
from geomeld_build.captions.claims.revise.slots import true_words
from geomeld_build.captions.claims.verify import check_text, tally

__all__ = ["MAX_ROUNDS", "Edit", "Revision", "revise"]

MAX_ROUNDS = 2
_HOPELESS = 0.4
"""Share of claims beyond which a caption is not worth mending."""
_LEAST_WORDS = 6
_CONCRETE = frozenset({"other", "osm_feature", "osm_count", "road", "water_count"})
"""What is dropped when nobody can tell, where a clause of its own holds it."""

EditOp = Literal["replace", "drop", "hedge"]


@dataclass(frozen=True, slots=True)
class Edit:
    """One change, in characters of the text before it."""

    op: EditOp
    start: int
    end: int
    before: str
    after: str
    claim: str
    evidence: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        head = {"op": self.op, "start": self.start, "end": self.end, "before": self.before, "after": self.after}
        return {**head, "claim": self.claim, "evidence": self.evidence}


@dataclass(frozen=True, slots=True)
class Revision:
    """What became of a caption."""

    text: str | None
    """None where so much was wrong that it is to be written anew."""
    edits: tuple[Edit, ...]
    rounds: int
    checked: tuple[Checked, ...]
    """Claims of the revised text."""


def revise(text: str, facts: Facts, *, countries: Sequence[str] = (), give_up: bool = True) -> Revision:
    """Make a caption true of its tile.

    A false value is replaced by the true one where a word can be; else its clause goes, else its sentence. What no
    signal tells goes with a clause of its own, or is hedged. Every change is checked by reading the text again.

    Args:
        text: a caption.
        facts: of its tile.
        countries: names of countries besides the world's own.
        give_up: leave a text alone of which too much is false.
    """
    edits: list[Edit] = []
    checked = check_text(text, facts, countries=countries)
    if give_up and _hopeless(checked):
        return Revision(None, (), 0, tuple(checked))
    rounds = 0
    while rounds < MAX_ROUNDS and any(one.label == "contradicted" for one in checked):
        text, made = _round(text, checked, facts, countries, replace=rounds == 0)
        edits += made
        rounds += 1
        checked = check_text(text, facts, countries=countries)
    if any(one.label == "contradicted" for one in checked) or len(text.split()) < _LEAST_WORDS:
        return Revision(None, tuple(edits), rounds, tuple(checked))
    text, made = _hedge_all(text, facts, countries)
    edits += made
    return Revision(text, tuple(edits), rounds, tuple(check_text(text, facts, countries=countries)))


def _hopeless(checked: Sequence[Checked]) -> bool:
    counts = tally(checked)
    told = counts.supported + counts.contradicted
    return counts.contradicted >= 3 and counts.contradicted > _HOPELESS * told


def _round(
    text: str, checked: Sequence[Checked], facts: Facts, countries: Sequence[str], *, replace: bool
) -> tuple[str, list[Edit]]:
    """Treat every contradicted claim once, from the end of the text on, so that places before stay valid."""
    edits: list[Edit] = []
    limit = len(text)
    for one in reversed(checked):
        if one.label != "contradicted" or one.claim.end > limit:
            continue
        edit = _replaced(text, one, facts, countries) if replace else None
        edit = edit or _dropped(text, one, facts, countries)
        text = text[: edit.start] + edit.after + text[edit.end :]
        limit = edit.start
        edits.append(edit)
    return tidy(text), edits


def _false(text: str, facts: Facts, countries: Sequence[str]) -> int:
    return tally(check_text(text, facts, countries=countries)).contradicted


def _replaced(text: str, one: Checked, facts: Facts, countries: Sequence[str]) -> Edit | None:
    """The true value in place of the false one, if that helps."""
    words = true_words(one, text, facts)
    if words is None or one.claim.slot is None:
        return None
    start, end = one.claim.slot
    candidate = text[:start] + words + text[end:]
    if _false(candidate, facts, countries) >= _false(text, facts, countries):
        return None
    return Edit("replace", start, end, text[start:end], words, one.claim.text, one.verdict.evidence())


def _dropped(text: str, one: Checked, facts: Facts, countries: Sequence[str]) -> Edit:
    """The smallest stretch without which less is false."""
    options = cuts(text, one.claim.start, one.claim.end)
    before = _false(text, facts, countries)
    for start, end in options:
        if _false(text[:start] + " " + text[end:], facts, countries) < before:
            break
    else:
        start, end = options[-1]
    return Edit("drop", start, end, text[start:end], "", one.claim.text, one.verdict.evidence())


def _hedge_all(text: str, facts: Facts, countries: Sequence[str]) -> tuple[str, list[Edit]]:
    """Drop or doubt what no signal tells."""
    edits: list[Edit] = []
    for one in reversed(check_text(text, facts, countries=countries)):
        if one.label != "unverifiable" or one.claim.hedged or not one.claim.positive:
            continue
        edit = _lone(text, one, facts, countries) or _doubted(text, one)
        if edit is None:
            continue
        text = text[: edit.start] + edit.after + text[edit.end :]
        edits.append(edit)
    return tidy(text), edits


def _lone(text: str, one: Checked, facts: Facts, countries: Sequence[str]) -> Edit | None:
    """Cut out a clause that holds nothing that is supported."""
    if one.claim.type not in _CONCRETE:
        return None
    had = tally(check_text(text, facts, countries=countries)).supported
    for start, end in cuts(text, one.claim.start, one.claim.end):
        rest = tidy(text[:start] + " " + text[end:])
        left = tally(check_text(rest, facts, countries=countries))
        if left.supported >= had and left.contradicted == 0 and len(rest.split()) >= _LEAST_WORDS:
            return Edit("drop", start, end, text[start:end], " ", one.claim.text, one.verdict.evidence())
    return None


def _doubted(text: str, one: Checked) -> Edit | None:
    """Possibly, before the claim and its article."""
    start = one.claim.start
    for article in ("a ", "an ", "the "):
        if text[:start].lower().endswith((f" {article}", f"\n{article}")) or text[:start].lower() == article:
            start -= len(article)
            break
    words = text[start : one.claim.end]
    if not words:
        return None
    lowered = words if words[:2].isupper() or one.claim.type in {"geo", "date"} else words[0].lower() + words[1:]
    return Edit("hedge", start, one.claim.end, words, f"possibly {lowered}", one.claim.text, one.verdict.evidence())
