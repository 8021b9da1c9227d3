"""All claims of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from geomeld_build.captions.claims.lexicon.all import lexicon
from geomeld_build.captions.claims.model import Claim
from geomeld_build.captions.claims.parse.compare import comparisons
from geomeld_build.captions.claims.parse.counts import count_claims
from geomeld_build.captions.claims.parse.covers import amount_claims, exclusive_claims, presence_claims
from geomeld_build.captions.claims.parse.layouts import layout_claims
from geomeld_build.captions.claims.parse.measures import Topic, measure_claims
from geomeld_build.captions.claims.parse.negation import mark_negations
from geomeld_build.captions.claims.parse.objects import object_claims
from geomeld_build.captions.claims.parse.scan import Sentence, scan
from geomeld_build.captions.claims.text import masked, sentences_of, tokens_of

__all__ = ["claims_in"]


_MODALS = frozenset({"may", "might", "be", "seems", "appears"})
"""Hedges that doubt what stands before them too: water may stand here."""


def claims_in(text: str, *, names: Sequence[str] = (), countries: Sequence[str] = ()) -> list[Claim]:
    """What a text claims, in the order of the text.

    Args:
        text: a caption.
        names: proper names around the tile; their words mean nothing.
        countries: names of countries besides the world's own.
    """
    words = lexicon(tuple(countries))
    found: list[Claim] = []
    topic: Topic = None
    for tokens in sentences_of(tokens_of(masked(text, names))):
        sentence = scan(tokens, words)
        mark_negations(sentence)
        claims, topic = _claims(sentence, text, topic)
        claims.sort(key=lambda claim: (claim.start, claim.end))
        found += [_hedged(sentence, claim) for claim in claims]
    return _with_rests(found)


def _claims(sentence: Sentence, text: str, topic: Topic) -> tuple[list[Claim], Topic]:
    """One sentence. The order matters: what a rule has used, the next ones leave alone."""
    found = comparisons(sentence, text)
    measured, topic = measure_claims(sentence, text, topic)
    found += measured + count_claims(sentence, text) + exclusive_claims(sentence, text)
    found += layout_claims(sentence, text) + amount_claims(sentence, text)
    return found + presence_claims(sentence, text) + object_claims(sentence, text), topic


def _hedged(sentence: Sentence, claim: Claim) -> Claim:
    """Mark a claim that its sentence doubts: a hedge before it and nothing that ends the statement between."""
    for item in sentence.items:
        if item.kind != "hedge_word":
            continue
        first, last = sentence.clause(item)
        modal = sentence.text(item.last - 1) in _MODALS
        begin = sentence.tokens[first if modal else item.first].start
        if begin <= claim.end and claim.start <= sentence.tokens[last - 1].end and claim.end > begin:
            return replace(claim, hedged=True)
    return claim


def _with_rests(claims: list[Claim]) -> list[Claim]:
    """Tell ``the rest`` of what: of all that has a share before."""
    found: list[Claim] = []
    counted: set[str] = set()
    for claim in claims:
        if claim.op in {"rest", "most_of_rest"}:
            claim = replace(claim, other=tuple(sorted(counted - set(claim.subject))))
        elif claim.type in {"landcover_fraction", "landcover_dominance", "layout"} and claim.positive:
            counted |= set(claim.subject)
        found.append(claim)
    return found
