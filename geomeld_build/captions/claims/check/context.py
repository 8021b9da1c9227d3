"""Claims about mapped objects, places of the world and time."""

from __future__ import annotations

from geomeld_build.captions.claims.check.verdicts import denied, unknown, verdict
from geomeld_build.captions.claims.facts import Facts
from geomeld_build.captions.claims.lexicon.countries import continent_of
from geomeld_build.captions.claims.lexicon.features import FEATURES, has_tags
from geomeld_build.captions.claims.lexicon.places import BIOMES
from geomeld_build.captions.claims.model import Claim, Verdict
from geomeld_build.captions.claims.parse.counts import COUNTABLE

__all__ = ["biome", "count", "date", "feature", "geo", "season"]

_MAPPED = 5
"""So many features show that somebody mapped here."""
_WILD = 0.002
"""Built-up share below which there is nothing to map a building on."""
_TROPICS_DEG = 23.5
_LOOSE = frozenset({"desert", "tropical", "temperate", "arctic", "montane", "mediterranean"})


def _tags(name: str) -> tuple[str, ...]:
    return COUNTABLE.get(name) or FEATURES[name].tags


def _count(facts: Facts, tags: tuple[str, ...]) -> int:
    """How many features have one of the tags. Features of the centre lie in the surrounding too."""
    around = sum(
        one.count
        for one in facts.features
        if one.level == "surrounding" and any(has_tags(one.tags, tag) for tag in tags)
    )
    others = sum(one.level != "surrounding" and any(has_tags(one.tags, tag) for tag in tags) for one in facts.features)
    return around or others


def _well_mapped(facts: Facts) -> bool:
    known = sum(one.count for one in facts.features if one.level in {"surrounding", "centre"})
    return facts.osm_status == "ok" and (facts.osm_complete or known >= _MAPPED)


def feature(claim: Claim, facts: Facts) -> Verdict:
    """An object is there, or is not."""
    if facts.osm_status == "unavailable":
        return unknown("osm.status", "an extract of OpenStreetMap")
    name = claim.subject[0]
    found = _count(facts, _tags(name))
    signal, expected = "osm.surrounding", f"a feature with {' or '.join(_tags(name))}"
    if found:
        return verdict(claim.positive, signal, found, expected)
    if not claim.positive:
        return verdict(True if facts.osm_status == "ok" or facts.osm_complete else None, signal, 0, "no such feature")
    kind = FEATURES[name]
    rival = any(has_tags(one.tags, tag) for one in facts.features for tag in kind.rivals)
    unbuilt = (
        facts.osm_status == "ok"
        and any(tag.startswith("building") for tag in kind.tags)
        and ((facts.cover or {}).get("built", 1.0) < _WILD)
    )
    refuted = rival or (kind.major and _well_mapped(facts)) or (unbuilt and _well_mapped(facts))
    return verdict(False if refuted else None, signal, 0, expected)


def count(claim: Claim, facts: Facts) -> Verdict:
    """So many objects."""
    if facts.osm_status == "unavailable":
        return unknown("osm.status", "an extract of OpenStreetMap")
    name = claim.subject[0]
    found = _count(facts, _tags(name))
    low, high = claim.low or 0.0, float("inf") if claim.high is None else claim.high
    expected = f"{low:.3g} <= count <= {high:.3g}"
    if not found:
        major = name in FEATURES and FEATURES[name].major
        holds = False if (major and _well_mapped(facts)) or facts.osm_complete else None
        return verdict(True if low <= 0 else holds, "osm.surrounding", 0, expected)
    return verdict(low <= found <= high, "osm.surrounding", found, expected)


def geo(claim: Claim, facts: Facts) -> Verdict:
    """A country, a continent, a state."""
    found = _geo(claim, facts)
    return found if claim.positive else denied(found)


def _geo(claim: Claim, facts: Facts) -> Verdict:
    known = {value.casefold() for key, value in facts.geo.items() if key in {"country", "continent", "admin1"}}
    if any(name.casefold() in known for name in claim.subject):
        return verdict(True, "geo", dict(facts.geo), f"one of {', '.join(claim.subject)}")
    kind, _, owner = claim.word.partition(":")
    country, continent = facts.geo.get("country"), facts.geo.get("continent")
    expected = " or ".join(claim.subject)
    if kind == "continent":
        return verdict(None if continent is None else False, "geo.continent", continent, expected)
    if kind == "admin1":
        if country is not None and country.casefold() != owner.casefold():
            return verdict(False, "geo.country", country, f"{owner} ({expected})")
        admin1 = facts.geo.get("admin1")
        return verdict(None if admin1 is None else False, "geo.admin1", admin1, expected)
    if country is not None:
        return verdict(False, "geo.country", country, expected)
    own = {continent_of(name) for name in claim.subject}
    refuted = continent is not None and None not in own and continent not in own
    return verdict(False if refuted else None, "geo.continent", continent, expected)


def biome(claim: Claim, facts: Facts) -> Verdict:
    """A biome of RESOLVE, by its own or a common name."""
    name, known = claim.subject[0], facts.geo.get("biome")
    if name == "tropical" and facts.lat is not None and abs(facts.lat) <= _TROPICS_DEG:
        return verdict(claim.positive, "lat", facts.lat, "within the tropics")
    if known is None:
        return unknown("geo.biome", "the tile's biome")
    holds: bool | None = known in BIOMES[name]
    if not holds and name in _LOOSE:
        holds = _loosely(name, facts)
    if holds is False and any(near in BIOMES[name] for near in facts.biomes_near):
        holds = None
    found = verdict(holds, "geo.biome", known, " or ".join(BIOMES[name]))
    return found if claim.positive else denied(found)


def _loosely(name: str, facts: Facts) -> bool | None:
    """Words that are also used of the look of a place or of its latitude."""
    lat = abs(facts.lat) if facts.lat is not None else None
    if name == "desert":
        return None if (facts.cover or {}).get("bare", 0.0) >= 0.5 else False
    if name == "temperate" and lat is not None:
        return None if _TROPICS_DEG < lat < 60 else False
    if name == "arctic" and lat is not None:
        return None if lat >= 60 else False
    if name == "montane":
        return None if float((facts.elevation or {}).get("mean", 0.0)) >= 1000 else False
    return False


def season(claim: Claim, facts: Facts) -> Verdict:
    """A season of the meteorologists."""
    name = claim.subject[0]
    if facts.season is None or facts.season == "tropical" or name == "other":
        return verdict(None, "season", facts.season, name)
    found = verdict(facts.season == name, "season", facts.season, name)
    return found if claim.positive else denied(found)


def date(claim: Claim, facts: Facts) -> Verdict:
    """The month or the year of the image."""
    if facts.day is None or claim.value is None:
        return unknown("acquisition_date", "the date of the image")
    observed = facts.day.year if claim.subject == ("year",) else facts.day.month
    found = verdict(observed == int(claim.value), "acquisition_date", facts.day.isoformat(), claim.text)
    return found if claim.positive else denied(found)
