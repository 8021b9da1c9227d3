"""Claims about land cover against the shares of WorldCover, with Dynamic World as the second opinion."""

from __future__ import annotations

from collections.abc import Mapping

from geomeld_build.captions.claims.check.verdicts import denied, unknown, verdict
from geomeld_build.captions.claims.facts import Facts
from geomeld_build.captions.claims.model import Claim, Verdict
from geomeld_build.captions.claims.text import word_set

__all__ = ["PRESENT", "compare", "dominance", "fraction", "presence"]

PRESENT = 0.005
"""A class is there from this share on: 82 pixels."""
_ABSENT = 0.02
_SECOND = 0.02
"""A share in Dynamic World that lets nobody say a class is not there."""
_DISPUTED = 0.35
"""Disagreement of the two maps from which on neither refutes."""
_VALID = 0.6
_ROUNDING = 0.0005
"""Shares are written with four decimals."""
_STATES = frozenset({"snow", "wetland"})
"""Classes that come and go: the dated map counts as much as the yearly one."""
_DENSE = frozenset({"jungle", "rainforest", "rain forest"})
_TALL_M, _CLOSED = 10.0, 0.6
_CITY = frozenset({"metropolis", "megacity", "metropolitan", "skyscraper", "high rises", "conurbation", "downtown"})
_HOUSES = word_set("houses house buildings building housing homes dwellings homestead")
_SIGNAL = "landcover.fractions"


def _signal(claim: Claim) -> str:
    return f"{_SIGNAL}.{'+'.join(claim.subject)}"


def _unusable(claim: Claim, facts: Facts) -> Verdict | None:
    if facts.cover is None:
        return unknown(_signal(claim), "no land-cover map")
    if facts.cover_valid < _VALID:
        return unknown("landcover.valid_frac", f"at least {_VALID:.0%} of the tile must be mapped")
    return None


def presence(claim: Claim, facts: Facts) -> Verdict:
    """A class is there, or is not."""
    unusable = _unusable(claim, facts)
    if unusable is not None:
        return unusable
    share = facts.share(claim.subject) or 0.0
    second = facts.dynamic_share(claim.subject)
    if not claim.positive:
        return _absence(claim, facts, share, second)
    if claim.type == "built" or claim.subject == ("built",):
        return _built(claim, facts, share, second)
    there = share >= PRESENT or (second is not None and bool(_STATES & set(claim.subject)) and second >= PRESENT)
    if there and _dense(claim):
        return _closed(facts, share)
    if not there and second is not None and second >= _SECOND:
        return verdict(None, "dynamic_world.fractions", second, f"share >= {PRESENT} in both maps")
    if not there and claim.subject == ("snow",) and second is None and facts.season == "winter":
        return verdict(None, _signal(claim), share, "snow on the ground needs a dated map")
    return verdict(there, _signal(claim), share, f"share >= {PRESENT}")


def _absence(claim: Claim, facts: Facts, share: float, second: float | None) -> Verdict:
    if share > _ABSENT:
        disputed = second is not None and second <= PRESENT and (facts.disagreement or 0.0) > _DISPUTED
        return verdict(None if disputed else False, _signal(claim), share, f"share <= {_ABSENT}")
    if claim.subject == ("built",) and _buildings(facts) >= 10:
        return verdict(False if share >= PRESENT else None, "osm.surrounding", _buildings(facts), "no buildings")
    if second is not None and bool(_STATES & set(claim.subject)) and second > _ABSENT:
        return verdict(False, "dynamic_world.fractions", second, f"share <= {_ABSENT}")
    return verdict(True, _signal(claim), share, f"share <= {_ABSENT}")


def _dense(claim: Claim) -> bool:
    return claim.word.startswith(("dense", "thick", "closed", "deep")) or claim.word in _DENSE


def _closed(facts: Facts, share: float) -> Verdict:
    """Ten metres high and on most of the tile: WorldCover's trees begin at a tenth of the ground in their shade."""
    if facts.canopy is None:
        return unknown("canopy_height_m", "a height of the canopy")
    height = facts.canopy.get("p50", facts.canopy.get("mean"))
    enough = height is not None and float(height) >= _TALL_M and share >= _CLOSED
    expected = f"canopy >= {_TALL_M:.0f} m and share >= {_CLOSED}"
    return verdict(True if enough else None, "canopy_height_m", height, expected)


def _buildings(facts: Facts) -> int:
    return sum(one.count for one in facts.features if "building" in one.tags)


def _built(claim: Claim, facts: Facts, share: float, second: float | None) -> Verdict:
    if set(claim.word.split()) & _CITY or claim.word in _CITY:
        mapped = any(one.tags.get("place") == "city" for one in facts.features)
        return verdict(True if mapped else (False if share < 0.15 else None), _signal(claim), share, "a city")
    if share >= PRESENT:
        return verdict(True, _signal(claim), share, f"share >= {PRESENT}")
    if _buildings(facts) or any("place" in one.tags or one.tags.get("landuse") in {"residential", "industrial"}
                                for one in facts.features):  # fmt: skip
        return verdict(True, "osm.surrounding", _buildings(facts), "buildings or a place")
    if second is not None and second >= _SECOND:
        return verdict(None, "dynamic_world.fractions", second, f"share >= {PRESENT} in both maps")
    lone = claim.word in _HOUSES and share > 0
    return verdict(None if lone else False, _signal(claim), share, f"share >= {PRESENT}")


def fraction(claim: Claim, facts: Facts) -> Verdict:
    """A class has a share of the tile."""
    unusable = _unusable(claim, facts)
    if unusable is not None:
        return unusable
    shares = _shares(claim, facts)
    low, high, expected = _interval(claim, facts)
    holds: bool | None = any(low - _ROUNDING <= share <= high + _ROUNDING for share in shares.values())
    if not holds:
        holds = None if _rescued(claim, facts, low, high) else False
    signal, share = next(iter(shares.items()))
    found = verdict(holds, signal, share, expected)
    return found if claim.positive else denied(found)


def _shares(claim: Claim, facts: Facts) -> dict[str, float]:
    """What bears a share out: for water also the consensus, for states also the dated map."""
    found = {_signal(claim): facts.share(claim.subject) or 0.0}
    if claim.subject == ("water",) and facts.water is not None and facts.water.get("detected"):
        found["water_analysis.percentage"] = float(facts.water["percentage"]) / 100.0
    second = facts.dynamic_share(claim.subject)
    if second is not None and set(claim.subject) <= _STATES:
        found["dynamic_world.fractions"] = second
    return found


def _interval(claim: Claim, facts: Facts) -> tuple[float, float, str]:
    if claim.op in {"rest", "most_of_rest"}:
        rest = max(0.0, 1.0 - (facts.share(claim.other) or 0.0))
        least = (0.6 if claim.op == "rest" else 0.5) * rest
        return least, 1.0, f"share >= {least:.2f} of what is left of the tile, {rest:.2f}"
    low, high = claim.low or 0.0, 1.0 if claim.high is None else claim.high
    return low, high, f"{low:.3g} <= share <= {high:.3g}"


def _rescued(claim: Claim, facts: Facts, low: float, high: float) -> bool:
    """Whether the claim cannot be called false: the maps differ, or a vague word is near its limit."""
    second = facts.dynamic_share(claim.subject)
    if second is not None and (facts.disagreement or 0.0) > _DISPUTED and low <= second <= high:
        return True
    share = facts.share(claim.subject) or 0.0
    vague = claim.value is None and claim.op == "within" and 0.15 <= low < 0.85
    return vague and low / 2 <= share < low


def _ranked(cover: Mapping[str, float], subject: tuple[str, ...]) -> tuple[float, float]:
    """The share of a class or group, and the largest share of any other class."""
    own = sum(cover.get(name, 0.0) for name in subject)
    return own, max((share for name, share in cover.items() if name not in subject), default=0.0)


def dominance(claim: Claim, facts: Facts) -> Verdict:
    """A class is most of the tile, the largest, or all there is."""
    unusable = _unusable(claim, facts)
    if unusable is not None or facts.cover is None:
        return unusable or unknown(_signal(claim), "no land-cover map")
    own, other = _ranked(facts.cover, claim.subject)
    if claim.op == "only":
        holds: bool | None = own > 0.5 and other <= _ABSENT
        expected = f"every other share <= {_ABSENT}"
    elif claim.op == "largest":
        holds = True if own > other else (None if other - own < 0.02 else False)
        expected = f"share > {other:.3g}, the largest of the others"
    else:
        holds = _most(own, other)
        expected = "share > 0.5, or the largest by 0.1"
        if set(claim.subject) <= _STATES and (facts.dynamic_share(claim.subject) or 0.0) > 0.5:
            return verdict(claim.positive, "dynamic_world.fractions", facts.dynamic_share(claim.subject), expected)
    found = verdict(holds, _signal(claim), own, expected)
    return found if claim.positive else denied(found)


def _most(own: float, other: float) -> bool | None:
    if own > 0.5 or own - other >= 0.1:
        return True
    return None if own > other else False


def compare(claim: Claim, facts: Facts) -> Verdict:
    """One class has more than another, as much, or so many times as much."""
    unusable = _unusable(claim, facts)
    if unusable is not None:
        return unusable
    a, b = facts.share(claim.subject) or 0.0, facts.share(claim.other) or 0.0
    holds, expected = _compared(claim, a, b)
    signal = f"{_SIGNAL}.{'+'.join(claim.subject)} - {'+'.join(claim.other)}"
    found = verdict(holds, signal, [round(a, 4), round(b, 4)], expected)
    return found if claim.positive else denied(found)


def _compared(claim: Claim, a: float, b: float) -> tuple[bool | None, str]:
    if a < PRESENT and b < PRESENT:
        return False, "both are there"
    if claim.op == "equal":
        return abs(a - b) <= 0.10 + _ROUNDING, "shares differ by at most 0.10"
    if claim.op == "times":
        factor = claim.value or 2.0
        ratio = a / b if b > 0 else float("inf")
        return 0.75 * factor <= ratio <= 1.3 * factor, f"{0.75 * factor:.3g} to {1.3 * factor:.3g} times as much"
    close = abs(a - b) < 0.01
    if claim.op == "slightly_more":
        return (None if close else a > b) if a - b <= 0.15 else (
            None if a - b <= 0.25 else False
        ), "more by at most 0.15"
    return (None if close else a > b), "more"
