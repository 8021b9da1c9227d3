"""Numbers with units: what they measure, and how they bound it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from geomeld_build.captions.claims.lexicon.cover import members
from geomeld_build.captions.claims.lexicon.logic import COPULAS
from geomeld_build.captions.claims.model import Claim, ClaimType, Op
from geomeld_build.captions.claims.parse.numbers import slope_degrees
from geomeld_build.captions.claims.parse.scan import Item, Sentence
from geomeld_build.captions.claims.text import word_set

__all__ = ["Topic", "measure_claims"]

Topic = str | None
"""What the last number measured: ``it`` in the next statement means the same."""

_TYPES: dict[str, ClaimType] = {
    "elevation": "elevation",
    "slope": "slope",
    "relief": "relief",
    "canopy": "canopy_height",
    "width": "width",
}
_WIDE = frozenset({"wide", "width", "across", "broad", "breadth"})
_LONG = frozenset({"long", "length", "away", "apart", "deep", "depth", "thick"})
_RISING = word_set("""
    rise rises rising reach reaches reaching climb climbs climbing top tops topping peak peaks peaking highest
    maximum summit summits culminates culminating crest crests soar soars soaring max
""")
_FALLING = word_set("fall falls falling drop drops dropping lowest minimum down descends descending min low")
_MEAN = frozenset(["average", "averages", "averaging", "mean", "typically", "typical", "averaged"])
_IN_PLACES = frozenset({"places", "somewhere", "locally", "parts", "spots", "point", "points"})
_STANDING = word_set("tallest tower towers towering stand stands standing grow grows growing high tall taller height")
_GROUND = word_set("ground terrain land tile scene area surface plain site it lies sits lie plateau metres")
_TRAIL = COPULAS | _MEAN | word_set("of at with a an the stay stays keep keeps exceed exceeds about to up average")
_NOWHERE = frozenset({"nowhere", "never", "nothing", "none", "no", "not", "nor", "neither"})
_NEXT_THING = frozenset({",", "and", "with", "or", "on"})
_REACH = 9


def measure_claims(sentence: Sentence, text: str, before: Topic) -> tuple[list[Claim], Topic]:
    """Claims about heights, slopes and widths, and the topic that the next sentence may call ``it``."""
    found, topic = [], before
    for number, item in enumerate(sentence.items):
        if item.number is None or number in sentence.used:
            continue
        if item.kind == "share":
            if not _gradient(sentence, number):
                continue
            topic, item = "slope", _percent(item)
        elif item.kind == "measure":
            topic = _topic(sentence, item, topic)
        else:
            continue
        sentence.used.add(number)
        if topic == "slope" and number and sentence.items[number - 1].value == "Slope":
            # "Slopes average 9 degrees" says how steep, not that there are slopes.
            sentence.used.add(number - 1)
        found.append(_claim(sentence, text, item, topic))
    return found, topic


def _percent(item: Item) -> Item:
    """A gradient in percent as an angle."""
    low = high = slope_degrees(100.0 * (item.number or 0.0))
    return Item(item.first, item.last, "measure", low=low, high=high, number=low, unit="deg", bound=item.bound)


def _gradient(sentence: Sentence, number: int) -> bool:
    """Whether a percentage is a gradient: slopes are below five percent."""
    item = sentence.items[number]
    if sentence.text(item.last) in {"slope", "slopes", "gradient", "grade", "gradients"}:
        return True
    if number == 0 or sentence.text(item.last) == "of":
        return False
    left = sentence.items[number - 1]
    if not (left.kind == "form" and left.value == "Slope") and (left.kind, left.value) != ("measure", "slope"):
        return False
    return all(token.text in _TRAIL for token in sentence.between(left, item))


def _near(sentence: Sentence, item: Item, left: int, right: int) -> tuple[list[str], list[str]]:
    """Words before and after an item in its clause, the nearest first."""
    first, last = sentence.clause(item)
    before = [sentence.text(at) for at in range(item.first - 1, max(first, item.first - left) - 1, -1)]
    after = [sentence.text(at) for at in range(item.last, min(last, item.last + right))]
    return before, after


def _topic(sentence: Sentence, item: Item, before: Topic) -> Topic:
    left, right = _near(sentence, item, _REACH, 3)
    if item.unit not in {"m", "deg"}:
        return None
    if item.unit == "deg":
        return "slope" if _sloping(sentence, item) else ("slope" if before == "slope" and "it" in left else None)
    if right[:1] and (_WIDE & set(right[:1])):
        return "width"
    if _LONG & set(right[:2]):
        return None
    named = _nearest_measure(sentence, item)
    if named is not None and named != "slope":
        return named if named in _TYPES else None
    return _implied(sentence, item, left, right, before)


def _implied(sentence: Sentence, item: Item, left: Sequence[str], right: Sequence[str], before: Topic) -> Topic:
    """What a length measures where no word says it."""
    first, _ = sentence.clause(item)
    before_it = [other for other in sentence.items if first <= other.first and other.last <= item.first]
    # A top may be a place or what trees do.
    kinds = [(other.kind, other.value) for other in before_it if other.kind != "place"]
    covers = [value for kind, value in kinds if kind == "cover"]
    last = [other for other in sentence.items if other.kind == "cover" and first <= other.first < item.first]
    apart = bool(last) and "," in [token.text for token in sentence.between(last[-1], item)]
    woody = not apart and bool(covers) and covers[-1] in {"tree", "mangrove"} and kinds[-1][0] == "cover"
    if woody and (_STANDING & {*left, *right} or _RISING & set(left)):
        return "canopy"
    if {"taller", "shorter"} & {token.text for token in sentence.tokens[item.first : item.last]}:
        return "canopy"
    if "it" in left[:4] and before in {"elevation", "relief", "canopy"}:
        return before
    if {"highest", "lowest"} <= set(_near(sentence, item, 0, 9)[1]) or {"highest", "lowest"} <= set(left):
        return "relief"
    if _RISING & set(left) or _FALLING & set(left) or any(kind in {"form", "ground"} for kind, _ in kinds):
        return "elevation"
    if _MEAN & set(left[:4]) and not covers:
        return "elevation"
    return "elevation" if _GROUND & set(left) and "of" not in right[:1] else None


def _sloping(sentence: Sentence, item: Item) -> bool:
    first, last = sentence.clause(item)
    words = {sentence.text(at) for at in range(first, last)}
    if words & {"latitude", "longitude", "celsius", "heading", "azimuth", "bearing", "aspect"}:
        return False
    return (
        True
        if words & {"steep", "steeply", "incline"}
        else any(
            (other.kind in {"form", "ground", "steep"} or (other.kind, other.value) == ("measure", "slope"))
            for other in sentence.items
            if first <= other.first < last
        )
    )


def _nearest_measure(sentence: Sentence, item: Item) -> str | None:
    """The word for a measure that stands closest, at most a few words off."""
    first, last = sentence.clause(item)
    near: tuple[int, str] | None = None
    for other in sentence.items:
        if other.kind != "measure" or other.number is not None or not first <= other.first < last:
            continue
        left, right = sorted((item, other), key=lambda one: one.first)
        if "," in [token.text for token in sentence.between(left, right)]:
            continue
        apart = other.first - item.last if other.first >= item.last else item.first - other.last
        if apart <= _REACH and (near is None or apart < near[0]):
            near = apart, other.value
    return None if near is None else near[1]


def _claim(sentence: Sentence, text: str, item: Item, topic: Topic) -> Claim:
    start, end = sentence.span(item)
    item = _turned(sentence, item)
    kind: ClaimType = "other" if topic is None else _TYPES.get(topic, "other")
    subject: tuple[str, ...] = ()
    if kind == "width":
        subject = _wide_thing(sentence, item)
    unit = item.unit if kind != "other" else None
    op = _op(sentence, item)
    low: float | None = item.low
    high = item.high if item.bound == "between" else None
    if op == "peak" and item.bound == "below":
        # "The summit stays under 800 m" names no height, only what it does not reach.
        low, high = None, item.number
    slot = (start, end)
    return Claim(start, end, text[start:end], kind, subject, op, low, high, item.number, unit, slot=slot)


def _turned(sentence: Sentence, item: Item) -> Item:
    """Nowhere does it rise more than ten metres: at most so much, everywhere."""
    opposite = {"above": "below", "below": "above"}.get(item.bound)
    left, _ = _near(sentence, item, _REACH, 0)
    # What is denied before a comma or an "and" is another thing: no water, and ground below 300 m.
    ends = next((at for at, word in enumerate(left) if word in _NEXT_THING), len(left))
    if opposite is None or not _NOWHERE & set(left[:ends]):
        return item
    return replace(item, bound=opposite)


def _wide_thing(sentence: Sentence, item: Item) -> tuple[str, ...]:
    covers = [other for other in sentence.items if other.kind == "cover"]
    left = [other for other in covers if other.last <= item.first]
    nearest = left[-1] if left else (covers[0] if covers else None)
    return ("water",) if nearest is None else members(nearest.value)


def _op(sentence: Sentence, item: Item) -> Op:
    left, right = _near(sentence, item, 7, 4)
    left = left[: left.index(",")] if "," in left else left
    after, words = set(right[:3]), set(left)
    if item.bound == "between":
        return "within"
    if _IN_PLACES & after or _IN_PLACES & words:
        return {"above": "somewhere_above", "below": "somewhere_below"}.get(item.bound, "peak")  # type: ignore[return-value]
    rising = _RISING & words or any(
        other.kind == "form" and other.value == "Peak" and other.last <= item.first for other in sentence.items
    )
    if rising:
        return "somewhere_above" if item.bound == "above" else "peak"
    if _FALLING & words:
        return "lowest"
    if item.bound in {"above", "below"}:
        return "above" if item.bound == "above" else "below"
    return "mean" if _MEAN & words else "point"
