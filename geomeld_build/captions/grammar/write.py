"""Captions by the grammar: deterministic by tile, and read back by the verifier before they are given out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from random import Random

from geomeld_build.captions.claims.facts import Facts
from geomeld_build.captions.claims.model import Checked
from geomeld_build.captions.claims.verify import check_text
from geomeld_build.captions.grammar.compose import LEAST_WORDS, compose, units_of
from geomeld_build.captions.grammar.unit import Scene, Unit

__all__ = ["GRAMMAR_VERSION", "Draft", "write_captions"]

GRAMMAR_VERSION = 2
"""Raised whenever the same tile may get another text."""
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Draft:
    """A text and its claims, as the verifier reads them."""

    text: str
    checked: tuple[Checked, ...]
    tries: int
    """Texts that were written until one was read as it was meant."""


def write_captions(facts: Facts, tile_id: str, *, count: int = 1, seed: int = 0) -> list[Draft]:
    """Write captions of a tile.

    Args:
        facts: what is known of it; what is withheld from captions is not among it.
        tile_id: decides the wording, with the seed.
        count: how many.
        seed: another seed, other words.

    Returns:
        ``count`` captions in which nothing is contradicted; fewer where the signals have nothing to say.
    """
    found = []
    for number in range(count):
        draft = _draft(facts, f"{seed}|{tile_id}|{number}")
        if draft is not None:
            found.append(draft)
    return found


def _draft(facts: Facts, key: str) -> Draft | None:
    short: Draft | None = None
    for number in range(_TRIES):
        rng = Random(int.from_bytes(hashlib.blake2b(f"{key}|{number}".encode(), digest_size=8).digest(), "big"))
        scene = Scene(facts, rng)
        units = units_of(scene)
        text = compose(scene, units)
        if not text:
            return None
        checked = tuple(check_text(text, facts))
        if not _as_meant(checked):
            continue
        draft = Draft(text, checked, number + 1)
        if len(text.split()) >= LEAST_WORDS:
            return draft
        short = short or draft
    return short or _plain(facts, key)


def _as_meant(checked: tuple[Checked, ...]) -> bool:
    """Nothing contradicted, and nothing that cannot be told unless the text says so."""
    return all(one.label == "supported" or (one.label == "unverifiable" and one.claim.hedged) for one in checked)


def _plain(facts: Facts, key: str) -> Draft | None:
    """One sentence for each thing, those that read as meant: where no text in one piece did."""
    rng = Random(int.from_bytes(hashlib.blake2b(f"{key}|plain".encode(), digest_size=8).digest(), "big"))
    scene = Scene(facts, rng)
    sentences: list[str] = []
    units: list[Unit] = sorted(units_of(scene), key=lambda unit: -unit.salience)
    for unit in units:
        sentence = compose(scene, [unit])
        candidate = " ".join([*sentences, sentence])
        if sentence and _as_meant(tuple(check_text(candidate, facts))) and len(candidate.split()) <= 40:
            sentences.append(sentence)
    if not sentences:
        return None
    text = " ".join(sentences)
    return Draft(text, tuple(check_text(text, facts)), _TRIES + 1)
