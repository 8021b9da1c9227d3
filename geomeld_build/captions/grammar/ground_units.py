"""The shape of the ground, its height, and the height of the trees."""

from __future__ import annotations

from collections.abc import Iterator

from geomeld_build.captions.grammar.template import choose
from geomeld_build.captions.grammar.unit import Scene, Unit, holds, propose

__all__ = ["canopy_unit", "green_unit", "ground_units"]

_GROUND = "{the ground|the terrain|the land|the surface}"
_SHAPES = {
    "flat": ("flat", "level", "nearly level", "almost flat", "dead flat", "almost level"),
    "rolling": ("rolling", "undulating", "gently rolling", "gently undulating", "softly rolling"),
    "hilly": ("hilly",),
    "mountain": ("mountainous",),
    "rugged": ("rugged", "craggy"),
}
_STEEP = {
    "very_steep": ("very steep", "precipitous", "sheer"),
    "steep": ("steep", "abrupt"),
    "moderate": ("moderate", "moderately steep"),
    "gentle": ("gentle", "mild", "slight"),
}
_RELIEF = {
    "negligible": ("negligible", "minimal", "imperceptible"),
    "low": ("low", "modest", "subdued", "faint", "weak", "soft"),
    "moderate": ("moderate",),
    "high": ("high", "strong", "pronounced", "marked", "considerable", "bold"),
}
_FORMS = {
    "Ridge": ("ridges", "crests", "ridgelines"),
    "Spur": ("spurs",),
    "Hollow": ("hollows",),
    "Valley": ("valleys", "vales"),
    "Footslope": ("footslopes",),
    "Shoulder": ("shoulders",),
    "Slope": ("hillslopes", "inclines"),
}
_FACING = {
    "N": "north", "NE": "north-east", "E": "east", "SE": "south-east",
    "S": "south", "SW": "south-west", "W": "west", "NW": "north-west",
}  # fmt: skip


def ground_units(scene: Scene) -> Iterator[Unit]:
    """Shape, slope, relief, forms, aspect, elevation."""
    if scene.facts.landform is None or (scene.facts.cover or {}).get("water", 0.0) > 0.8:
        # The ground of a lake is its surface.
        return
    yield from _shape(scene)
    yield from _slopes(scene)
    yield from _relief(scene)
    yield from _forms(scene)
    yield from _aspect(scene)
    yield from _altitude(scene)
    yield from _height(scene)


def _shape(scene: Scene) -> Iterator[Unit]:
    for word in ("mountain", "rugged", "hilly", "rolling", "flat"):
        claim = propose("terrain", word)
        if not holds(claim, scene.facts):
            continue
        adjective = choose(scene.rng, _SHAPES[word])
        noun = "{ground|terrain|land|country}"
        mains: tuple[str, ...] = (
            f"{_GROUND} is {adjective}",
            f"{adjective} {noun} {{underlies $it|lies beneath $it|carries $it}}",
        )
        subs: tuple[str, ...] = (f"on {adjective} {noun}", f"{{over|across}} {adjective} {noun}")
        fronts = (f"on {adjective} {noun}", f"{{over|across}} {adjective} {noun}")
        yield Unit("terrain", (claim,), 0.7, mains, subs, fronts, {}, "ground")
        return


def _slopes(scene: Scene) -> Iterator[Unit]:
    slope = scene.facts.slope
    if slope is None or scene.facts.landform == "Flat":
        return
    mean = round(float(slope["mean"]))
    number = propose("slope", op="mean", value=float(mean))
    if mean >= 4 and holds(number, scene.facts):
        mains: tuple[str, ...] = (
            f"slopes {{average|are on average}} {{about|roughly|around|some}} {mean} degrees",
            f"the mean slope is {{about|close to|around}} {mean} degrees",
            f"{_GROUND} slopes at {{about|around|roughly}} {mean} degrees on average",
        )
        subs: tuple[str, ...] = (f"with slopes {{averaging|of about|of roughly}} {mean} degrees",)
        yield Unit("slope", (number,), 0.5, mains, subs, (), {}, "ground")
    for word in ("very_steep", "steep", "moderate", "gentle"):
        claim = propose("slope", word)
        if holds(claim, scene.facts):
            adjective = choose(scene.rng, _STEEP[word])
            mains = (
                f"{{the |}}slopes are {adjective}",
                f"{adjective} slopes {{shape $it|run through $it|give $it form}}",
            )
            subs = (f"{{on|over|across}} {adjective} slopes", f"with {adjective} slopes")
            yield Unit("slope", (claim,), 0.45, mains, subs, (f"on {adjective} slopes",), {}, "ground")
            return


def _relief(scene: Scene) -> Iterator[Unit]:
    relief = scene.facts.relief_m
    if relief is None:
        return
    for word in ("negligible", "low", "high", "moderate"):
        claim = propose("relief", word)
        if holds(claim, scene.facts):
            adjective = choose(scene.rng, _RELIEF[word])
            mains: tuple[str, ...] = (f"the relief is {adjective}", f"its relief {{stays|remains|is}} {adjective}")
            yield Unit("relief", (claim,), 0.3, mains, (f"and the relief {{is|stays}} {adjective}",), (), {}, "ground")
            break
    if relief >= 40:
        value = float(round(relief, -1))
        claim = propose("relief", op="point", value=value)
        if holds(claim, scene.facts):
            mains = (
                f"the relief {{is|amounts to|comes to}} {{about|some|roughly}} {value:,.0f} m",
                f"{{the |its |}}local relief is {{about|some|around}} {value:,.0f} m",
                f"the height difference is {{about|roughly|some}} {value:,.0f} m",
            )
            yield Unit("relief", (claim,), 0.4, mains, (), (), {}, "ground")


def _forms(scene: Scene) -> Iterator[Unit]:
    forms = scene.facts.forms
    if forms is None or scene.facts.landform == "Flat":
        return
    known = sorted((name for name in _FORMS if forms.get(name, 0.0) >= 0.1), key=lambda name: -forms[name])
    chosen = [name for name in known[:3] if holds(propose("terrain", name), scene.facts)][:2]
    if not chosen:
        return
    claims = tuple(propose("terrain", name) for name in chosen)
    words = [choose(scene.rng, _FORMS[name]) for name in chosen]
    scene.rng.shuffle(words)
    joined = " and ".join(words)
    mains = (
        f"{joined} {{shape|furrow|mark|structure|break up|give form to}} {{$it|the land|the ground}}",
        f"{{the land|the ground|the terrain}} {{has|is full of|breaks into|falls into|is made of}} {joined}",
        f"{{there are|one sees|these are}} {joined}",
    )
    subs = (f"with {joined}", f"{{among|over|along|between}} {joined}")
    yield Unit("forms", claims, 0.4, mains, subs, (f"{{among|over|along}} {joined}",), {}, "ground")


def _aspect(scene: Scene) -> Iterator[Unit]:
    aspect = scene.facts.aspect_deg
    if aspect is None:
        return
    names = list(_FACING)
    place = names[round(aspect / 45.0) % 8]
    claim = propose("aspect", place=place)
    if holds(claim, scene.facts):
        word = _FACING[place]
        mains: tuple[str, ...] = (
            f"{{the |}}slopes face {word}",
            f"it is a {word}-facing slope",
        )
        yield Unit("aspect", (claim,), 0.35, mains, (f"on {word}-facing slopes",), (), {}, "ground")


def _altitude(scene: Scene) -> Iterator[Unit]:
    """Lowland or highland."""
    for word, mains, subs in (
        ("low", ("the {tile|place|area} is low-lying", "this is lowland"), ("in the lowlands", "on low-lying ground")),
        ("high", ("this is {highland|high country}", "it is high ground"), ("in the highlands", "on high ground")),
    ):
        claim = propose("elevation", word)
        if holds(claim, scene.facts):
            yield Unit("altitude", (claim,), 0.3, mains, subs, subs, {}, "ground")


def _height(scene: Scene) -> Iterator[Unit]:
    height = scene.facts.elevation
    if height is None:
        return
    low, mean, high = (float(height[key]) for key in ("min", "mean", "max"))
    if high - low < 60:
        value = _rounded(mean)
        claim = propose("elevation", op="point", value=value)
        if value < 3 or not holds(claim, scene.facts):
            return
        at = f"{{about|roughly|around|some|close to}} {value:,.0f} m"
        mains: tuple[str, ...] = (
            f"{_GROUND} lies at {at}{{| above sea level}}",
            f"the elevation is {at}",
            f"{_GROUND} lies {at} above sea level",
        )
        subs: tuple[str, ...] = (f"at {at}{{| above sea level}}", f"at an {{elevation|altitude}} of {at}")
        yield Unit("height", (claim,), 0.4, mains, subs, (f"at {at} above sea level",), {}, "ground")
        return
    first, last = _rounded(low), _rounded(high)
    claim = propose("elevation", op="within", low=first, high=last, value=first)
    if holds(claim, scene.facts):
        span = f"{first:,.0f} to {last:,.0f} m"
        mains = (
            f"the elevation {{ranges|runs|extends}} from {span}",
            f"elevations {{range|reach|run}} from {span}",
            f"{_GROUND} rises from {span}",
        )
        subs = (f"at elevations from {span}", f"between {first:,.0f} and {last:,.0f} m above sea level")
        yield Unit("height", (claim,), 0.5, mains, subs, (), {}, "ground")
    top = propose("elevation", op="peak", value=last)
    if holds(top, scene.facts):
        mains = (
            f"{_GROUND} {{reaches|rises to|climbs to|peaks at}} {{about|some|nearly|almost}} {last:,.0f} m",
            f"the highest point {{reaches|is at}} {{about|roughly|some}} {last:,.0f} m",
        )
        yield Unit(
            "summit", (top,), 0.45, mains, (f"{{rising|climbing}} to {{about|some}} {last:,.0f} m",), (), {}, "ground"
        )


def _rounded(value: float) -> float:
    """To ten metres above two hundred, else to five."""
    step = 10 if abs(value) >= 200 else 5
    return float(round(value / step) * step)


def canopy_unit(scene: Scene) -> Iterator[Unit]:
    """How high the trees are."""
    canopy, cover = scene.facts.canopy, scene.facts.cover or {}
    if canopy is None or cover.get("tree", 0.0) < 0.1:
        return
    top, mean = round(float(canopy["p95"])), round(float(canopy["mean"]))
    claim = propose("canopy_height", op="peak", value=float(top))
    if top >= 4 and holds(claim, scene.facts):
        about = f"{{about|some|around|roughly}} {top} m"
        mains: tuple[str, ...] = (
            f"the {{tallest |}}trees {{reach|grow to|stand}} {about}{{| high| tall}}",
            f"the {{canopy|tree canopy}} reaches {about}",
            f"trees {{stand|grow}} {about} {{high|tall}}",
        )
        subs: tuple[str, ...] = (
            f"with trees {about} {{high|tall}}",
            f"with a canopy {about} high",
            f"the trees {about} {{high|tall}}",
        )
        yield Unit("canopy", (claim,), 0.4 + 0.2 * cover.get("tree", 0.0), mains, subs, (), {}, "tree")
    lower = propose("canopy_height", op="mean", value=float(mean))
    if mean >= 5 and holds(lower, scene.facts):
        mains = (
            f"the canopy {{averages|is on average}} {{about|some|roughly}} {mean} m",
            f"the mean canopy height is {{about|close to|around}} {mean} m",
        )
        yield Unit("canopy", (lower,), 0.35, mains, (f"the canopy averaging {{about|some}} {mean} m",), (), {}, "tree")


def green_unit(scene: Scene) -> Iterator[Unit]:
    """How green the plants were on the day."""
    cover = scene.facts.cover or {}
    plants = sum(cover.get(name, 0.0) for name in ("tree", "shrub", "grass", "crop", "wetland", "mangrove"))
    if scene.facts.ndvi is None or plants < 0.5:
        return
    lush, dry = propose("greenness", "lush"), propose("greenness", "dry")
    subject = "{the vegetation|the plant cover|the foliage}"
    if holds(lush, scene.facts):
        word = "{lush|green|verdant|luxuriant|vigorous|thriving|flourishing|deep green}"
        claim = lush
    elif holds(dry, scene.facts):
        word = "{dry|brown|parched|dormant|withered|faded|dried out}"
        claim = dry
    else:
        return
    mains = (f"{subject} {{is|looks}} {word}", f"{word} plants clothe $it")
    yield Unit(
        "green", (claim,), 0.35, mains, (f"the vegetation {{|still |now }}{word}", f"{word} on the day"), (), {}, ""
    )
