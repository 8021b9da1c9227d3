"""Which items a sentence denies."""

from __future__ import annotations

from geomeld_build.captions.claims.lexicon.logic import PREPOSITIONS, VERBS
from geomeld_build.captions.claims.parse.attach import listed
from geomeld_build.captions.claims.parse.scan import HARD, Item, Sentence
from geomeld_build.captions.claims.text import word_set

__all__ = ["mark_negations"]

_DENIABLE = word_set("""
    cover osm ground form steep relief green barefields altitude state biome geo season month dominance facing
""")
_LIST_GLUE = word_set("or nor and any of a an the much kind sort single other no")
_REACH = 3
"""Unknown words, such as adjectives, that may stand before what is denied."""


def mark_negations(sentence: Sentence) -> None:
    """Fill ``sentence.negated`` and ``sentence.skipped``."""
    for number, item in enumerate(sentence.items):
        if item.kind == "negate" and item.value == "right":
            _deny_right(sentence, number)
        elif item.kind == "negate":
            _deny_left(sentence, number)
        elif item.kind == "but" and item.value == "not":
            following = _next_deniable(sentence, number)
            if following is not None:
                sentence.negated.add(following)
        elif item.kind == "unless":
            following = _next_deniable(sentence, number)
            if following is not None:
                sentence.skipped.add(following)
    _deny_free(sentence)


def _next_deniable(sentence: Sentence, number: int) -> int | None:
    for at in range(number + 1, min(number + 3, len(sentence.items))):
        if sentence.items[at].kind in _DENIABLE:
            return at
    return None


def _deny_right(sentence: Sentence, number: int) -> None:
    """Through the list that follows the cue: no vegetation, settlement or water."""
    cue = sentence.items[number]
    here, seen, unknown = cue.last, False, 0
    for at in range(number + 1, len(sentence.items)):
        item = sentence.items[at]
        for token in sentence.tokens[here : item.first]:
            text = token.text
            if text in HARD or text == "." or (seen and (text in VERBS or text in PREPOSITIONS)):
                return
            if text == "and" and seen and _determined(sentence, item):
                return
            if text == "," and not _list_goes_on(sentence, at, seen):
                return
            unknown = unknown + 1 if text not in _LIST_GLUE and text != "," else 0
            if seen and unknown > _REACH:
                return
        if item.kind in {"negate", "affirm", "unless", "but"}:
            return
        if item.kind in _DENIABLE:
            sentence.negated.add(at)
            seen = True
        here = item.last


def _determined(sentence: Sentence, item: Item) -> bool:
    """Whether an article or a number before an item makes it a statement of its own."""
    return sentence.text(item.first - 1) in {"a", "an", "the", "some"} or item.kind in {"share", "count"}


def _list_goes_on(sentence: Sentence, at: int, seen: bool) -> bool:
    """Whether what follows a comma is another member of the list and not a new statement."""
    if not seen:
        return False
    after = sentence.text(sentence.items[at].last)
    return after in {",", "or", "nor", ".", ";", "", "and"}


def _deny_left(sentence: Sentence, number: int) -> None:
    """What stands before: water and trees are absent."""
    cue = sentence.items[number]
    first, _ = sentence.clause(cue)
    seen = False
    for at in range(number - 1, -1, -1):
        item = sentence.items[at]
        if item.last <= first:
            return
        gap = [token.text for token in sentence.tokens[item.last : sentence.items[at + 1].first]]
        if seen and (any(word in VERBS or word in {"with", "in"} for word in gap) or not listed(sentence, at, at + 1)):
            return
        if item.kind in _DENIABLE:
            sentence.negated.add(at)
            seen = True
            if sentence.text(item.first - 1) == "," and not any(word in {"and", "or", "nor"} for word in gap):
                return


def _deny_free(sentence: Sentence) -> None:
    """Snow-free, forest-less, non-urban."""
    for at, item in enumerate(sentence.items):
        after = sentence.tokens[item.last] if item.last < len(sentence.tokens) else None
        if after is not None and after.joined and after.text in {"free", "less"}:
            sentence.negated.add(at)
        if sentence.tokens[item.first].joined and sentence.text(item.first - 1) in {"non", "un"}:
            sentence.negated.add(at)
