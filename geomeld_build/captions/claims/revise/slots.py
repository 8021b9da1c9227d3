"""The true value of a claim, worded to stand where the false one stood."""

from __future__ import annotations

from geomeld_build.captions.claims.check.cover import PRESENT
from geomeld_build.captions.claims.facts import Facts
from geomeld_build.captions.claims.lexicon.countries import adjective_of, is_adjective
from geomeld_build.captions.claims.lexicon.places import MONTHS
from geomeld_build.captions.claims.model import Checked, Claim

__all__ = ["number_word", "true_words"]

_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_VERBS = ("exceeds", "surpasses", "tops")


def number_word(number: int) -> str:
    """Words up to twelve, digits after."""
    return _SMALL[number] if 0 <= number < len(_SMALL) else f"{number:,}"


def true_words(one: Checked, text: str, facts: Facts) -> str | None:
    """What to put into the claim's slot; None where no simple word would make it true.

    Args:
        one: a contradicted claim.
        text: the caption.
        facts: of the tile.
    """
    claim = one.claim
    if claim.slot is None or not claim.positive:
        return None
    slot = text[claim.slot[0] : claim.slot[1]]
    if claim.type == "landcover_fraction":
        return _share(claim, facts)
    if claim.type in {"elevation", "slope", "relief", "canopy_height", "width"}:
        worded = _measure(one, facts)
        if worded is not None and slot.lower().startswith(_VERBS):
            return f"reaches {worded}"
        return worded
    if claim.type in {"osm_count", "water_count"}:
        observed = one.verdict.observed
        return number_word(observed) if isinstance(observed, int) and observed > 1 else None
    return _name(claim, slot, facts)


def _share(claim: Claim, facts: Facts) -> str | None:
    share = facts.share(claim.subject)
    if share is None or share < PRESENT:
        return None
    return f"about {100 * share:.0f} %" if share >= 0.01 else "less than 1 %"


def _measure(one: Checked, facts: Facts) -> str | None:
    claim = one.claim
    if claim.op in {"somewhere_above", "somewhere_below", "above", "below"} and claim.type != "slope":
        claim_value = "max" if claim.op == "somewhere_above" else ("min" if claim.op == "somewhere_below" else "mean")
    else:
        claim_value = {"peak": "max", "lowest": "min"}.get(claim.op, "mean")
    if claim.type == "elevation" and facts.elevation is not None:
        return f"about {float(facts.elevation[claim_value]):,.0f} m"
    if claim.type == "slope" and facts.slope is not None:
        return f"about {float(facts.slope['p90' if claim.op == 'peak' else 'mean']):.0f} degrees"
    if claim.type == "relief" and facts.relief_m is not None:
        return f"about {facts.relief_m:.0f} m"
    if claim.type == "canopy_height" and facts.canopy is not None and float(facts.canopy["p95"]) >= 2:
        return f"about {float(facts.canopy['p95']):.0f} m"
    if claim.type == "width" and isinstance(one.verdict.observed, int | float):
        return f"about {one.verdict.observed:.0f} m"
    return None


def _name(claim: Claim, slot: str, facts: Facts) -> str | None:
    if claim.type == "season":
        return facts.season if facts.season not in {None, "tropical"} else None
    if claim.type == "date" and facts.day is not None:
        return str(facts.day.year) if claim.subject == ("year",) else MONTHS[facts.day.month - 1].capitalize()
    if claim.type != "geo":
        return None
    level = claim.word.partition(":")[0]
    true = facts.geo.get(level) or facts.geo.get("country")
    if true is None:
        return None
    return adjective_of(true) if is_adjective(slot) else true
