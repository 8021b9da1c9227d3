"""Members of a large JSON object one at a time, so that a file of gigabytes is never held as objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from geomeld_build.anchors.imports.pool import Progress
from geomeld_build.errors import ConfigError

__all__ = ["Entry", "stream_object"]

_CHUNK = 1 << 21
_LARGEST_ENTRY = 1 << 26
_SPACE = " \t\n\r"
_REPORT_EVERY = 20_000


class Entry(NamedTuple):
    """One member of the outermost object, or one element of the array that is unrolled."""

    key: str
    value: Any
    element: int | None
    """Position in the unrolled array from 1 on; None for members."""


class _Text:
    """A window on a JSON text that moves forward."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self.path, self.file = path, file
        self.text, self.at, self.done, self.read = "", 0, 0, 0
        self._decode = json.JSONDecoder().raw_decode

    def fail(self, expected: str) -> ConfigError:
        rest = self.text[self.at : self.at + 20]
        found = repr(rest) if rest else "the end of the file (truncated?)"
        return ConfigError(f"{self.path}: broken JSON after {self.done} entries: found {found}, expected {expected}")

    def more(self) -> bool:
        """Read on; False at the end of the file."""
        if len(self.text) - self.at > _LARGEST_ENTRY:
            raise self.fail("an entry of less than 64 MiB")
        try:
            chunk = self.file.read(_CHUNK)
        except UnicodeDecodeError as error:
            raise ConfigError(f"{self.path} is no JSON: not UTF-8 after {self.done} entries") from error
        if chunk:
            self.read += len(chunk)
            self.text, self.at = self.text[self.at :] + chunk, 0
        return bool(chunk)

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            while self.at < len(self.text):
                if self.text[self.at] not in _SPACE:
                    return self.text[self.at]
                self.at += 1
            if not self.more():
                return ""

    def take(self, wanted: str) -> None:
        if self.peek() != wanted:
            raise self.fail(repr(wanted))
        self.at += 1

    def value(self) -> Any:
        """The JSON value that begins here."""
        self.peek()
        while True:
            try:
                value, end = self._decode(self.text, self.at)
            except RecursionError as error:
                raise ConfigError(f"{self.path}: JSON nested too deeply after {self.done} entries") from error
            except ValueError as error:
                if self.more():
                    continue
                raise self.fail("a JSON value") from error
            # A number that ends with the window may go on behind it.
            if end < len(self.text) or not self.more():
                self.at = end
                return value


def stream_object(path: Path, *, unroll: str, progress: Progress | None = None) -> Iterator[Entry]:
    """Members of the object that a file holds, in order, repeated keys included.

    The array under the key ``unroll`` comes element by element, where there is one.

    Raises:
        ConfigError: not readable, no JSON object, or broken JSON; the message says after how many entries.
    """
    try:
        size = path.stat().st_size
        with path.open(encoding="utf-8-sig") as file:
            text = _Text(path, file)
            if text.peek() != "{":
                raise text.fail("a JSON object")
            for entry in _members(text, unroll):
                text.done += 1
                if progress is not None and text.done % _REPORT_EVERY == 0:
                    progress(min(text.read, size), size)
                yield entry
            if text.peek():
                raise text.fail("nothing behind the object")
        if progress is not None:
            progress(size, size)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error


def _members(text: _Text, unroll: str) -> Iterator[Entry]:
    text.take("{")
    if text.peek() == "}":
        text.take("}")
        return
    while True:
        if text.peek() != '"':
            raise text.fail("a key in quotes")
        key = text.value()
        text.take(":")
        if key == unroll and text.peek() == "[":
            yield from _elements(text, key)
        else:
            yield Entry(key, text.value(), None)
        if text.peek() == "}":
            text.take("}")
            return
        text.take(",")


def _elements(text: _Text, key: str) -> Iterator[Entry]:
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    number = 0
    while True:
        number += 1
        yield Entry(key, text.value(), number)
        if text.peek() == "]":
            text.take("]")
            return
        text.take(",")
