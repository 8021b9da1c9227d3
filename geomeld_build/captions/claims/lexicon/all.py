"""All words, compiled once."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from geomeld_build.captions.claims.lexicon.amounts import AMOUNT_WORDS
from geomeld_build.captions.claims.lexicon.countries import COUNTRY_WORDS, geo_words
from geomeld_build.captions.claims.lexicon.cover import COVER_WORDS
from geomeld_build.captions.claims.lexicon.entries import Entry, Lexicon
from geomeld_build.captions.claims.lexicon.features import FEATURE_WORDS
from geomeld_build.captions.claims.lexicon.ground import GROUND_WORDS
from geomeld_build.captions.claims.lexicon.logic import LOGIC_WORDS
from geomeld_build.captions.claims.lexicon.places import PLACE_WORDS

__all__ = ["lexicon", "lexicon_sha"]

Listed = list[tuple[tuple[str, ...], Entry]]
# Where two lists have the same phrase, the first one wins.
_LISTED: Listed = [
    *FEATURE_WORDS,
    *LOGIC_WORDS,
    *AMOUNT_WORDS,
    *COVER_WORDS,
    *GROUND_WORDS,
    *PLACE_WORDS,
    *COUNTRY_WORDS,
]


_LEXICON = Lexicon(_LISTED)


@lru_cache(maxsize=1024)
def lexicon(countries: tuple[str, ...] = ()) -> Lexicon:
    """The lexicon, with further names of countries (a gazetteer; a simulated planet has names of its own)."""
    return _LEXICON.before(geo_words_of(countries))


def geo_words_of(countries: tuple[str, ...]) -> Listed:
    """Entries for names of countries."""
    found: Listed = []
    for name in countries:
        found += geo_words("country", name, name)
    return found


@lru_cache(maxsize=1)
def lexicon_sha() -> str:
    """A short hash of all words: captions checked with other words were checked differently."""
    plain = "\n".join(f"{' '.join(phrase)}|{entry.kind}|{entry.value}|{entry.word}" for phrase, entry in _LISTED)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]
