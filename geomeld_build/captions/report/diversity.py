"""How varied texts are: vocabulary, n-grams, repetition, length."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from geomeld_build.captions.claims.text import tokens_of

__all__ = ["Diversity", "diversity_of", "proper_names"]

_RUN = 6
_SENTENCE_END = re.compile(r"[.!?:]\s*$")


@dataclass(frozen=True, slots=True)
class Diversity:
    """Figures over all texts."""

    texts: int
    unique: int
    """Different texts."""
    vocabulary: int
    """Word types in lower case, without numbers and proper names."""
    distinct_1: float
    """Different words of all words."""
    distinct_2: float
    distinct_3: float
    """Different runs of three words of all such runs."""
    commonest_run: str
    """The run of six words that is in most texts."""
    commonest_run_share: float
    """Share of the texts that have it."""
    words_mean: float
    words_p5: float
    words_p95: float
    words_min: int
    words_max: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def diversity_of(texts: Sequence[str], names: Iterable[str] = ()) -> Diversity | None:
    """Measure texts; None where there are none.

    Args:
        texts: captions.
        names: proper names, which are no vocabulary: of countries, places, ecoregions.
    """
    if not texts:
        return None
    proper = {token.text for name in names for token in tokens_of(name) if token.kind == "word" and token.capital}
    runs: dict[int, Counter[tuple[str, ...]]] = {size: Counter() for size in (1, 2, 3)}
    long_runs: Counter[tuple[str, ...]] = Counter()
    lengths, vocabulary = [], set[str]()
    for text in texts:
        words = _words(text)
        lengths.append(len(text.split()))
        vocabulary |= set(words) - proper - _capitals(text)
        for size, counts in runs.items():
            counts.update(_grams(words, size))
        long_runs.update(set(_grams(words, _RUN)))
    run, often = max(long_runs.items(), key=lambda item: (item[1], item[0]), default=((), 0))
    ends = np.percentile(lengths, [5, 95])
    return Diversity(
        texts=len(texts),
        unique=len(set(texts)),
        vocabulary=len(vocabulary),
        **{f"distinct_{size}": _distinct(counts) for size, counts in runs.items()},
        commonest_run=" ".join(run),
        commonest_run_share=round(often / len(texts), 4),
        words_mean=round(float(np.mean(lengths)), 2),
        words_p5=float(ends[0]),
        words_p95=float(ends[1]),
        words_min=min(lengths),
        words_max=max(lengths),
    )


def _words(text: str) -> list[str]:
    """Words in lower case, without numbers."""
    return [token.text for token in tokens_of(text) if token.kind == "word"]


def _capitals(text: str) -> set[str]:
    """Words with a capital that opens no sentence: names, months."""
    return {
        token.text
        for token in tokens_of(text)
        if token.kind == "word"
        and token.capital
        and token.start
        and not token.joined
        and not _SENTENCE_END.search(text[: token.start])
    }


def _grams(words: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]


def _distinct(counts: Counter[tuple[str, ...]]) -> float:
    return round(len(counts) / counts.total(), 4) if counts else 0.0


def proper_names(signals: Mapping[str, Any]) -> tuple[str, ...]:
    """Names around a tile: of its country and the like, and of what is mapped."""
    geo, osm = signals.get("geo") or {}, signals.get("osm") or {}
    places = (geo.get(key) for key in ("country", "continent", "admin1", "ecoregion", "realm"))
    return tuple(name for name in (*places, *(osm.get("names") or ())) if name)
