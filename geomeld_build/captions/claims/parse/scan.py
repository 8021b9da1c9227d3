"""A sentence as a row of items: mentions of things, and amounts. Everything after works on these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from geomeld_build.captions.claims.lexicon.amounts import AMOUNTS
from geomeld_build.captions.claims.lexicon.entries import Entry, Lexicon
from geomeld_build.captions.claims.model import Op
from geomeld_build.captions.claims.parse.numbers import Number, number_at
from geomeld_build.captions.claims.text import Token, word_set

__all__ = ["HARD", "Item", "Sentence", "scan"]

_SPREADING = word_set(
    "extend extends extending stretch stretches stretching spread spreads spreading sweep sweeps add adds"
)
_CAPITALS = frozenset({"geo", "month"})
"""Words that only count when they are written with a capital: turkey, march, us."""
_PARTS = word_set("lane storey story span arm way sided track door bay")
HARD = word_set("; : — – but yet while whereas although though however ( )")
"""Where a statement ends inside a sentence."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something that was found in a sentence."""

    first: int
    last: int
    """Tokens, the last one exclusive."""
    kind: str
    """Of the lexicon's entry, or ``share``, ``measure``, ``count`` for amounts."""
    value: str = ""
    word: str = ""
    low: float = 0.0
    high: float = 0.0
    number: float | None = None
    unit: str = ""
    bound: str = ""
    """How the number is hedged: about, almost, little_over, below, above, between."""
    op: Op = "within"
    side: str = "any"


@dataclass(slots=True)
class Sentence:
    """Tokens and items, and which items have found their claim."""

    tokens: list[Token]
    items: list[Item]
    used: set[int] = field(default_factory=set)
    """Numbers of items."""
    negated: set[int] = field(default_factory=set)
    skipped: set[int] = field(default_factory=set)
    """Items that the text does not assert: ``rather than forest``."""

    def between(self, left: Item, right: Item) -> list[Token]:
        """Tokens after one item and before another."""
        return self.tokens[left.last : right.first]

    def span(self, *parts: Item) -> tuple[int, int]:
        """Characters from the first to the last of some items."""
        first, last = min(part.first for part in parts), max(part.last for part in parts)
        return self.tokens[first].start, self.tokens[last - 1].end

    def text(self, at: int) -> str:
        """The word at a token, empty beyond the ends."""
        return self.tokens[at].text if 0 <= at < len(self.tokens) else ""

    def clause(self, item: Item) -> tuple[int, int]:
        """Tokens of the statement around an item, cut at semicolons and their like."""
        first, last = item.first, item.last
        while first > 0 and self.tokens[first - 1].text not in HARD:
            first -= 1
        while last < len(self.tokens) and self.tokens[last].text not in HARD:
            last += 1
        return first, last


def scan(tokens: list[Token], words: Lexicon) -> Sentence:
    """Find the items of a sentence, from left to right, the longest match first."""
    items: list[Item] = []
    at = 0
    while at < len(tokens):
        found = _item_at(tokens, at, words)
        if found is None or _part_of_place(tokens, items, found):
            at += 1
        else:
            items.append(found)
            at = found.last
    return Sentence(tokens, _merged(tokens, items))


def _part_of_place(tokens: Sequence[Token], items: Sequence[Item], found: Item) -> bool:
    """Whether a fraction names a part of the tile and no amount: the northern half."""
    after = bool(items) and items[-1].kind == "place" and items[-1].last == found.first
    return after and found.kind == "share" and tokens[found.first].text in {"half", "quarter", "third"}


def _item_at(tokens: list[Token], at: int, words: Lexicon) -> Item | None:
    match = words.match(tokens, at)
    if match is not None and match[0].kind in _CAPITALS and not tokens[at].capital:
        match = None
    number = number_at(tokens, at)
    if _of_one_thing(tokens, at, number):
        return None
    if tokens[at].text == "may" and tokens[at].capital and at:
        return Item(at, at + 1, "month", "may")
    if number is not None and (match is None or match[1] < number.last - at or match[0].kind == "amount"):
        return _amount(number)
    if match is None:
        return None
    entry, length = match
    return _mention(entry, at, at + length)


def _of_one_thing(tokens: Sequence[Token], at: int, number: Number | None) -> bool:
    """Whether words count the parts of a thing: a six-lane motorway is one, and has no lane beside it."""
    if number is not None:
        after = tokens[number.last] if number.last < len(tokens) else None
        return number.unit == "none" and after is not None and after.joined and after.text in _PARTS
    return tokens[at].joined and tokens[at].text in _PARTS


def _mention(entry: Entry, first: int, last: int) -> Item:
    if entry.kind != "amount":
        return Item(first, last, entry.kind, entry.value, entry.word)
    amount = AMOUNTS[entry.value]
    return Item(
        first,
        last,
        "share",
        entry.value,
        low=amount.low,
        high=amount.high,
        op=amount.op,
        side=amount.side,
        unit="share",
    )


def _amount(number: Number) -> Item:
    kind = {"share": "share", "none": "count"}.get(number.unit, "measure")
    item = Item(number.first, number.last, kind, number=number.value, unit=number.unit)
    if number.top is not None:
        return replace(item, low=number.value, high=number.top, bound="between")
    return _bounded(item, "exactly")


def _bounded(item: Item, bound: str) -> Item:
    """A number with what its wording accepts."""
    x = item.number or 0.0
    if item.kind == "count":
        slack = 0.0 if x <= 5 and bound == "exactly" else 0.2 * x
        ends = {"below": (0.0, x), "above": (x, float("inf"))}.get(bound, (x - slack, x + slack))
        return replace(item, low=ends[0], high=ends[1], bound=bound)
    if item.kind == "measure":
        return replace(item, low=x, high=x, bound=bound)
    slack = 0.16 * max(x, 0.3)
    ends = {
        "almost": (x - 0.13, x + 0.025),
        "little_over": (x - 0.005, x + 0.13),
        "below": (0.0, x + 0.005),
        "above": (x - 0.005, 1.0),
    }.get(bound, (x - slack, x + slack))
    return replace(item, low=max(0.0, ends[0]), high=min(1.0, ends[1]), bound=bound)


def _merged(tokens: Sequence[Token], items: list[Item]) -> list[Item]:
    """Put hedges before numbers into the numbers: ``nearly two thirds``, ``between 10 and 20 %``."""
    found: list[Item] = []
    for item in items:
        if item.kind in {"share", "measure", "count"} and item.number is not None:
            while found and _bounds(tokens, found[-1]) and found[-1].last >= item.first - _gap(tokens, found[-1], item):
                hedge = found.pop()
                value = "above" if hedge.kind == "compare" else hedge.value
                # Of several hedges the outermost decides, but "about" adds nothing to a bound.
                if value != "about" or item.bound == "exactly":
                    item = _bounded(item, value) if item.bound != "between" else item
                item = replace(item, first=hedge.first)
        found.append(item)
    return [item for item in found if item.kind != "hedge"]


def _bounds(tokens: Sequence[Token], item: Item) -> bool:
    """Whether a word bounds the number after it; ``exceeds`` compares two classes unless a number follows."""
    if tokens[item.first].text in {"over", "up"} and item.first and tokens[item.first - 1].text in _SPREADING:
        # "Spreads over a third" says where and "adds up to a third" how much, not that it is more or less.
        return False
    return item.kind == "hedge" or (item.kind, item.value) == ("compare", "outweigh")


def _gap(tokens: Sequence[Token], hedge: Item, item: Item) -> int:
    """How many little words may stand between a hedge and its number."""
    between = tokens[hedge.last : item.first]
    return len(between) if all(token.text in {"a", "an", "the", "one", "some"} for token in between) else 0
