"""Which class an amount, a place or a verb belongs to."""

from __future__ import annotations

from geomeld_build.captions.claims.lexicon.logic import COPULAS, PREPOSITIONS, VERBS
from geomeld_build.captions.claims.lexicon.places import SCENE
from geomeld_build.captions.claims.parse.scan import HARD, Item, Sentence
from geomeld_build.captions.claims.text import word_set

__all__ = ["after_scope", "listed_with", "nearest_left", "nearest_right", "share_subject"]

_ARTICLES = word_set("the this that its it our a an these all what whole entire")
_LINKS = (
    COPULAS
    | _ARTICLES
    | word_set("""
    covered by with of in as under mapped classed given over to consist consists comprise comprises belong belongs
    goes go cover made up taken occupied used for held mostly being there mainly lies lying
""")
)
_COATS = word_set("""
    coast coasts coastal coastline shore shores shoreline seaside island islet offshore seashore beachfront
""")  # fmt: skip
_FAR = 14
"""Words beyond which nothing is connected."""


def is_surface(item: Item) -> bool:
    """Whether an item is a class that can hold a share; a coast is the edge of one."""
    return item.kind == "cover" and item.word not in _COATS


def nearest_left(sentence: Sentence, item: Item, kinds: frozenset[str] | None = None) -> int | None:
    """The last class before an item in its clause that has no amount in between."""
    first, _ = sentence.clause(item)
    for at in range(len(sentence.items) - 1, -1, -1):
        other = sentence.items[at]
        if other.last > item.first:
            continue
        if other.last <= first or item.first - other.last > _FAR:
            return None
        if is_surface(other) if kinds is None else other.kind in kinds:
            return at
        if other.kind == "share" and kinds is None and at not in sentence.used:
            return None
    return None


def nearest_right(sentence: Sentence, item: Item, kinds: frozenset[str] | None = None) -> int | None:
    """The first class after an item in its clause that has no amount in between."""
    _, last = sentence.clause(item)
    for at, other in enumerate(sentence.items):
        if other.first < item.last:
            continue
        if other.first >= last or other.first - item.last > _FAR:
            return None
        if is_surface(other) if kinds is None else other.kind in kinds:
            return at
        if other.kind == "share" and kinds is None:
            return None
    return None


def after_scope(sentence: Sentence, at: int) -> int:
    """The token after ``of the whole tile`` or its like, or the same token."""
    if sentence.text(at) not in {"of", "in"}:
        return at
    here, seen = at + 1, False
    while here < len(sentence.tokens) and here < at + 6:
        word = sentence.text(here)
        if word in SCENE or word in {"it", "them"}:
            seen, here = True, here + 1
            break
        if word in HARD or word in {",", "."}:
            return at
        here += 1
    return here if seen else at


def partitive(sentence: Sentence, share: Item) -> bool:
    """Whether the amount is a part of a class and not of the tile: half of the forest."""
    return (
        sentence.text(share.last) == "of"
        and sentence.text(share.last + 1) in {"the", "its", "these", "this", "that"}
        and any(is_surface(item) and item.first == share.last + 2 for item in sentence.items)
        and not sentence.tokens[share.last + 2].text.startswith(("land", "ground"))
    )


def share_subject(sentence: Sentence, number: int) -> int | None:
    """The class that an amount belongs to."""
    share = sentence.items[number]
    left, right = nearest_left(sentence, share), nearest_right(sentence, share)
    if share.side == "left":
        return left
    if share.side == "right":
        return right
    if right is not None and _leads_to(sentence, share, sentence.items[right]):
        return right
    if left is not None and _led_from(sentence, sentence.items[left], share):
        return left
    if left is None and right is not None and _reaches(share, sentence.items[right]):
        return right
    return None


def _leads_to(sentence: Sentence, share: Item, subject: Item) -> bool:
    """Only linking words and adjectives between the amount and the class after it."""
    start = after_scope(sentence, share.last)
    words = [token.text for token in sentence.tokens[start : subject.first]]
    if any(word in {",", "."} or word in {"and", "or"} for word in words):
        return False
    strange = [word for word in words if word not in _LINKS]
    if any(word in VERBS or word in PREPOSITIONS for word in strange) or len(strange) > 2:
        return False
    if start == share.last and words[:1] == ["of"] and words[1:2] in (["the"], ["its"]):
        return False
    if not words or start > share.last or any(word in COPULAS or word in {"of", "under"} for word in words):
        return True
    # "takes a third open forest" cannot be; "half forest" and "40 % dense forest" can.
    return nearest_left(sentence, share) is None or not _verb_before(sentence, share)


def _verb_before(sentence: Sentence, share: Item) -> bool:
    left = nearest_left(sentence, share)
    if left is None:
        return False
    return any(token.text in VERBS - {"is", "are"} for token in sentence.between(sentence.items[left], share))


def _led_from(sentence: Sentence, subject: Item, share: Item) -> bool:
    """Whether the amount can be about the class before it."""
    words = [token.text for token in sentence.between(subject, share)]
    return len(words) <= _FAR and "than" not in words


def _reaches(share: Item, subject: Item) -> bool:
    """The amount comes first and the class later: covering a third of the tile, forest ..."""
    return subject.first - share.last <= 8


def listed_with(sentence: Sentence, number: int) -> list[int]:
    """The class and those that are listed with it by commas, and, or: trees and shrubs."""
    found = [number]
    for step in (-1, 1):
        at = number
        while 0 <= at + step < len(sentence.items):
            here, there = sorted((at, at + step))
            gap = [token.text for token in sentence.between(sentence.items[here], sentence.items[there])]
            if not is_surface(sentence.items[at + step]) or not _glue(gap):
                break
            at += step
            found.append(at)
    return sorted(found)


def _glue(words: list[str]) -> bool:
    joints = {"and", "or", ",", "/", "as", "well", "plus"}
    return (
        bool(words)
        and any(word in joints for word in words)
        and len(words) <= 4
        and not any(word in VERBS or word in PREPOSITIONS or word in HARD for word in words)
    )
