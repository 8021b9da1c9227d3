"""When and where in the world, and what is mapped there."""

from __future__ import annotations

from collections.abc import Iterator

from geomeld_build.captions.claims.lexicon.countries import adjective_of
from geomeld_build.captions.claims.lexicon.features import FEATURES, has_tags
from geomeld_build.captions.claims.lexicon.places import MONTHS, biome_key
from geomeld_build.captions.claims.revise.slots import number_word
from geomeld_build.captions.grammar.template import choose
from geomeld_build.captions.grammar.unit import Scene, Unit, holds, propose
from geomeld_build.captions.grammar.words import BIOME_NAMES

__all__ = ["object_units", "place_units", "time_units"]

_MANY = 12
_OBJECTS: dict[str, tuple[str, str]] = {
    "motorway": ("motorway", "motorways"),
    "major_road": ("main road", "main roads"),
    "railway": ("railway line", "railway lines"),
    "canal": ("canal", "canals"),
    "dam": ("dam", "dams"),
    "wind": ("wind turbine", "wind turbines"),
    "solar": ("solar farm", "solar farms"),
    "nuclear": ("nuclear power station", "nuclear power stations"),
    "coal": ("coal power plant", "coal power plants"),
    "power_plant": ("power plant", "power plants"),
    "substation": ("substation", "substations"),
    "airport": ("airfield", "airfields"),
    "quarry": ("quarry", "quarries"),
    "landfill": ("landfill", "landfills"),
    "greenhouse": ("greenhouse", "greenhouses"),
    "marina": ("harbour", "harbours"),
    "aquaculture": ("fish pond", "fish ponds"),
    "vineyard": ("vineyard", "vineyards"),
    "orchard": ("orchard", "orchards"),
    "golf": ("golf course", "golf courses"),
    "stadium": ("stadium", "stadiums"),
    "silo": ("silo", "silos"),
    "tank": ("storage tank", "storage tanks"),
    "minor_road": ("minor road", "minor roads"),
    "track": ("track", "tracks"),
    "road": ("road", "roads"),
    "power_line": ("power line", "power lines"),
}
"""What features are called, the most telling first."""


def time_units(scene: Scene) -> Iterator[Unit]:
    """The month or the season of the image."""
    facts, rng = scene.facts, scene.rng
    found: list[tuple[object, str]] = []
    if facts.season is not None and facts.season != "tropical":
        claim = propose("season", facts.season)
        if holds(claim, facts):
            found.append((claim, facts.season))
    if facts.day is not None:
        claim = propose("date", MONTHS[facts.day.month - 1], value=float(facts.day.month))
        if holds(claim, facts):
            found.append((claim, MONTHS[facts.day.month - 1].capitalize()))
    if not found:
        return
    chosen, word = found[int(rng.random() * len(found))]
    month = word[0].isupper()
    mains = (
        (f"the image {{dates from|was taken in|is from}} {word}", f"it {{is|was}} {word}")
        if month
        else (f"it is {word}", f"the image shows {word}", f"it is a {word} scene", f"the season is {word}")
    )
    subs = (f"{{seen|taken|imaged|observed}} in {word}", f"{{as it was|here}} in {word}")
    fronts = (f"in {word}", f"in this {word} {{image|scene|view}}", f"{{seen|imaged|observed}} in {word}")
    yield Unit("time", (chosen,), 0.35, mains, subs, fronts, {}, "")  # type: ignore[arg-type]


def place_units(scene: Scene) -> Iterator[Unit]:
    """Country, continent, biome."""
    geo, rng = scene.facts.geo, scene.rng
    country, continent = geo.get("country"), geo.get("continent")
    if country is not None:
        claim = propose("geo", country, word="country")
        if holds(claim, scene.facts):
            adjective = adjective_of(country)
            mains = [f"{{this is|the place is|the tile lies}} in {country}"]
            fronts = [f"in {country}", f"here in {country}"]
            if adjective is not None:
                mains.append(f"this is a {adjective} {{landscape|scene|setting}}")
                fronts.append(f"in this {adjective} {{landscape|scene}}")
            yield Unit("geo", (claim,), 0.4, tuple(mains), (f"in {country}",), tuple(fronts))
    elif continent is not None:
        claim = propose("geo", continent, word="continent")
        if holds(claim, scene.facts):
            yield Unit(
                "geo", (claim,), 0.3, (f"the tile lies in {continent}",), (f"in {continent}",), (f"in {continent}",)
            )
    biome = geo.get("biome")
    if biome in BIOME_NAMES and not scene.facts.biomes_near:
        name = choose(rng, BIOME_NAMES[biome])
        where = "{belt|zone|biome|region}"
        claim = propose("biome", biome_key(name))
        if holds(claim, scene.facts):
            said = (f"this is the {name} {where}", f"the {{tile|place|scene}} belongs to the {name} {where}")
            subs = (f"in the {name} {where}", f"within the {name} {where}")
            yield Unit(
                "biome", (claim,), 0.4, said, subs, (f"in the {name} {where}", f"within the {name} {where}"), {}, ""
            )


def object_units(scene: Scene) -> Iterator[Unit]:
    """Mapped features by number."""
    if scene.facts.osm_status != "ok":
        return
    given = 0
    for kind, (one, many) in _OBJECTS.items():
        count = _count(scene, kind)
        if (
            count == 0
            or given >= 3
            or (kind in {"road", "minor_road", "major_road"} and given and scene.rng.random() < 0.6)
        ):
            continue
        given += 1
        yield _object(kind, count, one, many, 0.7 - 0.1 * given)
    buildings = sum(feature.count for feature in scene.facts.features if "building" in feature.tags)
    if buildings >= 3:
        yield _buildings(buildings)


def _count(scene: Scene, kind: str) -> int:
    tags = FEATURES[kind].tags
    features = [one for one in scene.facts.features if any(has_tags(one.tags, tag) for tag in tags)]
    around = sum(one.count for one in features if one.level == "surrounding")
    return around or sum(one.level != "surrounding" for one in features)


def _object(kind: str, count: int, one: str, many: str, salience: float) -> Unit:
    claim_type = "road" if FEATURES[kind].type == "road" else "osm_feature"
    crossing = FEATURES[kind].type == "road" or kind in {"railway", "canal", "power_line"}
    if count == 1 or count > _MANY:
        phrase = f"a {one}" if count == 1 else many
        claim = propose(claim_type, kind)  # type: ignore[arg-type]
    else:
        phrase = f"{number_word(count)} {many}"
        claim = propose("osm_count", kind, op="within", low=float(count), high=float(count), value=float(count))
    single = count == 1
    does = (
        ("crosses $it", "runs through $it", "passes through") if crossing else ("stands here", "is mapped", "is there")
    )
    if not single:
        does = (
            ("cross $it", "run through $it", "pass through") if crossing else ("stand here", "are mapped", "are there")
        )
    mains = (
        f"{phrase} {{{'|'.join(does)}}}",
        f"{{there {'is' if single else 'are'}|one finds|the map shows}} {phrase}",
    )
    subs = (
        f"{{with|and}} {phrase}",
        f"{{crossed by|cut by}} {phrase}" if crossing else f"{{beside|next to|near}} {phrase}",
    )
    return Unit("object", (claim,), salience, mains, subs, (), {}, "")


def _buildings(count: int) -> Unit:
    rounded = count if count <= 5 else (round(count, -1) if count >= 20 else count)
    claim = propose("osm_count", "building", op="within", low=0.8 * rounded, high=1.2 * rounded, value=float(rounded))
    words = number_word(rounded) if rounded <= 5 else f"{{about|some|around}} {number_word(rounded)}"
    mains = (f"{words} {{buildings|houses}} are mapped", f"there are {words} {{buildings|houses}}")
    return Unit("object", (claim,), 0.4, mains, (f"{{with|and}} {words} {{buildings|houses}}",), (), {}, "built")
