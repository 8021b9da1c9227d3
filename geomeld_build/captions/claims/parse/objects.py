"""Claims that one word makes: objects, landforms, greenness, places of the world, seasons, and what nobody can tell."""

from __future__ import annotations

from collections.abc import Iterable

from geomeld_build.captions.claims.lexicon.cover import members
from geomeld_build.captions.claims.lexicon.features import FEATURES
from geomeld_build.captions.claims.lexicon.places import MONTHS
from geomeld_build.captions.claims.model import Claim, ClaimType
from geomeld_build.captions.claims.parse.attach import nearest_left, nearest_right
from geomeld_build.captions.claims.parse.events import is_of_an_event
from geomeld_build.captions.claims.parse.greenness import greenness_claims
from geomeld_build.captions.claims.parse.scan import Item, Sentence
from geomeld_build.captions.claims.text import word_set

__all__ = ["object_claims"]

_RELIEF = {
    "negligible": ["negligible", "minimal", "insignificant", "imperceptible", "nonexistent"],
    "low": ["low", "modest", "subdued", "faint", "weak", "slight", "gentle", "small", "soft", "muted", "little"],
    "moderate": ["moderate"],
    "high": [
        "high",
        "strong",
        "great",
        "pronounced",
        "marked",
        "considerable",
        "large",
        "dramatic",
        "big",
        "bold",
        "substantial",
    ],
}
_STRENGTH = {word: value for value, words in _RELIEF.items() for word in words}
_SOFT = frozenset({"moderate", "gentle"})
"""Steepness that means anything else unless the ground is spoken of."""
_SLOPING = word_set("""
    rise rises rising fall falls falling slope slopes sloping climb climbs climbing drop drops dropping terrain
    ground land incline banks
""")
_YEARS = (1980.0, 2040.0)


def object_claims(sentence: Sentence, text: str) -> list[Claim]:
    """Claims of all items that no other rule has used."""
    found = greenness_claims(sentence, text) + _textures(sentence, text) + _relief(sentence, text)
    found += _steepness(sentence, text) + _years(sentence, text)
    for number, item in enumerate(sentence.items):
        if number in sentence.used or number in sentence.skipped:
            continue
        kind = _KINDS.get(item.kind)
        if kind in _DATED and is_of_an_event(sentence, item):
            kind = "other"
        if kind is not None:
            found.append(_plain(sentence, text, number, kind))
    return found + _others(sentence, text)


_KINDS: dict[str, ClaimType] = {
    "osm": "osm_feature",
    "form": "terrain",
    "ground": "terrain",
    "green": "greenness",
    "barefields": "greenness",
    "state": "dw_state",
    "altitude": "elevation",
    "geo": "geo",
    "biome": "biome",
    "season": "season",
    "month": "date",
}
_HARDLY = frozenset({"little", "hardly", "barely", "scarcely", "scant"})
_DATED = frozenset({"geo", "season", "date"})


def _plain(sentence: Sentence, text: str, number: int, kind: ClaimType) -> Claim:
    item = sentence.items[number]
    sentence.used.add(number)
    start, end = sentence.span(item)
    word, value = item.word, None
    if item.kind == "osm":
        kind = FEATURES[item.value].type  # type: ignore[assignment]
    if item.kind == "barefields":
        word = "fields"
    if item.kind == "month":
        value = float(MONTHS.index(item.value) + 1)
    subject = tuple(item.value.split("|"))
    positive = number not in sentence.negated and not _is_little(sentence, item)
    slot = (start, end) if positive and kind in {"geo", "season", "date"} else None
    return Claim(start, end, text[start:end], kind, subject, value=value, word=word, positive=positive, slot=slot)


def _is_little(sentence: Sentence, item: Item) -> bool:
    """Very little green, hardly any green: not lush."""
    return item.kind == "green" and bool(_HARDLY & {sentence.text(item.first - 1), sentence.text(item.first - 2)})


def _words_near(sentence: Sentence, item: Item, reach: int = 4) -> Iterable[str]:
    first, last = sentence.clause(item)
    for at in range(max(first, item.first - reach), min(last, item.last + reach)):
        if not item.first <= at < item.last:
            yield sentence.text(at)


def _relief(sentence: Sentence, text: str) -> list[Claim]:
    """The relief is negligible; low relief."""
    found = []
    for number, item in enumerate(sentence.items):
        if number in sentence.used:
            continue
        if item.kind == "relief" and item.value != "negligible":
            strength: str | None = item.value
        elif item.kind == "relief":
            strength = "negligible" if sentence.text(item.last - 1) == "relief" else None
        elif (item.kind, item.value) == ("measure", "relief") and item.number is None:
            strength = next((_STRENGTH[word] for word in _words_near(sentence, item) if word in _STRENGTH), None)
        else:
            continue
        if strength is None:
            continue
        sentence.used.add(number)
        start, end = _stretch(sentence, item, _STRENGTH)
        denied = number in sentence.negated or "not" in _words_near(sentence, item, 2)
        found.append(Claim(start, end, text[start:end], "relief", (strength,), positive=not denied))
    return found


def _stretch(sentence: Sentence, item: Item, words: Iterable[str]) -> tuple[int, int]:
    """The item with the word next to it that it is about."""
    first, last = item.first, item.last
    for at in range(item.first - 3, item.last + 4):
        if sentence.text(at) in words:
            first, last = min(first, at), max(last, at + 1)
    return sentence.tokens[first].start, sentence.tokens[last - 1].end


def _steepness(sentence: Sentence, text: str) -> list[Claim]:
    """Steep slopes; slopes are gentle; rises steeply."""
    found = []
    for number, item in enumerate(sentence.items):
        if item.kind != "steep" or number in sentence.used:
            continue
        slopes = [
            at
            for at, other in enumerate(sentence.items)
            if other.kind in {"form", "ground"} and at not in sentence.used and _close(item, other)
        ]
        if item.value in _SOFT and not slopes and not _SLOPING & set(_words_near(sentence, item, 3)):
            continue
        bound = [at for at in slopes if sentence.items[at].value == "Slope"]
        sentence.used.update({number, *bound})
        start, end = sentence.span(item, *(sentence.items[at] for at in bound))
        denied = number in sentence.negated or sentence.text(item.first - 1) in {"not", "no"}
        found.append(Claim(start, end, text[start:end], "slope", (item.value,), positive=not denied))
    return found


def _close(item: Item, other: Item) -> bool:
    return 0 <= other.first - item.last <= 2 or 0 <= item.first - other.last <= 3


def _textures(sentence: Sentence, text: str) -> list[Claim]:
    """Continuous forest; cropland in many pieces."""
    found = []
    for number, item in enumerate(sentence.items):
        if item.kind != "texture" or number in sentence.used:
            continue
        sentence.used.add(number)
        left, right = nearest_left(sentence, item), nearest_right(sentence, item)
        near = [at for at in (left, right) if at is not None and _close(item, sentence.items[at])]
        if not near and left is None:
            continue
        noun = sentence.items[near[-1] if near else left]  # type: ignore[index]
        start, end = sentence.span(item, noun)
        positive = sentence.text(item.first - 1) not in {"not", "no", "never"}
        found.append(
            Claim(start, end, text[start:end], "texture", members(noun.value), word=item.value, positive=positive)
        )
    return found


def _years(sentence: Sentence, text: str) -> list[Claim]:
    """June 2021; in 2019."""
    found = []
    for number, item in enumerate(sentence.items):
        if item.kind != "count" or item.number is None or number in sentence.used or item.last - item.first != 1:
            continue
        month = (
            number > 0 and sentence.items[number - 1].kind == "month" and sentence.items[number - 1].last == item.first
        )
        if not _YEARS[0] <= item.number <= _YEARS[1] or sentence.tokens[item.first].kind != "number":
            continue
        if month or sentence.text(item.first - 1) in {"in", "of", "from", "since", "during", "year", ","}:
            sentence.used.add(number)
            start, end = sentence.span(item)
            kind: ClaimType = "other" if is_of_an_event(sentence, item) else "date"
            found.append(Claim(start, end, text[start:end], kind, ("year",), value=item.number))
    return found


def _others(sentence: Sentence, text: str) -> list[Claim]:
    """What no signal tells: species, people, history. Words of one statement are one claim."""
    found: list[Claim] = []
    last = -10
    for number, item in enumerate(sentence.items):
        if item.kind != "other" or number in sentence.used:
            continue
        sentence.used.add(number)
        start, end = sentence.span(item)
        if found and item.first - last <= 3:
            start = found.pop().start
        found.append(Claim(start, end, text[start:end], "other", positive=number not in sentence.negated))
        last = item.last
    return found
