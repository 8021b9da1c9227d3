"""Where things lie in the tile, which way they run and face."""

from __future__ import annotations

from geomeld_build.captions.claims.lexicon.cover import members
from geomeld_build.captions.claims.lexicon.logic import COPULAS, VERBS
from geomeld_build.captions.claims.model import Claim
from geomeld_build.captions.claims.parse.attach import is_surface, listed_with
from geomeld_build.captions.claims.parse.scan import HARD, Item, Sentence
from geomeld_build.captions.claims.text import word_set

__all__ = ["layout_claims"]

_PARTS = word_set("""
    part parts half third quarter edge edges corner side sides portion end flank reaches section sector margin
    quadrant fringe fringes rim third's halves portions ends areas area
""")
_MARKERS = word_set("the in at to towards toward along on across over its near fills occupies")
_VAGUE = frozenset({"edge", "throughout"})


def layout_claims(sentence: Sentence, text: str) -> list[Claim]:
    """Directions first, then aspects, then classes in places; what they used is marked."""
    return _directions(sentence, text) + _aspects(sentence, text) + _places(sentence, text)


def _directions(sentence: Sentence, text: str) -> list[Claim]:
    """From north-west to south-east; north-south."""
    found = []
    items = sentence.items
    for number in range(len(items) - 1):
        start, stop = items[number], items[number + 1]
        if start.kind != "place" or stop.kind != "place" or number in sentence.used:
            continue
        gap = [token.text for token in sentence.between(start, stop)]
        run = (gap in ([], ["\u2013"], ["-"]) and sentence.tokens[stop.first].joined) or (
            "to" in gap and len(gap) <= 3 and sentence.text(start.first - 1) in {"from", "the", "runs", "running"}
        )
        if not run or start.value in _VAGUE or "centre" in (start.value, stop.value):
            continue
        sentence.used.update({number, number + 1})
        subject = _runner(sentence, start)
        begin, end = sentence.span(start, stop, *([items[subject]] if subject is not None else []))
        names = () if subject is None else members(items[subject].value)
        found.append(Claim(begin, end, text[begin:end], "direction", names, place=f"{start.value}-{stop.value}"))
        if subject is not None and subject not in sentence.used:
            sentence.used.add(subject)
            found.append(_plain(sentence, text, subject))
    return found


def _plain(sentence: Sentence, text: str, number: int) -> Claim:
    item = sentence.items[number]
    start, end = sentence.span(item)
    kind = "water" if item.value == "water" else "landcover_presence"
    positive = number not in sentence.negated
    return Claim(start, end, text[start:end], kind, members(item.value), word=item.word, positive=positive)  # type: ignore[arg-type]


def _runner(sentence: Sentence, place: Item) -> int | None:
    """What runs: the last class or road before."""
    first, _ = sentence.clause(place)
    for number in range(len(sentence.items) - 1, -1, -1):
        item = sentence.items[number]
        if item.last <= place.first and item.first >= first:
            if is_surface(item):
                return number
            if item.kind in {"osm", "form"}:
                return None
    return None


def _aspects(sentence: Sentence, text: str) -> list[Claim]:
    """North-facing, facing north."""
    found = []
    for number, item in enumerate(sentence.items):
        if item.kind != "place" or item.value in _VAGUE or number in sentence.used:
            continue
        after, before = sentence.text(item.last), sentence.text(item.first - 1)
        if after == "facing" or before in {"facing", "face", "faces"}:
            sentence.used.add(number)
            following = sentence.items[number + 1] if number + 1 < len(sentence.items) else None
            if following is not None and following.value == "Slope" and following.first == item.last + 1:
                sentence.used.add(number + 1)
            first, last = (item.first, item.last + 1) if after == "facing" else (item.first - 1, item.last)
            start, end = sentence.tokens[first].start, sentence.tokens[last - 1].end
            denied = sentence.text(first - 1) in {"not", "no"}
            found.append(Claim(start, end, text[start:end], "aspect", place=item.value, positive=not denied))
    return found


def _places(sentence: Sentence, text: str) -> list[Claim]:
    found = []
    for group in _place_groups(sentence):
        places = [sentence.items[n] for n in group]
        subjects = _lies_there(sentence, places)
        sentence.used.update(group)
        sentence.used.update(_of_the_part(sentence, places, subjects))
        for subject in subjects:
            item = sentence.items[subject]
            sentence.used.add(subject)
            for place in places:
                start, end = sentence.span(item, *places)
                found.append(
                    Claim(
                        start,
                        end,
                        text[start:end],
                        "layout",
                        members(item.value),
                        place=place.value,
                        word=item.word,
                        positive=subject not in sentence.negated,
                    )
                )
    return found


def _of_the_part(sentence: Sentence, places: list[Item], subjects: list[int]) -> set[int]:
    """Words for how much that are said of the part and not of the tile.

    "The north is mainly forest", "bare ground prevails in the north"; but "40 % forest, mostly in the north".
    """
    found = set()
    for subject in subjects:
        there = sentence.items[subject]
        for number, item in enumerate(sentence.items):
            after_place = places[-1].last <= item.first and item.last <= there.first
            before_place = there.last <= item.first and item.last <= places[0].first
            chiefly = item.kind == "share" and item.op == "most" and _only_little_words(sentence, item, places[0])
            if (after_place and item.kind in {"share", "dominance"}) or (
                before_place and (item.kind == "dominance" or chiefly)
            ):
                found.add(number)
    return found


def _only_little_words(sentence: Sentence, item: Item, place: Item) -> bool:
    """Chiefly in the north."""
    return all(token.text in _MARKERS for token in sentence.between(item, place))


def _place_groups(sentence: Sentence) -> list[list[int]]:
    """Places that are named together: the western and northern parts."""
    groups: list[list[int]] = []
    for number, item in enumerate(sentence.items):
        if item.kind != "place" or item.value in _VAGUE or number in sentence.used or not _is_place(sentence, number):
            continue
        previous = sentence.items[groups[-1][-1]] if groups else None
        if previous is not None and groups[-1][-1] == number - 1:
            gap = [token.text for token in sentence.between(previous, item) if token.text not in _PARTS]
            alone = "," in gap and sentence.text(item.last) in VERBS
            if gap and not alone and all(word in {"and", ",", "the", "in", "or"} for word in gap) and len(gap) <= 3:
                groups[-1].append(number)
                continue
        groups.append([number])
    return groups


def _is_place(sentence: Sentence, number: int) -> bool:
    """A part of the tile, and not of a country, a hemisphere or a comparison."""
    item = sentence.items[number]
    after = sentence.text(item.last)
    following = sentence.items[number + 1] if number + 1 < len(sentence.items) else None
    if following is not None and following.kind == "geo" and following.first - item.last <= 2:
        return False
    if after in {"hemisphere", "wind", "winds"} or (after == "of" and sentence.text(item.last + 1) == "the"
                                                    and _class_at(sentence, item.last + 2)):  # fmt: skip
        return False
    if item.first and item.word == "" and item.value == "centre" and sentence.text(item.first) == "core":
        return False
    before = sentence.text(item.first - 1)
    return before in _MARKERS or after in _PARTS or before in {"and", ",", "or"} or sentence.tokens[item.first].joined


def _class_at(sentence: Sentence, token: int) -> bool:
    return any(item.first == token and item.kind in {"cover", "osm", "form"} for item in sentence.items)


def _lies_there(sentence: Sentence, places: list[Item]) -> list[int]:
    """The classes that the text puts in these places."""
    first, last = sentence.clause(places[0])
    left = [
        n
        for n, item in enumerate(sentence.items)
        if _can_lie(item) and first <= item.first and item.last <= places[0].first
    ]
    right = [n for n, item in enumerate(sentence.items) if _can_lie(item) and places[-1].last <= item.first < last]
    rival = bool(left) and _same_chunk(sentence, left[-1], places[0]) and not _fronted(sentence, places[0])
    if right and _holds(sentence, places[-1], sentence.items[right[0]], rival):
        chosen = right[0]
        return [n for n in listed_with(sentence, chosen) if n >= chosen] if is_surface(sentence.items[chosen]) else []
    if not left or not _same_chunk(sentence, left[-1], places[0]) or not is_surface(sentence.items[left[-1]]):
        return []
    group = [n for n in listed_with(sentence, left[-1]) if n <= left[-1]]
    return group if len(group) > 1 and _joint_verb(sentence, left[-1], places[0]) else [left[-1]]


def _fronted(sentence: Sentence, place: Item) -> bool:
    """Whether a place begins a statement: ..., and in the north, forest ..."""
    at = place.first - 1
    while at >= 0 and sentence.text(at) in _MARKERS | {"the"}:
        at -= 1
    return at < 0 or (at < place.first - 1 and sentence.text(at) in {"and", "while", "but"})


def _can_lie(item: Item) -> bool:
    return is_surface(item) or item.kind in {"osm", "form", "ground"}


def _same_chunk(sentence: Sentence, number: int, place: Item) -> bool:
    """No new statement between a class and a place after it."""
    words = [token.text for token in sentence.between(sentence.items[number], place)]
    if "," in words and "and" in words and any(word in COPULAS for word in words):
        return False
    return len(words) <= 9 and not any(word in HARD for word in words)


def _joint_verb(sentence: Sentence, number: int, place: Item) -> bool:
    return any(token.text in VERBS for token in sentence.between(sentence.items[number], place))


def _holds(sentence: Sentence, place: Item, subject: Item, rival: bool) -> bool:
    """Whether what follows a place is said to lie there: the south-east is wooded; in the north, forest ..."""
    words = [token.text for token in sentence.between(place, subject)]
    while words and words[0] in _PARTS | {"of", "the", "tile", "scene", "area", "image", "frame"}:
        words = words[1:]
    if any(word in HARD or word == "and" for word in words) or len(words) > 5 or (rival and words[:1] == [","]):
        return False
    if any(word in COPULAS or word in VERBS for word in words):
        return True
    if not rival and (not words or words[0] == ","):
        return True
    return not rival and all(word not in {","} for word in words)
