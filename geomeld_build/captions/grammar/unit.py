"""A unit: something true of the tile, and the ways to say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from geomeld_build.captions.claims.check.judge import judge
from geomeld_build.captions.claims.facts import Facts
from geomeld_build.captions.claims.lexicon.cover import members
from geomeld_build.captions.claims.model import Claim, ClaimType, Op

__all__ = ["Scene", "Unit", "cover_claim", "holds", "propose"]


@dataclass(frozen=True, slots=True)
class Scene:
    """What the units are made from: the tile, and who decides."""

    facts: Facts
    rng: Random
    named: set[str] = field(default_factory=set)
    """Classes that have been spoken of."""

    @property
    def biome(self) -> str | None:
        """RESOLVE's name of the biome, if known."""
        return self.facts.geo.get("biome")


@dataclass(frozen=True, slots=True)
class Unit:
    """One thing to say."""

    kind: str
    """What it is about, which decides its place in the text: cover, layout, compare, minor, water, terrain, ..."""
    claims: tuple[Claim, ...]
    """What it asserts; all of it is borne out by the signals."""
    salience: float
    """How much a text misses without it, 0..1."""
    mains: tuple[str, ...] = ()
    """Templates of a whole clause."""
    subs: tuple[str, ...] = ()
    """Templates of a phrase that hangs on a clause before."""
    fronts: tuple[str, ...] = ()
    """Templates of a phrase that opens a sentence."""
    values: Mapping[str, str] = field(default_factory=dict)
    about: str = ""
    """The class it is about."""


def holds(claim: Claim, facts: Facts) -> bool:
    """Whether the verifier would support a claim."""
    return judge(claim, facts).label == "supported"


def propose(kind: ClaimType, *subject: str, op: Op = "is", positive: bool = True, **values: Any) -> Claim:
    """A claim that has no text yet."""
    return Claim(0, 0, "", kind, subject, op, positive=positive, **values)


def cover_claim(kind: ClaimType, name: str, op: Op = "is", **values: Any) -> Claim:
    """A claim about a class by its name."""
    return propose(kind, *members(name), op=op, **values)
