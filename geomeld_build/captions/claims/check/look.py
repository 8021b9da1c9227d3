"""Claims about how the ground looks on the day: green, dry, flooded."""

from __future__ import annotations

from geomeld_build.captions.claims.check.cover import PRESENT
from geomeld_build.captions.claims.check.verdicts import denied, unknown, verdict
from geomeld_build.captions.claims.facts import Facts
from geomeld_build.captions.claims.model import Claim, Verdict

__all__ = ["flooded", "greenness"]

_LUSH, _DRY = 0.6, 0.25
_NDVI_SLACK = 0.1


def greenness(claim: Claim, facts: Facts) -> Verdict:
    """Lush, or brown and dry; fields without plants."""
    if claim.word == "fields" and facts.cover is not None and facts.cover.get("crop", 0.0) < PRESENT:
        return verdict(False, "landcover.fractions.crop", facts.cover.get("crop", 0.0), f"share >= {PRESENT}")
    if facts.ndvi is None:
        return unknown("indices.ndvi", "the near infrared")
    if claim.subject[0] == "ndvi":
        low = (0.0 if claim.low is None else claim.low) - _NDVI_SLACK
        high = (1.0 if claim.high is None else claim.high) + _NDVI_SLACK
        found = verdict(low <= facts.ndvi <= high, "indices.ndvi.p50", facts.ndvi, f"{low:.2f} to {high:.2f}")
        return found if claim.positive else denied(found)
    if claim.subject[0] == "lush":
        holds, refuted, expected = facts.ndvi >= _LUSH, facts.ndvi < 0.3, f"NDVI >= {_LUSH}"
    else:
        top = 0.3 if claim.word == "fields" else _DRY
        holds, refuted, expected = facts.ndvi <= top, facts.ndvi >= 0.5, f"NDVI <= {top}"
    found = verdict(True if holds else (False if refuted else None), "indices.ndvi.p50", facts.ndvi, expected)
    return found if claim.positive else denied(found)


def flooded(claim: Claim, facts: Facts) -> Verdict:
    """Under water that is not always there, by the dated map."""
    if facts.dynamic is None:
        return unknown("dynamic_world", "a dated map")
    wet = facts.dynamic.get("wetland", 0.0)
    extra = facts.dynamic.get("water", 0.0) - (facts.cover or {}).get("water", 0.0)
    found = verdict(wet >= 0.02 or extra >= 0.05, "dynamic_world.fractions", {"wetland": wet}, "flooded share >= 0.02")
    return found if claim.positive else denied(found)
