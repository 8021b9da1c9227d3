"""Claims about where in the tile a class lies."""

from __future__ import annotations

from geomeld_build.captions.claims.check.cover import PRESENT
from geomeld_build.captions.claims.check.verdicts import denied, unknown, verdict
from geomeld_build.captions.claims.facts import QUADRANTS, Facts
from geomeld_build.captions.claims.model import Claim, Verdict
from geomeld_build.captions.claims.text import word_set

__all__ = ["layout", "texture"]

_WHOLE, _BROKEN = 0.8, 0.45
"""Share of a class's largest patch from which on it is in one piece, or up to which in many."""
_COVERING = word_set(
    "covers cover covering spreads spread spreading fills fill filling occupies occupy blankets blanket"
)
_MORE = 1.5
"""A class lies where its share is half as large again as in the tile."""


def layout(claim: Claim, facts: Facts) -> Verdict:
    """A class lies in a part of the tile."""
    place = claim.place or ""
    signal = f"layout.parts.{place}.{'+'.join(claim.subject)}"
    mean = facts.share(claim.subject)
    if mean is None:
        return unknown(signal, "no land-cover map")
    if mean < PRESENT:
        second = facts.dynamic_share(claim.subject) or 0.0
        found = verdict(None if second >= 0.02 else False, signal, mean, f"share of the tile >= {PRESENT}")
        return found if claim.positive else denied(found)
    centred = any(_at(one.where, place) for one in facts.patches if one.name in claim.subject)
    here = _share_at(place, claim.subject, facts)
    if here is None and _covers_too_much(claim, mean):
        found = verdict(False, signal, mean, "half of that part of the tile")
    elif here is None:
        found = verdict(True if centred else _elsewhere(claim, facts), "layout.objects", place, "a patch there")
    else:
        strong = here >= _MORE * mean or (here >= 0.5 and here >= mean)
        holds = True if strong or centred else (None if here >= mean else False)
        found = verdict(holds, signal, here, f"share >= {_MORE} x {mean:.3f}, or most of that part")
    return found if claim.positive else denied(found)


def _covers_too_much(claim: Claim, mean: float) -> bool:
    """Whether a class is said to cover a part of the tile that all of it could not cover by half."""
    part = 0.5 if len(claim.place or "") == 1 else 0.25
    return bool(_COVERING & set(claim.text.lower().split())) and mean < 0.5 * part


def texture(claim: Claim, facts: Facts) -> Verdict:
    """A class lies in one piece, or in many."""
    known = [facts.patchiness[name] for name in claim.subject if name in facts.patchiness]
    signal = f"layout.patchiness.{'+'.join(claim.subject)}"
    if not known:
        return unknown(signal, "at least 3 % of the tile")
    largest = max(float(one["largest_share"]) for one in known)
    if claim.word == "whole":
        found = verdict(True if largest >= _WHOLE else (False if largest < 0.5 else None), signal, largest,
                        f"largest patch >= {_WHOLE} of it")  # fmt: skip
    else:
        found = verdict(True if largest <= _BROKEN else (False if largest > 0.85 else None), signal, largest,
                        f"largest patch <= {_BROKEN} of it")  # fmt: skip
    return found if claim.positive else denied(found)


def _at(where: str | None, place: str) -> bool:
    return where is not None and (where == place or (len(place) == 1 and place in where))


def _quadrants(place: str) -> tuple[str, ...]:
    return tuple(name for name in QUADRANTS if place in name) if len(place) == 1 else (place,)


def _share_at(place: str, subject: tuple[str, ...], facts: Facts) -> float | None:
    """Its share there; a side is the mean of its quadrants. Where only the largest class is known, it is all of it."""
    parts = _quadrants(place)
    if all(part in facts.parts for part in parts):
        return sum(sum(facts.parts[part].get(name, 0.0) for name in subject) for part in parts) / len(parts)
    known = set(facts.tops.values()) & set(subject)
    if not known or not all(part in facts.tops for part in parts):
        return None
    return sum(facts.tops[part] in subject for part in parts) / len(parts)


def _elsewhere(claim: Claim, facts: Facts) -> bool | None:
    """A class whose patches are known, all of them elsewhere, is not there."""
    known = [one.where for one in facts.patches if one.name in claim.subject and one.where]
    return False if known else None
