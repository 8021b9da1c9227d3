"""String.*."""

from __future__ import annotations

import json
import re
from typing import Any

from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.functions.registry import function

__all__: list[str] = []


def _compiled(pattern: str, flags: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE if "i" in (flags or "") else 0)
    except re.error as exc:
        raise EvalError(f"Invalid regular expression '{pattern}': {exc}.") from exc


@function("String")
def make(value: Any) -> str:
    """Text of a value."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(value, default=str)


@function("String.cat")
def cat(first: str, second: str) -> str:
    """Both texts."""
    return first + second


@function("String.length")
def length(text: str) -> int:
    """Number of characters."""
    return len(text)


@function("String.slice")
def slice_text(text: str, start: int, end: int | None) -> str:
    """A range of characters."""
    return text[start:end]


@function("String.split")
def split(text: str, pattern: str, flags: str) -> list[str]:
    """Parts between matches."""
    return list(text) if pattern == "" else _compiled(pattern, flags).split(text)


@function("String.match")
def match(text: str, pattern: str, flags: str) -> list[str]:
    """The first match and its groups; every match with the flag ``g``."""
    compiled = _compiled(pattern, flags)
    if "g" in (flags or ""):
        return [found.group(0) for found in compiled.finditer(text)]
    found = compiled.search(text)
    return [] if found is None else [found.group(0), *(group or "" for group in found.groups())]


@function("String.replace")
def replace(text: str, pattern: str, new: str, flags: str) -> str:
    """The first match replaced; every match with the flag ``g``."""
    replacement = re.sub(r"\$(\d)", r"\\\1", new)
    return _compiled(pattern, flags).sub(replacement, text, count=0 if "g" in (flags or "") else 1)


@function("String.index")
def index(text: str, pattern: str) -> int:
    """The first position; -1 when absent."""
    return text.find(pattern)


@function("String.rindex")
def rindex(text: str, pattern: str) -> int:
    """The last position; -1 when absent."""
    return text.rfind(pattern)


@function("String.compareTo")
def compare(first: str, second: str) -> int:
    """-1, 0 or 1."""
    return (first > second) - (first < second)


@function("String.equals")
def equals(first: str, second: Any) -> bool:
    """Whether the texts are equal."""
    return bool(first == second)


@function("String.toLowerCase")
def lower(text: str) -> str:
    """Lower case."""
    return text.lower()


@function("String.toUpperCase")
def upper(text: str) -> str:
    """Upper case."""
    return text.upper()


@function("String.trim")
def trim(text: str) -> str:
    """Without blanks at both ends."""
    return text.strip()


@function("String.decodeJSON")
def decode(text: str) -> Any:
    """The value of JSON text."""
    try:
        return json.loads(text)
    except ValueError as exc:
        raise EvalError(f"Invalid JSON: {exc}.") from exc


@function("String.encodeJSON")
def encode(value: Any) -> str:
    """JSON text of a value."""
    return json.dumps(value, default=str)
