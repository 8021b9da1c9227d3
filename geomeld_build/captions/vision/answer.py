"""Answers of a server: the texts in them, cleaned, or what is wrong with them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

__all__ = ["Answer", "Usage", "read_answer"]

_FEWEST_WORDS, _MOST_WORDS = 5, 120
_PREFIX = re.compile(
    r"^\s*(?:here(?:'s| is) (?:a|the) [^:]{0,60}:|(?:description|caption|answer|revised)[^:\n]{0,30}:)\s*", re.I
)
_THOUGHT = re.compile(r"<think>.*?(?:</think>|$)", re.S | re.I)
_MARKUP = re.compile(r"[*_`#]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}|^\s*[-•]\s+", re.M)
_LAST_END = re.compile(r"^.*[.!?](?=\s|$)", re.S)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a request."""

    read: int = 0
    written: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    texts: tuple[str, ...]
    problems: tuple[str, ...]
    """Why other choices are no texts."""
    usage: Usage
    model: str | None = None
    fingerprint: str | None = None


def read_answer(raw: bytes) -> Answer:
    """Take an answer apart. What is no text is a problem, never an empty caption.

    Args:
        raw: the body of the answer.
    """
    try:
        document = json.loads(raw)
        choices = document["choices"]
        texts, problems = _texts(choices)
        usage = document.get("usage") or {}
        return Answer(
            texts,
            problems,
            Usage(int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)),
            document.get("model"),
            document.get("system_fingerprint"),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Answer((), (f"invalid answer: {type(error).__name__}",), Usage())


def _texts(choices: list[dict[str, Any]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    texts: list[str] = []
    problems = []
    for choice in sorted(choices, key=lambda one: int(one.get("index") or 0)):
        text = _clean(choice["message"].get("content") or "")
        if choice.get("finish_reason") == "length":
            # Whole sentences of an answer that was cut off are as good as others.
            whole = _LAST_END.match(text)
            text = whole.group() if whole else ""
            if not text:
                problems.append("truncated answer")
                continue
        words = len(text.split())
        if words == 0:
            problems.append("empty answer")
        elif not _FEWEST_WORDS <= words <= _MOST_WORDS:
            problems.append(f"answer of {words} words")
        elif text not in texts:
            texts.append(text)
    return tuple(texts), tuple(problems)


def _clean(text: str) -> str:
    """Without thoughts, introductions, quotes, markup and line breaks."""
    text = _MARKUP.sub("", _THOUGHT.sub(" ", text).strip())
    text = _PREFIX.sub("", " ".join(text.split()))
    for left, right in (('"', '"'), ("“", "”"), ("'", "'")):
        if text.startswith(left) and text.endswith(right) and len(text) > 1:
            text = text[1:-1].strip()
    return text
