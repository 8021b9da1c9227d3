"""Where classes lie, and the water of the tile."""

from __future__ import annotations

from collections.abc import Iterator

from geomeld_build.captions.claims.facts import PatchFact
from geomeld_build.captions.grammar.cover_units import ranked
from geomeld_build.captions.grammar.template import choose
from geomeld_build.captions.grammar.unit import Scene, Unit, cover_claim, holds, propose
from geomeld_build.captions.grammar.words import PLACES, adjective_for, noun_for

__all__ = ["layout_units", "water_units"]

_SIDES = {"N": ("NW", "NE"), "S": ("SW", "SE"), "E": ("NE", "SE"), "W": ("NW", "SW")}
_AXES = ((0.0, "S-N"), (45.0, "SW-NE"), (90.0, "W-E"), (135.0, "NW-SE"), (180.0, "N-S"))
_COMPASS = {
    "N": "north", "S": "south", "E": "east", "W": "west",
    "NW": "north-west", "NE": "north-east", "SW": "south-west", "SE": "south-east",
}  # fmt: skip
_SMALL_RIVERS = ("creek", "brook")
_TEXTURES = {
    "whole": ("continuous", "contiguous", "in one piece", "in one block", "coherent", "undivided", "uninterrupted"),
    "broken": ("fragmented", "broken up", "in many pieces", "splintered", "in separate blocks", "disjointed"),
}
_CLEAR = 1.8
"""How much denser a class must be in a place before it is worth saying."""


def layout_units(scene: Scene) -> Iterator[Unit]:
    """The clearest place of each class that is not everywhere."""
    for name, share in ranked(scene):
        if not 0.02 <= share <= 0.75 or name == "water":
            continue
        place = _clearest(scene, name, share)
        if place is None:
            continue
        claim = cover_claim("layout", name, place=place)
        if holds(claim, scene.facts):
            yield _layout(scene, name, share, place)
    yield from _textures(scene)


def _textures(scene: Scene) -> Iterator[Unit]:
    """Whether the largest classes lie in one piece."""
    for name, share in ranked(scene)[:2]:
        for word, wordings in _TEXTURES.items():
            claim = cover_claim("texture", name, word=word)
            if share < 0.12 or not holds(claim, scene.facts):
                continue
            noun = noun_for(name, share, scene.biome, scene.rng)
            values = {"n": noun.text, "is": "are" if noun.plural else "is", "t": choose(scene.rng, wordings)}
            mains = ("the $n $is $t", "the $n $is {clearly|visibly|evidently|noticeably} $t")
            yield Unit("texture", (claim,), 0.32, mains, ("the $n $t",), (), values, name)
            return


def _clearest(scene: Scene, name: str, share: float) -> str | None:
    """The place whose share stands out most."""
    parts = scene.facts.parts
    if not all(part in parts for part in ("NW", "NE", "SW", "SE")):
        return None
    shares = {place: parts[place].get(name, 0.0) for place in ("NW", "NE", "SW", "SE", "centre") if place in parts}
    for side, (one, two) in _SIDES.items():
        # A side is worth more than a corner where both of its quadrants have their part.
        low = min(shares[one], shares[two])
        shares[side] = (shares[one] + shares[two]) / 2 + (0.15 * low if low > share else 0.0)
    place = max(shares, key=lambda one: shares[one])
    return place if shares[place] >= _CLEAR * share or (shares[place] >= 0.7 and shares[place] > 1.3 * share) else None


def _layout(scene: Scene, name: str, share: float, place: str) -> Unit:
    noun = noun_for(name, share, scene.biome, scene.rng)
    adjective = adjective_for(name, scene.rng)
    values = {
        "n": noun.text,
        "place": choose(scene.rng, PLACES[place]),
        "is": "are" if noun.plural else "is",
        "lies": "{lie|gather|cluster|stand out|are found|are concentrated}"
        if noun.plural
        else "{lies|gathers|is found|is concentrated|stands out|sits}",
    }
    mains = ["$n $lies in the $place", "the $place {holds|has|contains|shows} $n", "in the $place $is $n"]
    if adjective is not None:
        mains.append(f"the $place is {adjective}")
    subs = ("with $n in the $place", "{and|while} $n $lies in the $place", "$n {lying|standing} in the $place")
    claim = cover_claim("layout", name, place=place)
    weight = 0.5 + 0.3 * min(share, 0.4)
    return Unit("layout", (claim,), weight, tuple(mains), subs, (), values, name)


def water_units(scene: Scene) -> Iterator[Unit]:
    """Rivers, lakes, none."""
    water = scene.facts.water
    if water is None:
        return
    present = propose("water", "water")
    if holds(present, scene.facts):
        yield from _bodies(scene)
    elif holds(propose("water", "water", positive=False), scene.facts):
        yield _dry()
    elif water["status"] == "jrc_seasonal_only":
        yield _seasonal()


def _bodies(scene: Scene) -> Iterator[Unit]:
    patches = [one for one in scene.facts.patches if one.name == "water"]
    linear = [one for one in patches if one.linear and one.direction_deg is not None]
    if linear:
        yield _river(scene, linear[0])
    compact = [one for one in patches if not one.linear and one.where]
    if compact and not linear:
        yield from _lake(scene, compact[0])
    if not patches:
        claim = propose("water", "water")
        mains = (
            "{a little|some} {open |surface |}water {shows|is visible|can be seen|is there|is mapped}",
            "there is {open |surface |}water",
        )
        yield Unit("water", (claim,), 0.6, mains, ("{with|and} {some|a little} {open |surface |}water",), about="water")


def _river(scene: Scene, patch: PatchFact) -> Unit:
    wide_m = patch.width_m or 100.0
    word = choose(
        scene.rng,
        ("river", "river", "watercourse", "stream", "river channel", "waterway", *_SMALL_RIVERS[: 2 * (wide_m < 40)]),
    )
    axis = min(_AXES, key=lambda one: abs(one[0] - (patch.direction_deg or 0.0)))[1]
    start, stop = axis.split("-")
    if scene.rng.random() < 0.5:
        start, stop = stop, start
    turned = propose("direction", "water", place=f"{start}-{stop}")
    claims = [propose("water", "water", word=word)]
    run = "{runs|flows|winds|crosses|cuts across}"
    course = ""
    if holds(turned, scene.facts):
        claims.append(turned)
        course = f"from {_COMPASS[start]} to {_COMPASS[stop]}"
    else:
        run = "{crosses|cuts across|runs through|winds through} $scene"
    wide = ""
    if patch.width_m:
        claim = propose("width", "water", op="point", value=float(round(patch.width_m, -1)))
        if claim.value and holds(claim, scene.facts):
            claims.append(claim)
            wide = f"{{about|some|roughly}} {claim.value:.0f} m wide"
    mains = (
        f"a {word} {wide} {run} {course}",
        f"a {word} {run} {course}" + (f", {wide}" if wide else ""),
        f"through $it {{runs|flows|winds}} a {word} {wide} {course}",
    )
    subs = (
        f"with a {word} {wide} {{running|flowing|winding}} {course}",
        f"{{crossed|cut}} by a {word} {wide} {course}",
    )
    return Unit("water", tuple(claims), 0.9, mains, subs, about="water")


def _lake(scene: Scene, patch: PatchFact) -> Iterator[Unit]:
    frac = patch.frac or 0.0
    if frac >= 0.3:
        words: tuple[str, ...] = ("broad body of water", "large water body", "wide sheet of open water")
    elif frac >= 0.03:
        words = ("lake", "water body", "body of water", "reservoir" if frac >= 0.08 else "lake")
    else:
        words = ("pond", "small lake", "small water body", "pool")
    word = choose(scene.rng, words)
    place = patch.where or "centre"
    claim = cover_claim("layout", "water", place=place)
    if not holds(claim, scene.facts):
        return
    values = {"w": word, "place": choose(scene.rng, PLACES[place])}
    mains = (
        "a $w {lies|sits|is found} in the $place",
        "the $place {holds|has|contains} a $w",
        "in the $place {lies|is} a $w",
    )
    subs = ("with a $w in the $place", "{and|around} a $w in the $place")
    yield Unit("water", (claim,), 0.75, mains, subs, (), values, "water")


def _dry() -> Unit:
    kind = "{water|open water|surface water|standing water}"
    mains = (
        f"no {kind} {{shows|is seen|is mapped|is visible|appears|is detected|can be made out}}",
        f"there is no {kind}",
        f"{kind} is {{absent|missing}}",
    )
    subs = (f"{{without|with no|and no}} {kind}",)
    claim = propose("water", "water", positive=False)
    return Unit("absence", (claim,), 0.22, mains, subs, about="water")


def _seasonal() -> Unit:
    claim = propose("water", "water", hedged=True)
    mains = (
        "{possibly|perhaps|probably} water {stands|collects} {here|there} {in some months|now and then|at times}",
        "water {may|might} {stand|collect|gather} {in some months|at times|now and then|for part of the year}",
    )
    return Unit("water", (claim,), 0.3, mains, (), about="water")
