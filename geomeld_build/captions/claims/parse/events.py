"""Dates and places that a text tells of something else than the image: commissioned in 2009, workers from Germany."""

from __future__ import annotations

from geomeld_build.captions.claims.lexicon.places import SCENE
from geomeld_build.captions.claims.parse.scan import Item, Sentence
from geomeld_build.captions.claims.text import word_set

__all__ = ["is_of_an_event"]

_IMAGING = word_set("""
    acquired captured taken imaged recorded observed photographed seen dated collected shot obtained pictured viewed
    scanned sensed depicted shown recorded dates dating
""")
_EVENTS = word_set("""
    built constructed commissioned founded established opened closed planted harvested sown reaped logged felled
    replanted restored attacked camped visited completed erected inaugurated designated protected declared abandoned
    introduced settled colonised colonized discovered named renamed born died burned burnt struck hit destroyed damaged
    repaired extended enlarged dammed dug laid drained reclaimed sold bought imported exported emigrated migrated
    arrived came come comes hail hails originate originates held celebrated began started ended finished launched
    signed elected surveyed studied excavated mined quarried ceased shut reopened upgraded electrified widened paved
    invented grazed hunted fished fought won lost worked lived moved returned bred raised
""")
_PASSIVE = word_set("will was were had been being")
_BEFORE = word_set("in since by until during from around before after back to on through throughout early late mid")
_REACH = 6
"""Words between the verb and the date."""
_PEOPLE_FROM = 5


def is_of_an_event(sentence: Sentence, item: Item) -> bool:
    """Whether a month, a year, a season or a country is told of something that no image shows.

    Harvests to come, founders and firms have dates and places of their own: nothing measured tells them.

    Args:
        sentence: the sentence.
        item: the month, year, season or place.
    """
    first = _begin(sentence, item)
    words = [sentence.text(at) for at in range(first, item.first)]
    if item.kind == "geo":
        return _from_elsewhere(words)
    near = words[-_REACH:]
    if "will" in words or _EVENTS & set(near):
        return not _IMAGING & set(near)
    for at, word in enumerate(near[:-1]):
        follows = near[at + 1]
        if word in _PASSIVE and follows.endswith(("ed", "en")) and follows not in _IMAGING:
            return bool(_BEFORE & set(near[at + 1 :]))
    return False


def _begin(sentence: Sentence, item: Item) -> int:
    """The first word of the item's statement; a comma ends one, unless it only precedes what is said of the same."""
    first, _ = sentence.clause(item)
    for at in range(item.first - 1, first - 1, -1):
        if sentence.text(at) == ",":
            return at + 1
    return first


def _from_elsewhere(words: list[str]) -> bool:
    """Whether a country is where somebody is from, and not the tile."""
    if "from" not in words[-3:]:
        return False
    before = words[: len(words) - words[::-1].index("from") - 1][-_PEOPLE_FROM:]
    return bool(before) and not (SCENE | _IMAGING) & set(before)
