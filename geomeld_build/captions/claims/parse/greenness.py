"""How much green there is, as an amount: an NDVI of 0.6, a high NDVI, weak greenness. Lush and parched are objects."""

from __future__ import annotations

from geomeld_build.captions.claims.model import Claim
from geomeld_build.captions.claims.parse.scan import Sentence

__all__ = ["greenness_claims"]

_LEVELS = {
    **dict.fromkeys(["high", "strong", "vivid", "intense", "marked", "peaks", "great"], (0.6, 1.0)),
    **dict.fromkeys(["moderate", "medium", "middling", "intermediate"], (0.35, 0.6)),
    **dict.fromkeys(
        ["low", "weak", "faint", "poor", "sparse", "negligible", "little", "minimal", "slight"], (-1.0, 0.3)
    ),
}
"""NDVI that a word for the amount of green accepts."""
_NAMES = frozenset({"ndvi", "greenness", "index"})
_DENIALS = frozenset({"not", "no", "never", "hardly", "isn't"})
_REACH = 5
"""Words between the name of the amount and its number or level."""


def greenness_claims(sentence: Sentence, text: str) -> list[Claim]:
    """Claims about NDVI; the items that they stand on are used up."""
    found = []
    for at, token in enumerate(sentence.tokens):
        item = next((n for n, one in enumerate(sentence.items) if one.last == at + 1 and one.kind == "green"), None)
        if token.text != "ndvi" and (item is None or token.text not in _NAMES):
            continue
        claim = _number(sentence, text, at) or _level(sentence, text, at)
        if claim is not None:
            found.append(claim)
            if item is not None:
                sentence.used.add(item)
    return found


def _number(sentence: Sentence, text: str, at: int) -> Claim | None:
    """An NDVI of about 0.6."""
    for number, item in enumerate(sentence.items):
        near = at < item.first <= at + _REACH + 1
        if item.kind != "count" or item.number is None or number in sentence.used or not near or item.number > 1.0:
            continue
        sentence.used.add(number)
        ends = {"below": (0.0, item.number), "above": (item.number, 1.0)}.get(item.bound, (item.number, item.number))
        return _claim(sentence, text, (at, item.last - 1), ends, positive=True)
    return None


def _level(sentence: Sentence, text: str, at: int) -> Claim | None:
    """The NDVI is high; weak greenness."""
    near = [*range(at + 1, at + _REACH), at - 1, at - 2]
    level = next((n for n in near if sentence.text(n) in _LEVELS), None)
    if level is None:
        return None
    between = range(min(at, level), max(at, level))
    denied = any(sentence.text(n) in _DENIALS for n in [*between, min(at, level) - 1])
    return _claim(sentence, text, (at, level), _LEVELS[sentence.text(level)], positive=not denied)


def _claim(
    sentence: Sentence, text: str, tokens: tuple[int, int], ends: tuple[float, float], *, positive: bool
) -> Claim:
    start, end = sentence.tokens[min(tokens)].start, sentence.tokens[max(tokens)].end
    return Claim(start, end, text[start:end], "greenness", ("ndvi",), low=ends[0], high=ends[1], positive=positive)
