"""Wordings of a share: each with the interval that the verifier will read from it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from geomeld_build.captions.claims.lexicon.amounts import AMOUNTS

__all__ = ["Worded", "share_words", "vague_words"]

_NAMED = (
    (1 / 20, ("a twentieth", "one twentieth", "5 %")),
    (1 / 12, ("a twelfth", "one twelfth")),
    (1 / 10, ("a tenth", "one tenth", "10 %", "one in ten pixels")),
    (1 / 8, ("an eighth", "one eighth")),
    (1 / 6, ("a sixth", "one sixth")),
    (1 / 5, ("a fifth", "one fifth", "20 %", "one in five pixels")),
    (1 / 4, ("a quarter", "one quarter", "25 %")),
    (3 / 10, ("three tenths", "30 %", "three in ten pixels")),
    (1 / 3, ("a third", "one third")),
    (2 / 5, ("two fifths", "40 %")),
    (1 / 2, ("half", "one half", "50 %")),
    (3 / 5, ("three fifths", "60 %")),
    (2 / 3, ("two thirds",)),
    (7 / 10, ("seven tenths", "70 %")),
    (3 / 4, ("three quarters", "75 %")),
    (4 / 5, ("four fifths", "80 %", "four in five pixels")),
    (5 / 6, ("five sixths",)),
    (9 / 10, ("nine tenths", "90 %", "nine in ten pixels")),
)
_ABOUT = ("about", "roughly", "around", "some", "approximately", "close on")
_PLAIN_ABOUT = ("about", "roughly", "around", "approximately", "close on")
"""Before an article: nobody says "some a third"."""
_ALMOST = ("nearly", "almost", "just under", "not quite", "close to", "a little under", "just short of", "just below")
_OVER = ("just over", "a little over", "slightly more than", "just above", "a little more than", "slightly over")
_BELOW = ("less than", "under", "at most", "no more than", "well under")
_ABOVE = ("more than", "over", "at least", "no less than", "upwards of", "well over", "in excess of")


@dataclass(frozen=True, slots=True)
class Worded:
    """A wording and what it accepts."""

    text: str
    low: float
    high: float
    value: float | None = None


def share_words(share: float, rng: Random) -> Worded:
    """One wording that a share lies well inside of.

    Args:
        share: 0..1, at least 0.005.
        rng: decides.
    """
    found: list[Worded] = []
    for value, names in _NAMED:
        name = names[int(rng.random() * len(names))]
        off = share - value
        slack = 0.16 * max(value, 0.3)
        if abs(off) <= min(0.5 * slack, 0.03):
            about = _pick(rng, _ABOUT if name[0].isdigit() or " thirds" in name or "fifths" in name else _PLAIN_ABOUT)
            found.append(Worded(f"{about} {name}", value - slack, value + slack, value))
        if -0.05 <= off <= -0.012 and share > 0.7 * value:
            found.append(Worded(f"{_pick(rng, _ALMOST)} {name}", value - 0.13, value + 0.025, value))
        if 0.012 <= off <= 0.05 and share < 1.4 * value:
            found.append(Worded(f"{_pick(rng, _OVER)} {name}", value - 0.005, value + 0.13, value))
        if -0.4 * value <= off <= -0.02 and value <= 0.25:
            found.append(Worded(f"{_pick(rng, _BELOW)} {name}", 0.0, value + 0.005, value))
        if 0.02 <= off <= 0.12 and value >= 0.2:
            found.append(Worded(f"{_pick(rng, _ABOVE)} {name}", value - 0.005, 1.0, value))
    if not found or rng.random() < 0.25:
        return _percent(share, rng)
    return found[int(rng.random() * len(found))]


def _percent(share: float, rng: Random) -> Worded:
    number = max(1, round(100 * share))
    if share < 0.01:
        return Worded(
            f"{_pick(rng, ('less than', 'under'))} one {_pick(rng, ('percent', 'per cent'))}", 0.0, 0.015, 0.01
        )
    sign = _pick(rng, ("%", "percent", "per cent"))
    slack = 0.16 * max(number / 100, 0.3)
    text = f"{_pick(rng, _ABOUT[:5])} {number} {sign}" if rng.random() < 0.8 else f"{number} {sign}"
    return Worded(text, number / 100 - slack, number / 100 + slack, number / 100)


def vague_words(name: str, rng: Random) -> Worded:
    """A vague wording of the lexicon, e.g. of ``patches``."""
    amount = AMOUNTS[name]
    listed = amount.words.split()
    return Worded(listed[int(rng.random() * len(listed))].replace("_", " "), amount.low, amount.high)


def _pick(rng: Random, options: tuple[str, ...]) -> str:
    return options[int(rng.random() * len(options))]
