"""The one place that knows which test a claim takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from geomeld_build.captions.claims.check import context, cover, ground, look, place, water
from geomeld_build.captions.claims.facts import Facts
from geomeld_build.captions.claims.model import Claim, ClaimType, Verdict

__all__ = ["judge"]


def _nobody_knows(_claim: Claim, _facts: Facts) -> Verdict:
    return Verdict("unverifiable", "", None, "no signal tells this")


_TESTS: Mapping[ClaimType, Callable[[Claim, Facts], Verdict]] = {
    "landcover_presence": cover.presence,
    "landcover_fraction": cover.fraction,
    "landcover_dominance": cover.dominance,
    "landcover_compare": cover.compare,
    "built": cover.presence,
    "water": water.water,
    "water_count": water.water_count,
    "width": water.width,
    "direction": water.direction,
    "layout": place.layout,
    "texture": place.texture,
    "terrain": ground.terrain,
    "slope": ground.slope,
    "elevation": ground.elevation,
    "relief": ground.relief,
    "aspect": ground.aspect,
    "canopy_height": ground.canopy,
    "greenness": look.greenness,
    "dw_state": look.flooded,
    "osm_feature": context.feature,
    "road": context.feature,
    "osm_count": context.count,
    "geo": context.geo,
    "biome": context.biome,
    "season": context.season,
    "date": context.date,
    "other": _nobody_knows,
}
_BARE_KINDS = frozenset({"dune", "sand dune", "salt flat", "lava field", "lava", "sandbank", "sandbar", "mudflat"})


def judge(claim: Claim, facts: Facts) -> Verdict:
    """Whether the signals bear a claim out, speak against it, or say nothing."""
    found = _TESTS[claim.type](claim, facts)
    narrowed = claim.word in _BARE_KINDS and claim.positive and found.label == "supported"
    # That the ground is bare does not show dunes or lava.
    return Verdict("unverifiable", found.signal, found.observed, claim.word) if narrowed else found
