"""How words are listed, and how they are found: the longest entry that begins at a word wins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from geomeld_build.captions.claims.text import Token

__all__ = ["Entry", "Lexicon", "entries"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What a word or a phrase stands for."""

    kind: str
    value: str
    word: str = ""
    """What it was called, where that narrows it."""


def entries(kind: str, value: str, words: str, *, named: bool = False) -> list[tuple[tuple[str, ...], Entry]]:
    """Phrases of a list.

    Args:
        kind: of the entries.
        value: of the entries.
        words: separated by spaces; ``_`` joins a phrase, ``~`` at the end adds the plural.
        named: keep the phrase (in the singular) as the entry's word.
    """
    found = []
    for listed in words.split():
        base = listed.rstrip("~")
        entry = Entry(kind, value, base.replace("_", " ") if named else "")
        forms = [base, _plural(base)] if listed.endswith("~") else [base]
        found += [(tuple(form.split("_")), entry) for form in forms]
    return found


def _plural(word: str) -> str:
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "sh", "ch", "x")) else "s")


class Lexicon:
    """Phrases by their first word."""

    def __init__(self, listed: Iterable[tuple[tuple[str, ...], Entry]]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], Entry]]] = {}
        for phrase, entry in listed:
            self._by_first.setdefault(phrase[0], []).append((phrase, entry))
        for phrases in self._by_first.values():
            phrases.sort(key=lambda item: -len(item[0]))

    def before(self, listed: Iterable[tuple[tuple[str, ...], Entry]]) -> Lexicon:
        """This lexicon with further phrases, which win where both have the same."""
        found = Lexicon(())
        found._by_first = dict(self._by_first)
        for phrase, entry in reversed(list(listed)):
            known = found._by_first.get(phrase[0], [])
            found._by_first[phrase[0]] = sorted([(phrase, entry), *known], key=lambda item: -len(item[0]))
        return found

    def match(self, tokens: Sequence[Token], at: int) -> tuple[Entry, int] | None:
        """The longest phrase that begins at a token, and its length in tokens."""
        for phrase, entry in self._by_first.get(tokens[at].text, ()):
            if len(phrase) == 1 or all(
                at + k < len(tokens) and tokens[at + k].text == word for k, word in enumerate(phrase)
            ):
                return entry, len(phrase)
        return None
