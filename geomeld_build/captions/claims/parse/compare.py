"""Comparisons of two classes: more forest than cropland, evenly matched, twice as much."""

from __future__ import annotations

from geomeld_build.captions.claims.lexicon.cover import members
from geomeld_build.captions.claims.model import Claim, Op
from geomeld_build.captions.claims.parse.attach import is_surface
from geomeld_build.captions.claims.parse.scan import Item, Sentence

__all__ = ["comparisons"]

_OPS: dict[str, tuple[Op, bool, float | None]] = {
    "more": ("more", False, None),
    "slightly_more": ("slightly_more", False, None),
    "less": ("more", True, None),
    "outweigh": ("more", False, None),
    "outweighed": ("more", True, None),
    "first": ("more", False, None),
    "ahead": ("slightly_more", False, None),
    "behind": ("more", True, None),
    "twice": ("times", False, 2.0),
    "thrice": ("times", False, 3.0),
    "half": ("times", True, 2.0),
    "equal": ("equal", False, None),
    "rival": ("equal", False, None),
}
"""Word to relation, whether the sides are swapped, and the factor."""


def comparisons(sentence: Sentence, text: str) -> list[Claim]:
    """Claims of a sentence that compare two classes; their items are used up."""
    found = []
    for number, item in enumerate(sentence.items):
        if item.kind != "compare":
            continue
        pair = _pair(sentence, item)
        if pair is None:
            continue
        first, second = pair
        op, swapped, factor = _OPS[item.value]
        sentence.used.update({first, second, number})
        a, b = sentence.items[first], sentence.items[second]
        start, end = sentence.span(a, b, item)
        if swapped:
            a, b = b, a
        found.append(
            Claim(
                start,
                end,
                text[start:end],
                "landcover_compare",
                members(a.value),
                op,
                value=factor,
                other=members(b.value),
                positive=not _denied(sentence, item),
            )
        )
    return found


def _denied(sentence: Sentence, cue: Item) -> bool:
    return sentence.text(cue.first - 1) in {"not", "no"} or sentence.text(cue.first - 2) == "not"


def _pair(sentence: Sentence, cue: Item) -> tuple[int, int] | None:
    """The two classes that a cue compares."""
    first, last = sentence.clause(cue)
    left = [
        n
        for n, item in enumerate(sentence.items)
        if is_surface(item) and first <= item.first and item.last <= cue.first
    ]
    right = [n for n, item in enumerate(sentence.items) if is_surface(item) and cue.last <= item.first < last]
    if cue.value == "equal":
        return _equal_pair(sentence, cue, left, right)
    if cue.value in {"outweigh", "outweighed", "rival"}:
        return (left[-1], right[0]) if left and right else None
    if cue.value in {"ahead", "first", "behind"}:
        return _ahead_pair(sentence, cue, left, right)
    return _than_pair(sentence, cue, left, right)


def _equal_pair(sentence: Sentence, cue: Item, left: list[int], right: list[int]) -> tuple[int, int] | None:
    if cue.last - cue.first == 2 and sentence.text(cue.first) == "as" and right:
        # As much forest as cropland.
        return (right[0], right[1]) if len(right) > 1 else ((left[-1], right[0]) if left else None)
    if len(left) >= 2:
        return left[-2], left[-1]
    return (right[0], right[1]) if len(right) >= 2 else None


def _ahead_pair(sentence: Sentence, cue: Item, left: list[int], right: list[int]) -> tuple[int, int] | None:
    if not left:
        return None
    named = {"former": (-2, -1), "latter": (-1, -2)}.get(sentence.text(cue.first - 1))
    if named is not None and len(left) >= 2:
        return left[named[0]], left[named[1]]
    subject = left[-1]
    if right and all(token.text in {"of", "the"} for token in sentence.between(cue, sentence.items[right[0]])):
        return subject, right[0]
    # Ahead of whom is said before: forest and farmland share the tile, with forest slightly ahead.
    rivals = [n for n, item in enumerate(sentence.items[:subject]) if is_surface(item)]
    others = [n for n in rivals if sentence.items[n].value != sentence.items[subject].value]
    return (subject, others[-1]) if others else None


def _than_pair(sentence: Sentence, cue: Item, left: list[int], right: list[int]) -> tuple[int, int] | None:
    words = [token.text for token in sentence.tokens[cue.last :]]
    joint = next((cue.last + n for n, word in enumerate(words) if word in {"than", "as"}), None)
    if joint is None:
        return None
    inner = [n for n in right if sentence.items[n].last <= joint]
    outer = [n for n in right if sentence.items[n].first > joint]
    if not outer or sentence.items[outer[0]].first - joint > 4:
        return None
    if inner:
        return inner[0], outer[0]
    return (left[-1], outer[0]) if left else None
