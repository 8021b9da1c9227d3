"""How many of something there are."""

from __future__ import annotations

from geomeld_build.captions.claims.lexicon.logic import VERBS
from geomeld_build.captions.claims.model import Claim, ClaimType
from geomeld_build.captions.claims.parse.scan import Item, Sentence

__all__ = ["COUNTABLE", "count_claims"]

COUNTABLE: dict[str, tuple[str, ...]] = {
    "village": ("place=village", "place=hamlet"),
    "hamlet": ("place=hamlet", "place=village"),
    "town": ("place=town",),
    "city": ("place=city",),
    "settlement": ("place=city", "place=town", "place=village", "place=hamlet", "place=suburb"),
    "building": ("building=*",),
    "house": ("building=*",),
    "home": ("building=*",),
}
"""Tags that count what is called a class by other words."""
_LIMIT = 3
"""Words such as adjectives between a number and its noun."""


def count_claims(sentence: Sentence, text: str) -> list[Claim]:
    """Two canals, three silos, twelve buildings."""
    found = []
    for number, item in enumerate(sentence.items):
        if item.kind != "count" or number in sentence.used or item.number is None:
            continue
        at = _noun(sentence, number)
        if at is None:
            continue
        noun = sentence.items[at]
        kind, subject = _kind(sentence, noun)
        if kind is None:
            continue
        sentence.used.update({number, at})
        start, end = sentence.span(item, noun)
        found.append(
            Claim(
                start,
                end,
                text[start:end],
                kind,
                subject,
                "within",
                item.low,
                None if item.high == float("inf") else item.high,
                item.number,
                "count",
                word=noun.word,
                slot=sentence.span(item),
            )
        )
    return found


def _noun(sentence: Sentence, number: int) -> int | None:
    """What a number counts: the last of the items that follow it closely."""
    here, found = sentence.items[number].last, None
    for at in range(number + 1, len(sentence.items)):
        item = sentence.items[at]
        if item.first - here > (_LIMIT if found is None else 0):
            break
        words = [token.text for token in sentence.tokens[here : item.first]]
        if any(word in {"of", "to", ",", "and", "or", "/", "the", "in"} for word in words) or any(
            word in VERBS for word in words
        ):
            break
        if item.kind in {"osm", "cover"}:
            found = at
        elif item.kind not in {"green", "steep", "measure", "other", "place"}:
            break
        here = item.last
    return found


def _kind(sentence: Sentence, noun: Item) -> tuple[ClaimType | None, tuple[str, ...]]:
    if noun.kind == "osm":
        return "osm_count", (noun.value,)
    if noun.value == "water":
        return "water_count", ("water",)
    word = sentence.text(noun.last - 1)
    singular = {"cities": "city"}.get(word, word.rstrip("s"))
    if singular in COUNTABLE:
        return "osm_count", (singular,)
    return None, ()
