"""Which stretch of a text can go with a claim and leave sentences that stand."""

from __future__ import annotations

import re
from dataclasses import dataclass

from geomeld_build.captions.claims.lexicon.logic import PREPOSITIONS, VERBS

__all__ = ["cuts", "sentence_spans", "tidy"]

_JOINT = re.compile(
    r"\s*;\s*|\s*:\s+|\s+\u2014\s+|,?\s+(?:and|but|while|whereas|though|although|yet)\s+|,\s+", re.IGNORECASE
)
_SENTENCE = re.compile(r"[^.!?]*(?:\.\d[^.!?]*)*[.!?]+\s*|[^.!?]+$")
_BETWEEN = re.compile(r"\bbetween\s+[\w.,%\u00b0 ]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of a sentence between joints."""

    joint: int
    """Where the joint before it begins."""
    start: int
    end: int


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence, with the space after it."""
    return [match.span() for match in _SENTENCE.finditer(text) if match.group().strip()]


def _parts(text: str, start: int, end: int) -> list[_Part]:
    body = text[start:end].rstrip().rstrip(".!?")
    found, joint, here = [], start, start
    for match in _JOINT.finditer(body):
        if "and" in match.group().lower() and _BETWEEN.search(body[: match.start()]):
            continue
        if "," in match.group() and body[match.end() : match.end() + 1].isdigit() and not match.group().strip(", "):
            continue
        found.append(_Part(joint, here, start + match.start()))
        joint, here = start + match.start(), start + match.end()
    return [*found, _Part(joint, here, start + len(body))]


def _stands(words: str) -> bool:
    """Whether a stretch can be a sentence: a subject and then a verb."""
    tokens = re.findall(r"[^\W\d_]+", words.lower())
    if not tokens or tokens[0] in VERBS or tokens[0] in PREPOSITIONS or tokens[0].endswith("ing"):
        return False
    return any(token in VERBS and not token.endswith("ing") for token in tokens[1:])


def cuts(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Stretches that hold the characters from start to end and may be cut out, the smallest first.

    The last one is the whole sentence.
    """
    for first, last in sentence_spans(text):
        if not first <= start < last:
            continue
        parts = _parts(text, first, last)
        hit = [n for n, part in enumerate(parts) if part.start < end and start < part.end]
        found = []
        if hit and hit[0] > 0:
            found.append((parts[hit[0]].joint, parts[hit[-1]].end))
        elif hit and hit[-1] + 1 < len(parts):
            rest = parts[hit[-1] + 1]
            if _stands(text[rest.start : rest.end]):
                found.append((first, rest.start))
        return [*found, (first, last)]
    return [(start, end)]


def tidy(text: str) -> str:
    """Spaces, commas and capitals after a cut."""
    text = re.sub(r"\s+([,.;:])", r"\1", text)
    text = re.sub(r"[,;:]+([.!?])", r"\1", text)
    text = re.sub(r",{2,}", ",", re.sub(r" {2,}", " ", text)).strip()
    text = re.sub(r"\b(A|a)n (?=[bcdfgjklmnpqrstvwxyz])", r"\1 ", text)
    text = re.sub(r"\b(A|a) (?=[aeio]\w)", r"\1n ", text)
    return re.sub(r"(^|[.!?]\s+)([a-z])", lambda match: match.group(1) + match.group(2).upper(), text)
