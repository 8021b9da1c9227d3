"""Which class an amount, a place or a verb belongs to."""

from __future__ import annotations

from geomeld_build.captions.claims.lexicon.logic import COPULAS, PREPOSITIONS, VERBS
from geomeld_build.captions.claims.lexicon.places import SCENE
from geomeld_build.captions.claims.parse.scan import HARD, Item, Sentence
from geomeld_build.captions.claims.text import word_set

__all__ = ["after_scope", "listed", "listed_with", "nearest_left", "nearest_right", "share_subject"]

_ARTICLES = word_set("the this that its it our a an these all what whole entire")
_LINKS = (
    COPULAS
    | _ARTICLES
    | word_set("""
    covered by with of in as under mapped classed given over to consist consists comprise comprises belong belongs
    goes go cover made up taken occupied used for held mostly being there mainly lies lying falls fall falling
    left leaves claimed clothed
""")
)
_COATS = word_set("""
    coast coasts coastal coastline shore shores shoreline seaside island islet offshore seashore beachfront
""")  # fmt: skip
_OTHER_NOUNS = frozenset({"measure", "form", "ground", "osm"})
_JOINTS = frozenset({"and", "or", ",", "/", "as", "well", "plus"})
_ADDING = frozenset({"plus", "alongside", "beside", "besides", "next", "then", "followed"})
_TO = frozenset({"of", "under", "goes", "falls", "belongs", "left"})
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
        if item.side == "left" and other.kind in _OTHER_NOUNS:
            # "Water, and the relief is minimal": little of the relief, not of the water.
            return None
        if other.kind == "share" and kinds is None and at not in sentence.used:
            return None
    return None


def nearest_right(
    sentence: Sentence, item: Item, kinds: frozenset[str] | None = None, start: int | None = None
) -> int | None:
    """The first class after an item in its clause that has no amount in between, from a token on."""
    _, last = sentence.clause(item)
    for at, other in enumerate(sentence.items):
        if other.first < (item.last if start is None else start):
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


def _names_the_tile(sentence: Sentence, share: Item, subject: Item) -> bool:
    """Of this prairie tile, of the forest scene: no class that has the share."""
    return (
        sentence.text(share.last) in {"of", "in"}
        and sentence.text(share.last + 1) in {"this", "the"}
        and sentence.text(subject.last) in SCENE
    )


def share_subject(sentence: Sentence, number: int) -> int | None:
    """The class that an amount belongs to."""
    share = sentence.items[number]
    left, right = nearest_left(sentence, share), nearest_right(sentence, share)
    if right is not None and _names_the_tile(sentence, share, sentence.items[right]):
        right = nearest_right(sentence, share, start=sentence.items[right].last)
    if share.side == "left":
        return left
    if share.side == "right":
        return right
    if right is not None and _leads_to(sentence, share, sentence.items[right]):
        return right
    if left is not None and _led_from(sentence, sentence.items[left], share):
        return left
    if left is None and right is not None and _reaches(sentence, share, sentence.items[right]):
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
    if not words or start > share.last or any(word in COPULAS or word in _TO for word in words):
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


def _reaches(sentence: Sentence, share: Item, subject: Item) -> bool:
    """The amount comes first and the class later: covering a third of the tile, forest ..."""
    words = {token.text for token in sentence.between(share, subject)}
    return subject.first - share.last <= 8 and "and" not in words


def listed_with(sentence: Sentence, number: int) -> list[int]:
    """The class and those that are listed with it by commas, and, or: trees and shrubs."""
    found = [number]
    for step in (-1, 1):
        at = number
        while 0 <= at + step < len(sentence.items):
            here, there = sorted((at, at + step))
            other = sentence.items[at + step]
            if not is_surface(other) or other.value == "land" or not listed(sentence, here, there):
                break
            at += step
            found.append(at)
    return sorted(found)


def listed(sentence: Sentence, here: int, there: int) -> bool:
    """Whether two neighbours are members of one list: A and B; A, B and C."""
    left, right = sentence.items[here], sentence.items[there]
    gap = [token.text for token in sentence.between(left, right)]
    if not _glue(gap):
        return False
    if set(gap) - _ARTICLES == {","}:
        # A comma alone joins only where the list goes on to its "and".
        return there + 1 < len(sentence.items) and listed(sentence, there, there + 1)
    if "," in gap and "and" in gap and _does(sentence, right, there):
        # "In the south is heath, and water covers a third": two statements.
        first, _ = sentence.clause(left)
        return not any(token.text in VERBS for token in sentence.tokens[first : left.first])
    return True


def _does(sentence: Sentence, item: Item, number: int) -> bool:
    """Whether something follows that makes the item the subject of a statement of its own."""
    following = sentence.items[number + 1] if number + 1 < len(sentence.items) else None
    after = sentence.text(item.last)
    article = sentence.text(item.first - 1) in _ARTICLES and after not in {",", ".", "and", ""}
    told = article or (
        following is not None and following.first == item.last and following.kind in {"compare", "dominance"}
    )
    return told or after in VERBS | {"in"}


def _glue(words: list[str]) -> bool:
    """Whether words join two members of a list. ", plus trees on a quarter" begins a statement of its own."""
    if not any(word in _JOINTS for word in words) or len(words) > 4 or ("," in words and set(words) & _ADDING):
        return False
    return not any(word in VERBS or word in PREPOSITIONS or word in HARD for word in words)
