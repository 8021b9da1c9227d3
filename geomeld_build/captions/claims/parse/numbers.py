"""Numbers in a text: digits, number words, fractions, percentages, and what they count or measure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from geomeld_build.captions.claims.text import Token

__all__ = ["Number", "number_at", "slope_degrees"]

_UNITS = dict(
    zip(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ],
        range(20),
        strict=True,
    )
)
_TENS = dict(
    zip(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], range(20, 100, 10), strict=True)
)
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_PARTS = {
    "half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "twelfth": 12, "fifteenth": 15, "sixteenth": 16, "twentieth": 20, "hundredth": 100, "thousandth": 1000,
}  # fmt: skip
_PARTS |= {f"{name}s": part for name, part in _PARTS.items()} | {"halves": 2}
_GLYPHS = {"\u00bd": 0.5, "\u00bc": 0.25, "\u00be": 0.75}
_MEASURES = {
    "m": ("m", 1.0), "metre": ("m", 1.0), "metres": ("m", 1.0), "meter": ("m", 1.0), "meters": ("m", 1.0),
    "km": ("m", 1000.0), "kilometre": ("m", 1000.0), "kilometres": ("m", 1000.0), "kilometer": ("m", 1000.0),
    "kilometers": ("m", 1000.0), "ft": ("m", 0.3048), "foot": ("m", 0.3048), "feet": ("m", 0.3048),
    "cm": ("m", 0.01), "mile": ("m", 1609.344), "miles": ("m", 1609.344), "yards": ("m", 0.9144),
    "degree": ("deg", 1.0), "degrees": ("deg", 1.0), "deg": ("deg", 1.0), "\u00b0": ("deg", 1.0),
    "ha": ("area", 1e4), "hectare": ("area", 1e4), "hectares": ("area", 1e4), "acres": ("area", 4046.86),
    "acre": ("area", 4046.86), "db": ("other", 1.0), "years": ("other", 1.0), "people": ("other", 1.0),
    "inhabitants": ("other", 1.0), "tonnes": ("other", 1.0), "hours": ("other", 1.0), "minutes": ("other", 1.0),
    "days": ("other", 1.0), "months": ("other", 1.0), "weeks": ("other", 1.0), "metre-high": ("m", 1.0),
}  # fmt: skip

_PERSON = frozenset({"person", "man", "human", "adult"})
_PERSON_M = 1.8
_HIGH = {"ankle": 0.1, "knee": 0.5, "hip": 0.9, "waist": 1.0, "chest": 1.3, "shoulder": 1.5, "head": 1.8}
_LONG_UNITS = frozenset({"kilometre", "kilometer", "mile", "km"})


@dataclass(frozen=True, slots=True)
class Number:
    """A number and what it is a number of."""

    first: int
    last: int
    """Tokens, the last one exclusive."""
    value: float
    unit: str
    """``share`` (0..1), ``m``, ``deg``, ``area`` (m2), ``other`` or ``none``."""
    top: float | None = None
    """The other end of a range such as 10 to 20 m."""


def number_at(tokens: Sequence[Token], at: int) -> Number | None:
    """The number that begins at a token."""
    vague = _vague(tokens, at)
    if vague is not None:
        return vague
    bare = _bare(tokens, at)
    fraction = _fraction(tokens, at, bare)
    if fraction is not None:
        return fraction
    if bare is None:
        return None
    value, after = bare
    top = None
    if _text(tokens, after) in {"to", "and", "-", "\u2013"} or (after < len(tokens) and tokens[after].joined):
        skip = 0 if tokens[after].joined else 1
        second = _bare(tokens, after + skip)
        if second is not None and second[0] > value and _unit(tokens, second[1])[0] != "none":
            top, after = second
    unit, factor, length = _unit_of(tokens, after)
    scaled = None if top is None else top * factor
    return Number(at, after + length, value * factor, unit, scaled)


def _vague(tokens: Sequence[Token], at: int) -> Number | None:
    """Hundreds of metres, several hundred feet; no taller than a person."""
    word, following = _text(tokens, at), _text(tokens, at + 1)
    if word in {"a", "an"} and following in _PERSON and at and _text(tokens, at - 1) in {"than", "as"}:
        return Number(at, at + 2, _PERSON_M, "m")
    if word in _HIGH and following == "high" and tokens[at + 1].joined:
        return Number(at, at + 2, _HIGH[word], "m")
    if word in {"a", "an"} and following in _LONG_UNITS:
        return Number(at, at + 2, _MEASURES[following][1], "m")
    if word == "half" and following in {"a", "an"} and _text(tokens, at + 2) in _LONG_UNITS:
        return Number(at, at + 3, 0.5 * _MEASURES[_text(tokens, at + 2)][1], "m")
    after, scale = at + 2, 0
    if following == "of" and word.endswith("s"):
        scale = _SCALES.get(word[:-1], 0)
    elif word == "several":
        scale = _SCALES.get(following, 0)
    elif word == "a" and following == "few":
        after, scale = at + 3, _SCALES.get(_text(tokens, at + 2), 0)
    unit, factor = _unit(tokens, after)
    if not scale or unit != "m":
        return None
    return Number(at, after + 1, 2.0 * scale * factor, unit, 9.99 * scale * factor)


def _text(tokens: Sequence[Token], at: int) -> str:
    return tokens[at].text if at < len(tokens) else ""


def _bare(tokens: Sequence[Token], at: int) -> tuple[float, int] | None:
    """A number without its unit, and the token after it."""
    if at >= len(tokens):
        return None
    token = tokens[at]
    if token.kind == "number":
        value = float(token.text.replace(",", "").replace("\u00a0", "").replace("\u202f", ""))
        scale = _SCALES.get(_text(tokens, at + 1), 1)
        return value * scale, at + (2 if scale > 1 else 1)
    if token.text in _GLYPHS:
        return None
    return _words(tokens, at)


def _words(tokens: Sequence[Token], at: int) -> tuple[float, int] | None:
    total, current, here, seen = 0.0, 0.0, at, False
    if _text(tokens, at) in {"a", "an"} and _text(tokens, at + 1) in {*_SCALES, "dozen"}:
        current, here, seen = 1.0, at + 1, True
    while here < len(tokens):
        word = tokens[here].text
        if word in _UNITS or word in _TENS:
            current += _UNITS.get(word, 0) + _TENS.get(word, 0)
        elif word == "dozen" and (seen or here == at):
            current = max(1.0, current) * 12
        elif word in _SCALES and seen:
            scaled = max(1.0, current) * _SCALES[word]
            total, current = (total + scaled, 0.0) if _SCALES[word] >= 1000 else (total, scaled)
        elif word == "and" and seen and current >= 100 and _text(tokens, here + 1) in {*_UNITS, *_TENS}:
            pass
        else:
            break
        seen, here = True, here + 1
    return (total + current, here) if seen else None


def _fraction(tokens: Sequence[Token], at: int, bare: tuple[float, int] | None) -> Number | None:
    """A half, two thirds, 3/4, one in five, a glyph."""
    word = _text(tokens, at)
    if word in _GLYPHS:
        return Number(at, at + 1, _GLYPHS[word], "share")
    if word == "half" or (word in {"a", "an"} and _text(tokens, at + 1) in _PARTS):
        here = at if word == "half" else at + 1
        if _text(tokens, here + 1) == "as":
            return None
        return Number(at, here + 1, 1.0 / _PARTS[tokens[here].text], "share")
    if bare is None:
        return None
    value, after = bare
    following = _text(tokens, after)
    if following in _PARTS and value < _PARTS[following]:
        return Number(at, after + 1, value / _PARTS[following], "share")
    if following == "/" or following == "in" or (following == "out" and _text(tokens, after + 1) == "of"):
        second = _bare(tokens, after + (2 if following == "out" else 1))
        if second is not None and value < second[0] <= 100 and _unit(tokens, second[1])[0] == "none":
            return Number(at, second[1], value / second[0], "share")
    return None


def _unit(tokens: Sequence[Token], at: int) -> tuple[str, float]:
    word = _text(tokens, at)
    if word in {"%", "percent"} or (word == "per" and _text(tokens, at + 1) == "cent"):
        return "share", 0.01
    return _MEASURES.get(word, ("none", 1.0))


def _unit_of(tokens: Sequence[Token], at: int) -> tuple[str, float, int]:
    """Unit, factor and how many tokens name it."""
    word, following = _text(tokens, at), _text(tokens, at + 1)
    if word == "square" and following in _MEASURES:
        factor = _MEASURES[following][1]
        return "area", factor * factor, 2
    if word in {"\u00b0", "degrees"} and following in {
        "c",
        "f",
        "celsius",
        "fahrenheit",
        "n",
        "s",
        "e",
        "w",
        "north",
        "south",
    }:
        return "other", 1.0, 2
    unit, factor = _unit(tokens, at)
    if unit == "none":
        return unit, 1.0, 0
    return unit, factor, 2 if word == "per" else 1


def slope_degrees(percent: float) -> float:
    """A gradient in percent as an angle."""
    return math.degrees(math.atan(percent / 100.0))
