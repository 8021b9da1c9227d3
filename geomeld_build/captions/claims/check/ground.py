"""Claims about the shape of the ground and the height of the canopy."""

from __future__ import annotations

from geomeld_build.captions.claims.check.verdicts import denied, unknown, verdict
from geomeld_build.captions.claims.facts import Facts
from geomeld_build.captions.claims.model import Claim, Verdict

__all__ = ["aspect", "canopy", "elevation", "relief", "slope", "terrain"]

_POINT_M, _PEAK = 30.0, 0.05
_SLOPE_DEG, _SLOPE, _RELIEF = 3.0, 0.25, 0.25
_CANOPY_M, _CANOPY = 5.0, 0.30
_SHAPES = frozenset({"flat", "rolling", "hilly", "mountain", "rugged"})
_DIRECTIONS = {"N": 0, "NE": 45, "E": 90, "SE": 135, "S": 180, "SW": 225, "W": 270, "NW": 315}


def terrain(claim: Claim, facts: Facts) -> Verdict:
    """The ground is flat, hilly, mountainous; there is a ridge."""
    if facts.landform is None:
        return unknown("terrain", "an elevation model")
    word = claim.subject[0]
    found = _shape(word, facts) if word in _SHAPES else _form(word, facts)
    return found if claim.positive else denied(found)


def _mean_slope(facts: Facts) -> float:
    return float((facts.slope or {}).get("mean", 0.0))


def _shape(word: str, facts: Facts) -> Verdict:
    slope, relief = _mean_slope(facts), float(facts.relief_m or 0.0)
    flat = facts.landform == "Flat"
    height = float((facts.elevation or {}).get("max", 0.0))
    observed = {"terrain_class": facts.landform, "slope": round(slope, 1), "relief_m": round(relief, 1)}
    rules: dict[str, tuple[bool, bool, str]] = {
        "flat": (flat or slope < 2, slope > 5 or relief > 60, "Flat or a mean slope below 2"),
        "rolling": (not flat and 15 <= relief <= 300 and slope >= 1, flat and relief < 10, "relief 15 to 300 m"),
        "hilly": (60 <= relief <= 400, relief < 25 or (flat and relief < 40), "relief 60 to 400 m"),
        "mountain": (relief > 300 or (height > 2500 and relief > 150), relief < 100, "relief above 300 m"),
        "rugged": (slope >= 15 or relief > 200, flat or (slope < 5 and relief < 60), "steep and high relief"),
    }
    holds, refuted, expected = rules[word]
    return verdict(True if holds else (False if refuted else None), "terrain", observed, expected)


def _form(word: str, facts: Facts) -> Verdict:
    share = None if facts.forms is None else float(facts.forms.get(word, 0.0))
    observed = facts.landform if share is None else {"terrain_class": facts.landform, word: round(share, 3)}
    expected = f"terrain_class {word}, or at least 5 % of the tile"
    tagged = word in {"Peak", "Ridge", "Valley"} and any(
        one.tags.get("natural") in {word.lower(), "saddle"} for one in facts.features
    )
    if facts.landform == word or (share is not None and share >= 0.05) or tagged:
        return verdict(True, "terrain", observed, expected)
    if facts.landform == "Flat" and _mean_slope(facts) < 3:
        return verdict(False, "terrain", observed, expected)
    if share is None:
        sloping = word == "Slope" and _mean_slope(facts) >= 3
        return verdict(True if sloping else None, "terrain", observed, expected)
    return verdict(False if share < 0.01 else None, "terrain", observed, expected)


def slope(claim: Claim, facts: Facts) -> Verdict:
    """Slopes are steep, gentle, 12 degrees."""
    if facts.slope is None:
        return unknown("terrain.slope_deg", "an elevation model")
    mean, p90 = _mean_slope(facts), float(facts.slope.get("p90", 0.0))
    observed = {"mean": round(mean, 1), "p90": round(p90, 1)}
    if claim.value is None:
        found = _steepness(claim.subject[0], mean, p90, observed)
    else:
        found = verdict(_slope_number(claim, mean, p90), "terrain.slope_deg", observed, _slope_expected(claim))
    return found if claim.positive else denied(found)


def _steepness(word: str, mean: float, p90: float, observed: dict[str, float]) -> Verdict:
    rules: dict[str, tuple[bool, bool, str]] = {
        "very_steep": (mean > 25 or p90 > 35, p90 < 15, "mean above 25 or p90 above 35"),
        "steep": (mean > 15 or p90 > 25, p90 < 8, "mean above 15 or p90 above 25"),
        "moderate": (4 <= mean <= 16, mean < 2 or mean > 25, "mean 4 to 16"),
        "gentle": (1 <= mean <= 7, mean > 12, "mean 1 to 7"),
    }
    holds, refuted, expected = rules[word]
    return verdict(True if holds else (False if refuted else None), "terrain.slope_deg", observed, expected)


def _slope_number(claim: Claim, mean: float, p90: float) -> bool:
    value = claim.value or 0.0
    slack = max(_SLOPE_DEG, _SLOPE * value)
    if claim.high is not None and claim.op == "within":
        return (claim.low or 0.0) - _SLOPE_DEG <= mean <= claim.high + _SLOPE_DEG
    if claim.op in {"below", "somewhere_below"}:
        return mean <= value
    if claim.op in {"above", "somewhere_above"}:
        return (p90 if claim.op == "somewhere_above" else mean) >= value - 0.5
    return abs((p90 if claim.op == "peak" else mean) - value) <= slack or (
        claim.op == "point" and abs(p90 - value) <= 1.0
    )


def _slope_expected(claim: Claim) -> str:
    return f"{claim.op} {claim.value:.3g} deg, give or take {max(_SLOPE_DEG, _SLOPE * (claim.value or 0.0)):.1f}"


def elevation(claim: Claim, facts: Facts) -> Verdict:
    """So many metres above the sea."""
    if facts.elevation is None:
        return unknown("terrain.elevation_m", "an elevation model")
    if claim.value is None:
        return _altitude(claim, facts)
    low, mean, high = (float(facts.elevation[key]) for key in ("min", "mean", "max"))
    observed = {"min": round(low, 1), "mean": round(mean, 1), "max": round(high, 1)}
    holds, expected = _height(claim, low, mean, high)
    found = verdict(holds, "terrain.elevation_m", observed, expected)
    return found if claim.positive else denied(found)


def _altitude(claim: Claim, facts: Facts) -> Verdict:
    """Lowland, highland."""
    mean = float((facts.elevation or {})["mean"])
    if claim.subject == ("low",):
        found = verdict(
            True if mean <= 200 else (False if mean > 500 else None), "terrain.elevation_m.mean", mean, "<= 200 m"
        )
    else:
        found = verdict(True if mean >= 1000 else (False if mean < 400 else None), "terrain.elevation_m.mean", mean,
                        ">= 1000 m")  # fmt: skip
    return found if claim.positive else denied(found)


def _height(claim: Claim, low: float, mean: float, high: float) -> tuple[bool | None, str]:
    value = claim.value or 0.0
    slack = max(_POINT_M, _PEAK * abs(value))
    if claim.op == "within" and claim.high is not None:
        first = claim.low or 0.0
        return (low >= first - slack and high <= claim.high + max(_POINT_M, _PEAK * claim.high)), (
            f"between {first:.0f} and {claim.high:.0f} m, give or take {slack:.0f}"
        )
    if claim.op == "peak":
        if claim.low is None and claim.high is not None:
            return high <= claim.high, f"max <= {claim.high:.0f} m"
        return abs(high - value) <= slack, f"max within {slack:.0f} m of {value:.0f}"
    if claim.op == "lowest":
        return abs(low - value) <= slack, f"min within {slack:.0f} m of {value:.0f}"
    if claim.op == "above":
        return (True if mean >= value else (None if high >= value and low >= value - slack else False)), "mean above"
    if claim.op == "below":
        return (True if mean <= value else (None if high <= value + slack else False)), "mean below"
    if claim.op in {"somewhere_above", "somewhere_below"}:
        return (high >= value if claim.op == "somewhere_above" else low <= value), f"{claim.op} {value:.0f} m"
    if claim.op == "mean":
        return abs(mean - value) <= slack, f"mean within {slack:.0f} m of {value:.0f}"
    return low - _POINT_M <= value <= high + _POINT_M, f"within {low - _POINT_M:.0f} and {high + _POINT_M:.0f} m"


def relief(claim: Claim, facts: Facts) -> Verdict:
    """The relief is low, or so many metres."""
    if facts.relief_m is None:
        return unknown("terrain.relief_m", "an elevation model")
    value = float(facts.relief_m)
    if claim.value is not None:
        found = verdict(
            _relief_number(claim, value), "terrain.relief_m", value, f"{claim.op} {claim.value:.0f} m, 25 %"
        )
    else:
        ranges = {"negligible": (0.0, 20.0, 30.0), "low": (0.0, 60.0, 90.0), "moderate": (40.0, 300.0, 400.0),
                  "high": (150.0, 1e5, 1e5)}  # fmt: skip
        low, high, never = ranges[claim.subject[0]]
        refuted = value > never or value < low * 0.5
        holds = True if low <= value <= high else (False if refuted else None)
        found = verdict(holds, "terrain.relief_m", value, f"{low:.0f} to {high:.0f} m")
    return found if claim.positive else denied(found)


def _relief_number(claim: Claim, value: float) -> bool:
    named = claim.value or 0.0
    slack = max(_RELIEF * named, 5.0)
    if claim.op in {"below", "above"}:
        return value <= named + 5.0 if claim.op == "below" else value >= named - 5.0
    if claim.op == "within" and claim.high is not None:
        return (claim.low or 0.0) - slack <= value <= claim.high * (1 + _RELIEF)
    return abs(value - named) <= slack


def canopy(claim: Claim, facts: Facts) -> Verdict:
    """Trees are so high."""
    if facts.canopy is None or claim.value is None:
        return unknown("canopy_height_m", "a map of canopy height")
    mean, top = float(facts.canopy["mean"]), float(facts.canopy["p95"])
    value, slack = claim.value, max(_CANOPY_M, _CANOPY * claim.value)
    middle = float(facts.canopy.get("p50", mean))
    observed = {"mean": round(mean, 1), "p95": round(top, 1)}
    if claim.op == "below":
        holds: bool = top <= value + 1.0
    elif claim.op in {"above", "somewhere_above"}:
        holds = top >= value
    elif claim.op == "mean":
        holds = min(abs(mean - value), abs(middle - value)) <= slack
    elif claim.op == "within" and claim.high is not None:
        holds = any((claim.low or 0.0) - _CANOPY_M <= one <= claim.high + _CANOPY_M for one in (mean, top))
    else:
        holds = abs(top - value) <= slack or (claim.op == "point" and abs(middle - value) <= slack / 2)
    found = verdict(holds, "canopy_height_m", observed, f"{claim.op} {value:.0f} m, give or take {slack:.0f}")
    return found if claim.positive else denied(found)


def aspect(claim: Claim, facts: Facts) -> Verdict:
    """Slopes face north."""
    if facts.aspect_deg is None or facts.aspect_strength is None:
        if facts.landform == "Flat":
            return verdict(False, "terrain.terrain_class", "Flat", "slopes")
        return unknown("terrain.aspect_deg", "an elevation model")
    apart = abs((facts.aspect_deg - _DIRECTIONS[claim.place or "N"] + 180) % 360 - 180)
    facing = facts.aspect_strength >= 0.5 and _mean_slope(facts) >= 5
    holds = None if not facing else (True if apart <= 50 else (False if apart > 90 else None))
    if facts.landform == "Flat" and not facing:
        holds = False
    observed = {"aspect": round(facts.aspect_deg), "strength": round(facts.aspect_strength, 2)}
    found = verdict(holds, "terrain.aspect_deg", observed, f"within 45 of {claim.place}, strength >= 0.5, slope >= 5")
    return found if claim.positive else denied(found)
