"""Claims about land cover: shares, dominance, where a class lies, and that it is there at all."""

from __future__ import annotations

from dataclasses import replace

from geomeld_build.captions.claims.lexicon.cover import members
from geomeld_build.captions.claims.lexicon.logic import COPULAS
from geomeld_build.captions.claims.model import Claim, ClaimType, Op
from geomeld_build.captions.claims.parse.attach import (
    is_surface,
    listed_with,
    nearest_left,
    nearest_right,
    partitive,
    share_subject,
)
from geomeld_build.captions.claims.parse.scan import Item, Sentence

__all__ = ["amount_claims", "exclusive_claims", "presence_claims"]

_KINDS_THAT_DOMINATE = frozenset({"cover", "osm", "form", "ground"})
_BARE_NOUNS = frozenset({"land"})
"""Classes whose word means anything unless an amount stands with it."""


def amount_claims(sentence: Sentence, text: str) -> list[Claim]:
    """Shares and dominance. Comparisons and places come before: what they used is left out."""
    return _shares(sentence, text) + _dominance(sentence, text)


def _claim(
    sentence: Sentence, text: str, kind: ClaimType, numbers: list[int], *more: Item, op: Op = "is", **values: object
) -> Claim:
    items = [sentence.items[n] for n in numbers]
    start, end = sentence.span(*items, *more)
    subject = tuple(dict.fromkeys(name for item in items for name in members(item.value)))
    denied = any(n in sentence.negated for n in numbers)
    words = " ".join(item.word for item in items if item.word)
    return Claim(start, end, text[start:end], kind, subject, op, positive=not denied, word=words, **values)  # type: ignore[arg-type]


def exclusive_claims(sentence: Sentence, text: str) -> list[Claim]:
    """Nothing but bare ground."""
    found = []
    for number, item in enumerate(sentence.items):
        if item.kind == "but" and item.value == "only":
            subject = nearest_right(sentence, item)
            if subject is not None:
                group = listed_with(sentence, subject)
                sentence.used.update({number, *group})
                found.append(_claim(sentence, text, "landcover_dominance", group, item, op="only"))
    return found


def _shares(sentence: Sentence, text: str) -> list[Claim]:
    """Amounts with their classes."""
    found = []
    for number, share in enumerate(sentence.items):
        if share.kind != "share" or number in sentence.used:
            continue
        if partitive(sentence, share):
            sentence.used.add(number)
            continue
        if _modifies_what_follows(sentence, number):
            sentence.used.add(number)
            continue
        if _most_of_the_rest(sentence, number):
            sentence.used.add(number - 1)
            share = replace(share, op="most_of_rest", low=0.0, high=1.0)
        subject = share_subject(sentence, number)
        if subject is None or subject in sentence.skipped:
            continue
        group = _sharers(sentence, share, subject)
        sentence.used.update({number, *group})
        found += _share_claims(sentence, text, share, group)
    return found


def _modifies_what_follows(sentence: Sentence, number: int) -> bool:
    """Whether an adverb is about the next word, which is no land cover: completely flat."""
    share = sentence.items[number]
    following = sentence.items[number + 1] if number + 1 < len(sentence.items) else None
    if share.value not in {"all", "nearly_all", "most"} or following is None or following.first != share.last:
        return False
    return following.kind in {"form", "ground", "steep", "relief", "green", "state"}


def _most_of_the_rest(sentence: Sentence, number: int) -> bool:
    """What remains is chiefly rock."""
    if number == 0 or sentence.items[number].op != "most":
        return False
    before = sentence.items[number - 1]
    words = [token.text for token in sentence.between(before, sentence.items[number])]
    return before.kind == "share" and before.op == "rest" and all(word in COPULAS for word in words)


def _sharers(sentence: Sentence, share: Item, subject: int) -> list[int]:
    """The classes that an amount is about: of a list before it only those that have none of their own."""
    group = listed_with(sentence, subject)
    if sentence.items[subject].first >= share.last:
        return [n for n in group if n >= subject]
    free = [n for n in group if n <= subject and n not in sentence.used]
    return free or [subject]


def _share_claims(sentence: Sentence, text: str, share: Item, group: list[int]) -> list[Claim]:
    slot = None if share.number is None else sentence.span(share)
    values = {"low": share.low, "high": share.high, "value": share.number, "unit": "share", "slot": slot}
    if share.number is None and share.value in {
        "patches",
        "partly",
        "scarce",
        "hardly_any",
        "traces",
        "extensive",
        "small",
    }:
        # Vague words hold for each member of a list: dotted with trees and shrubs.
        return [_claim(sentence, text, "landcover_fraction", [n], share, op=share.op, **values) for n in group]
    if share.op == "most":
        return [_claim(sentence, text, "landcover_dominance", group, share, op="most", **values)]
    return [_claim(sentence, text, "landcover_fraction", group, share, op=share.op, **values)]


def _dominance(sentence: Sentence, text: str) -> list[Claim]:
    found = []
    for number, cue in enumerate(sentence.items):
        if cue.kind not in {"dominance", "largest"} or number in sentence.used:
            continue
        subject = _dominant(sentence, cue)
        if subject is None or not is_surface(sentence.items[subject]) or subject in sentence.skipped:
            continue
        if cue.value == "right" and any(_amount_before(sentence, share, cue) for share in sentence.items):
            continue
        group = [subject] if cue.kind == "largest" else listed_with(sentence, subject)
        sentence.used.update({number, *group})
        op: Op = "largest" if cue.kind == "largest" else "most"
        claim = _claim(sentence, text, "landcover_dominance", group, cue, op=op, low=0.5, high=1.0, unit="share")
        found.append(claim)
    return found


def _amount_before(sentence: Sentence, share: Item, cue: Item) -> bool:
    """Whether a cue only links an amount to its class: a third is given over to pasture."""
    return share.kind == "share" and 0 <= cue.first - share.last <= 6 and share.first >= sentence.clause(cue)[0]


def _dominant(sentence: Sentence, cue: Item) -> int | None:
    if cue.kind == "dominance" and cue.value == "left":
        return nearest_left(sentence, cue, _KINDS_THAT_DOMINATE)
    if cue.kind == "dominance" and cue.value == "right":
        return nearest_right(sentence, cue, _KINDS_THAT_DOMINATE)
    # "The dominant class is forest", "dominant forest"; "forest is the dominant class".
    left, right = nearest_left(sentence, cue), nearest_right(sentence, cue)
    if right is not None:
        gap = [token.text for token in sentence.between(cue, sentence.items[right])]
        if all(word in {"is", "are", "here", "class", "cover", "of", "the", "land", "type"} for word in gap[:4]):
            return right
    return left if left is not None else right


def presence_claims(sentence: Sentence, text: str) -> list[Claim]:
    """Classes that are only named."""
    found = []
    for number, item in enumerate(sentence.items):
        if item.kind == "less":
            found.append(_absence(sentence, text, item))
        if item.kind != "cover" or number in sentence.used or number in sentence.skipped:
            continue
        if item.value in _BARE_NOUNS and number not in sentence.negated:
            continue
        kind: ClaimType = "landcover_presence"
        if item.value in {"water", "built"}:
            kind = "water" if item.value == "water" else "built"
        found.append(_claim(sentence, text, kind, [number]))
    return found


def _absence(sentence: Sentence, text: str, item: Item) -> Claim:
    """Treeless, roadless."""
    start, end = sentence.span(item)
    kinds: dict[str, ClaimType] = {"water": "water", "built": "built", "road": "road"}
    subject = ("road",) if item.value == "road" else members(item.value)
    return Claim(start, end, text[start:end], kinds.get(item.value, "landcover_presence"), subject, positive=False)
