"""Captions written without Dynamic World, and tested against it alone: a witness that the captioner did not hear.

Captions are as right as the map that they were written from. How often a second map, which never took part, bears them
out says more of the ground than the first map can; what two maps agree on is still no proof.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from geomeld_build.captions.agents.withhold import withheld_signals
from geomeld_build.captions.claims.facts import Facts, facts_of
from geomeld_build.captions.claims.verify import check_text
from geomeld_build.captions.grammar.write import write_captions
from geomeld_build.captions.report.answers import Rate, rate_of
from geomeld_build.captions.signals.table import latest_rows
from geomeld_build.errors import StoreError
from geomeld_build.store import open_store

__all__ = ["HeldOut", "held_out"]

_COVER = {"landcover_presence", "landcover_fraction", "landcover_dominance", "landcover_compare"}
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """How a map that was not heard judges captions."""

    store: str
    tiles: int
    """With both maps."""
    claims: Rate | None
    """Land-cover claims that Dynamic World bears out, of those that it can tell."""
    by_type: dict[str, Rate]
    maps_agree: float | None
    """Mean share of a tile on which the two maps agree at best: what can be expected."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def held_out(uri: str, *, seed: int = 0, progress: Progress | None = None) -> HeldOut:
    """Write a caption of every tile without Dynamic World, and test its land cover against that.

    Args:
        uri: a store with signals.
        seed: of the words.
        progress: called with how many tiles are done, and how many there are.

    Raises:
        StoreError: the store has no signals.
    """
    rows = latest_rows(open_store(uri))
    if not rows:
        raise StoreError(f"{uri} has no signals: run 'geomeld-build caption signals {uri}' first")
    hits: Counter[str] = Counter()
    told: Counter[str] = Counter()
    agree: list[float] = []
    for done, (tile_id, (_, text)) in enumerate(rows.items(), start=1):
        signals = json.loads(text)
        if signals["landcover"] and signals["dynamic_world"]:
            agree.append(1.0 - signals["dynamic_world"]["disagreement"])
            for kind, holds in _judged(tile_id, signals, seed):
                told[kind] += 1
                hits[kind] += holds
        if progress is not None and (done % 50 == 0 or done == len(rows)):
            progress(done, len(rows))
    rates = {kind: rate_of(hits[kind], told[kind]) for kind in told}
    return HeldOut(
        store=uri,
        tiles=len(agree),
        claims=rate_of(hits.total(), told.total()),
        by_type={kind: rate for kind, rate in sorted(rates.items()) if rate is not None},
        maps_agree=round(sum(agree) / len(agree), 4) if agree else None,
    )


def _judged(tile_id: str, signals: dict[str, Any], seed: int) -> list[tuple[str, bool]]:
    """Land-cover claims of a caption that was written without the map, by what the map says."""
    blind = facts_of(withheld_signals(signals, ("dynamic_world", "water")))
    witness = _witness(facts_of(signals))
    found: list[tuple[str, bool]] = []
    for draft in write_captions(blind, tile_id, count=1, seed=seed):
        for one in check_text(draft.text, witness):
            if one.claim.type in _COVER and one.label != "unverifiable":
                found.append((one.claim.type, one.label == "supported"))
    return found


def _witness(facts: Facts) -> Facts:
    """Facts of which the land cover is Dynamic World's alone."""
    return replace(
        facts, cover=facts.dynamic, dynamic=None, disagreement=None, parts={}, tops={}, patches=(), patchiness={},
        water=None,
    )  # fmt: skip
