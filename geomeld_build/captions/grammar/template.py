"""Text with alternatives: ``{a|b}`` takes one, ``$name`` puts in a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from random import Random

__all__ = ["choose", "expand"]

_Part = str | tuple[str, ...] | tuple[tuple["_Part", ...], ...]
_PIECE = re.compile(r"\{|\}|\||\$[a-z_]+|[^{}|$]+")


@lru_cache(maxsize=4096)
def _parsed(template: str) -> tuple[_Part, ...]:
    pieces = _PIECE.findall(template)
    parts, rest = _sequence(pieces, 0, inside=False)
    if rest != len(pieces):
        raise ValueError(f"template {template!r} has an unmatched brace")
    return parts


def _sequence(pieces: list[str], at: int, *, inside: bool) -> tuple[tuple[_Part, ...], int]:
    found: list[_Part] = []
    while at < len(pieces):
        piece = pieces[at]
        if piece in {"|", "}"} and inside:
            break
        if piece == "{":
            options = []
            while True:
                option, at = _sequence(pieces, at + 1, inside=True)
                options.append(option)
                if at >= len(pieces) or pieces[at] == "}":
                    break
            found.append(tuple(options))
        else:
            found.append(piece)
        at += 1
    return tuple(found), at


def choose(rng: Random, options: tuple[str, ...] | list[str]) -> str:
    """One of some texts."""
    return options[int(rng.random() * len(options))]


def expand(template: str, rng: Random, values: Mapping[str, str]) -> str:
    """Fill a template.

    Args:
        template: text with ``{a|b}`` and ``$name``; alternatives may be nested and empty.
        rng: decides.
        values: what to put in; values may hold alternatives themselves.

    Raises:
        KeyError: a name has no value.
        ValueError: the braces do not match.
    """
    return re.sub(r" {2,}", " ", _expanded(_parsed(template), rng, values)).strip()


def _expanded(parts: tuple[_Part, ...], rng: Random, values: Mapping[str, str]) -> str:
    found = []
    for part in parts:
        if isinstance(part, tuple):
            option = part[int(rng.random() * len(part))]
            found.append(_expanded(option, rng, values))  # type: ignore[arg-type]
        elif part.startswith("$"):
            value = values[part[1:]]
            found.append(_expanded(_parsed(value), rng, values) if "{" in value or "$" in value else value)
        else:
            found.append(part)
    return "".join(found)
