"""A text cut into words and numbers that know where they came from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Token", "masked", "sentences_of", "tokens_of", "word_set"]

_TOKEN = re.compile(
    r"(?P<number>\d{1,3}(?:[,\u00a0\u202f]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"|(?P<word>[^\W\d_]+(?:['\u2019](?=[^\W\d_])[^\W\d_]+)?)"
    r"|(?P<mark>[%\u00b0\u00bd\u00bc\u00be]|[.!?;:,()/]|\u2014|\u2013|--)"
)
_HYPHENS = {"-", "\u2010", "\u2011"}


@dataclass(frozen=True, slots=True)
class Token:
    """A word in lower case, a number or a mark."""

    start: int
    end: int
    text: str
    kind: str
    """``word``, ``number`` or ``mark``."""
    joined: bool
    """Hangs on the word before by a hyphen."""
    capital: bool


def tokens_of(text: str) -> list[Token]:
    """Words, numbers and marks with their places; hyphens are kept as a property of the word after them."""
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        kind, raw = str(match.lastgroup), match.group()
        joined = match.start() >= 2 and text[match.start() - 1] in _HYPHENS and text[match.start() - 2].isalnum()
        lowered = raw.lower().replace("\u2019", "'")
        found.append(Token(match.start(), match.end(), lowered, kind, joined, raw[:1].isupper()))
    return found


def sentences_of(tokens: list[Token]) -> list[list[Token]]:
    """Sentences, cut at full stops and their like; a full stop inside a number is part of the number."""
    found: list[list[Token]] = [[]]
    for at, token in enumerate(tokens):
        found[-1].append(token)
        if token.kind == "mark" and token.text in {".", "!", "?"} and not _short_form(tokens, at):
            found.append([])
    return [sentence for sentence in found if sentence]


def _short_form(tokens: list[Token], at: int) -> bool:
    """Whether the stop ends a short form such as ``approx.`` or ``m.`` and the sentence goes on."""
    before = tokens[at - 1].text if at else ""
    following = tokens[at + 1] if at + 1 < len(tokens) else None
    return (
        following is not None and before in {"approx", "ca", "st", "mt", "no", "e", "g", "i"} and not following.capital
    )


def masked(text: str, names: Iterable[str]) -> str:
    """The text with proper names replaced by filler of the same length: names contain words such as wood and lake."""
    for name in sorted({name for name in names if len(name) > 2}, key=len, reverse=True):
        pattern = re.compile(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])")
        text = pattern.sub(lambda match: "x" * len(match.group()), text)
    return text


def word_set(listed: str) -> frozenset[str]:
    """The words of a list that is written as text."""
    return frozenset(listed.split())
