"""Claims about water: by its consensus, not by one map."""

from __future__ import annotations

from geomeld_build.captions.claims.check.cover import PRESENT
from geomeld_build.captions.claims.check.verdicts import denied, unknown, verdict
from geomeld_build.captions.claims.facts import Facts, PatchFact
from geomeld_build.captions.claims.lexicon.features import has_tags
from geomeld_build.captions.claims.model import Claim, Verdict
from geomeld_build.captions.claims.text import word_set

__all__ = ["direction", "water", "water_count", "width"]

_LINEAR = frozenset(["river", "stream", "creek", "brook", "watercourse", "waterway"]) | {"river channel"}
_LARGE = word_set("""
    sea seas ocean bay gulf fjord lagoon estuary estuaries inlet strait coast coasts coastal coastline seaside
    shoreline shore shores seashore beachfront offshore island islet
""")  # fmt: skip
_SEA_SHARE = 0.05
_WIDTH, _TURN_DEG = 0.40, 30.0
_COUNTED = {
    "river": ("waterway=river",), "stream": ("waterway=stream",), "lake": ("natural=water",),
    "pond": ("natural=water",),
    "reservoir": ("water=reservoir", "landuse=reservoir"), "canal": ("waterway=canal",),
}  # fmt: skip
_AXES = {
    "N": (0, 1),
    "S": (0, -1),
    "E": (1, 0),
    "W": (-1, 0),
    "NE": (1, 1),
    "NW": (-1, 1),
    "SE": (1, -1),
    "SW": (-1, -1),
}


def water(claim: Claim, facts: Facts) -> Verdict:
    """There is water, of some kind, or none."""
    if facts.water is None:
        return unknown("water_analysis", "both maps of water")
    status = facts.water["status"]
    mapped = (facts.cover or {}).get("water", 0.0)
    signal, expected = "water_analysis.status", "consensus or dw_confirmed"
    if status == "disputed":
        return verdict(None, signal, status, expected)
    if status in {"consensus", "dw_confirmed"}:
        return _kind_of_water(claim, facts, status) if claim.positive else verdict(False, signal, status, "none")
    if status == "jrc_seasonal_only":
        return verdict(claim.hedged if claim.positive else None, signal, status, expected)
    if not claim.positive:
        return verdict(None if mapped > 0.02 else True, signal, status, "none")
    tagged = any(has_tags(one.tags, tag) for one in facts.features for tag in ("natural=water", "waterway=*"))
    return verdict(None if mapped >= PRESENT or tagged else False, signal, status, expected)


def _kind_of_water(claim: Claim, facts: Facts, status: str) -> Verdict:
    words = set(claim.word.split())
    if claim.word in _LINEAR or words & _LINEAR:
        return verdict(
            True if _runs(facts) else None, "layout.objects", status, "a linear patch of water or a waterway"
        )
    if words & _LARGE:
        share = max((facts.cover or {}).get("water", 0.0), float((facts.water or {}).get("percentage", 0.0)) / 100.0)
        tagged = any(one.tags.get("natural") in {"coastline", "bay", "strait"} for one in facts.features)
        return verdict(True if tagged or share >= _SEA_SHARE else None, "water_analysis.percentage", share,
                       f"share >= {_SEA_SHARE} or a coastline")  # fmt: skip
    return verdict(True, "water_analysis.status", status, "consensus or dw_confirmed")


def _runs(facts: Facts) -> bool:
    patches = [one for one in facts.patches if one.name == "water"]
    waterway = any("waterway" in one.tags or one.tags.get("water") == "river" for one in facts.features)
    return waterway or not patches or any(one.linear for one in patches)


def _linear(claim: Claim, facts: Facts) -> list[PatchFact]:
    names = claim.subject or ("water",)
    return [one for one in facts.patches if one.linear and one.name in names]


def water_count(claim: Claim, facts: Facts) -> Verdict:
    """So many lakes, rivers, ponds."""
    present = water(Claim(claim.start, claim.end, claim.text, "water", ("water",)), facts)
    if present.label != "supported":
        return present
    tags = _COUNTED.get(claim.word, ())
    mapped = sum(one.count for one in facts.features if any(has_tags(one.tags, tag) for tag in tags))
    patches = [one for one in facts.patches if one.name == "water" and one.linear == (claim.word in _LINEAR)]
    seen = sum(one.count for one in patches)
    high = float("inf") if claim.high is None else claim.high
    expected = f"{claim.low or 0:.3g} <= count <= {high:.3g}"
    if not mapped and not seen:
        return verdict(None, "layout.objects", 0, expected)
    holds = any(count and (claim.low or 0) <= count <= high for count in (mapped, seen))
    return verdict(holds, "osm.surrounding" if mapped else "layout.objects", mapped or seen, expected)


def width(claim: Claim, facts: Facts) -> Verdict:
    """A river is so wide."""
    widths = [one.width_m for one in _linear(claim, facts) if one.width_m]
    if not widths or claim.value is None:
        return unknown("layout.objects.width_m", "the width of a linear patch")
    low, high = claim.value * (1 - _WIDTH), claim.value * (1 + _WIDTH)
    if claim.op in {"above", "below"}:
        low, high = (claim.value, float("inf")) if claim.op == "above" else (0.0, claim.value)
    nearest = min(widths, key=lambda one: abs(one - claim.value))  # type: ignore[operator]
    return verdict(low <= nearest <= high, "layout.objects.width_m", nearest, f"{low:.0f} to {high:.0f} m")


def direction(claim: Claim, facts: Facts) -> Verdict:
    """A river runs from here to there."""
    axis = _axis(claim.place or "")
    found = [one.direction_deg for one in _linear(claim, facts) if one.direction_deg is not None]
    if axis is None or not found:
        return unknown("layout.objects.orientation_deg", "a linear patch")
    turns = [abs((one - axis + 90.0) % 180.0 - 90.0) for one in found]
    best = found[turns.index(min(turns))]
    result = verdict(
        min(turns) <= _TURN_DEG, "layout.objects.orientation_deg", best, f"within {_TURN_DEG:.0f} of {axis:.0f}"
    )
    return result if claim.positive else denied(result)


def _axis(pair: str) -> float | None:
    """The axis of two directions, degrees from north, 0..180."""
    import math

    start, _, stop = pair.partition("-")
    if start not in _AXES or stop not in _AXES:
        return None
    east, north = (b - a for a, b in zip(_AXES[start], _AXES[stop], strict=True))
    if (east, north) == (0, 0):
        return None
    return math.degrees(math.atan2(east, north)) % 180.0
