"""Lies of twelve kinds, put into true captions: what a verifier must find, and where.

The wordings are not the captioner's. A lie is only told where the signals are far enough from it that no tolerance
makes it true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from geomeld_build.captions.classes import LAND_CLASSES

__all__ = ["KINDS", "Injected", "inject"]

Record = dict[str, Any]

_NOUNS = {
    "tree": ("forest", "woodland", "a stand of trees", "woods"),
    "shrub": ("scrub", "shrubland", "bushes", "heathland"),
    "grass": ("meadow", "pasture", "grassland", "rangeland"),
    "crop": ("farmland", "cropland", "ploughed fields", "arable land"),
    "built": ("a housing estate", "buildings", "built-up land", "urban fabric"),
    "bare": ("bare rock", "barren ground", "bare soil", "exposed soil"),
    "snow": ("snow", "a glacier", "a snowfield", "ice"),
    "wetland": ("a marsh", "wetland", "a bog", "swamp"),
    "mangrove": ("mangroves", "mangrove forest"),
    "moss": ("moss", "lichen"),
}
_PLURAL = frozenset({"woods", "bushes", "ploughed fields", "buildings", "mangroves", "a stand of trees"})
_SHARES = ((0.1, "a tenth"), (0.25, "a quarter"), (0.33, "a third"), (0.5, "half"), (0.66, "two thirds"), (0.8, "80 %"),
           (0.95, "95 percent"))  # fmt: skip
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip
_SEASONS = ("winter", "spring", "summer", "autumn")
_LANDS = ("Finland", "Peru", "Vietnam", "Morocco", "Poland", "Japan", "Zambia", "Mexico")
_MAJOR = {
    "a motorway": "highway", "an airport": "aeroway", "a nuclear power station": "power", "a wind farm": "power",
    "a golf course": "leisure", "a landfill": "landuse",
}  # fmt: skip
_OPPOSITE = {"NW": "SE", "NE": "SW", "SW": "NE", "SE": "NW"}
_PLACES = {"NW": "north-west", "NE": "north-east", "SW": "south-west", "SE": "south-east"}


@dataclass(frozen=True)
class Injected:
    """A caption with one lie in it."""

    text: str
    start: int
    end: int
    kind: str


def _noun(rng: Random, name: str) -> str:
    return rng.choice(_NOUNS[name])


def _bare(noun: str) -> str:
    return noun.removeprefix("a ").removeprefix("an ")


def _is(noun: str) -> str:
    return "are" if noun in _PLURAL else "is"


def _known(record: Record) -> list[tuple[str, float]]:
    shares = record["landcover"]["fractions"]
    return sorted(((name, shares.get(name, 0.0)) for name in _NOUNS), key=lambda one: -one[1])


def _second(record: Record, name: str) -> float:
    dynamic = (record.get("dynamic_world") or {}).get("fractions", {})
    names = {"tree": "trees", "crop": "crops", "shrub": "shrub_and_scrub", "wetland": "flooded_vegetation",
             "snow": "snow_and_ice"}  # fmt: skip
    return float(dynamic.get(name, 0.0) + dynamic.get(names.get(name, "-"), 0.0))


def _absent(rng: Random, record: Record) -> str | None:
    mapped = {key for one in (record.get("osm") or {}).get("surrounding", ()) for key in one["tags"]}
    free = [name for name, share in _known(record) if share == 0.0 and _second(record, name) == 0.0]
    free = [
        name
        for name in free
        if not (name == "built" and mapped & {"building", "place", "landuse"})
        and not (name == "snow" and (record.get("dynamic_world") is None or record["season"] == "winter"))
        and not (name == "mangrove" and record["landcover"]["fractions"].get("tree"))
    ]
    if record["landcover"]["fractions"].get("mangrove"):
        free = [name for name in free if name != "tree"]
    if not free:
        return None
    noun = _noun(rng, rng.choice(free))
    return rng.choice(
        (
            f"{noun} can be seen along one side",
            f"a little {_bare(noun)} borders the scene",
            f"part of it is {_bare(noun)}",
            f"it also holds {noun}",
            f"patches of {_bare(noun)} lie about",
            f"{noun} {_is(noun)} found at the edge",
        )
    )


def _share(rng: Random, record: Record) -> str | None:
    options = [
        (name, words)
        for name, share in _known(record)
        if share >= 0.02 and not (name in {"tree", "mangrove"} and record["landcover"]["fractions"].get("mangrove"))
        for value, words in _SHARES
        if abs(value - share) > 0.3 and abs(value - _second(record, name)) > 0.25
    ]
    if not options:
        return None
    name, words = rng.choice(options)
    noun = _bare(_noun(rng, name))
    return rng.choice(
        (
            f"{noun} takes in about {words} of the tile",
            f"roughly {words} of the ground is {noun}",
            f"some {words.removeprefix('a ')} of it is covered with {noun}"
            if words[0].isdigit()
            else f"{words} is {noun}",
            f"{noun} accounts for {words}",
        )
    )


def _dominance(rng: Random, record: Record) -> str | None:
    order = _known(record)
    low = [name for name, share in order if 0.0 < share < order[0][1] - 0.2 and share < 0.4]
    low = [name for name in low if name not in {"snow", "wetland"}]
    if record["landcover"]["fractions"].get("mangrove"):
        low = [name for name in low if name != "tree"]
    if not low:
        return None
    noun = _bare(_noun(rng, rng.choice(low)))
    verb = "dominate" if noun in _PLURAL else "dominates"
    return rng.choice(
        (f"{noun} {verb} the scene", f"it is mostly {noun}", f"the main cover is {noun}", f"most of the tile is {noun}")
    )


def _comparison(rng: Random, record: Record) -> str | None:
    order = [one for one in _known(record) if one[1] >= 0.03 and one[0] != "mangrove"]
    if record["landcover"]["fractions"].get("mangrove"):
        order = [one for one in order if one[0] != "tree"]
    pairs = [(a, b) for a in order for b in order if a[1] - b[1] > 0.12]
    if not pairs:
        return None
    (a, _), (b, _) = rng.choice(pairs)
    large, small = _bare(_noun(rng, a)), _bare(_noun(rng, b))
    verb = "outweigh" if small in _PLURAL else "outweighs"
    return rng.choice(
        (
            f"there is more {small} than {large}",
            f"{small} {verb} {large}",
            f"{large} and {small} are evenly matched",
            f"{small} {_is(small)} ahead of {large}",
        )
    )


def _water(rng: Random, record: Record) -> str | None:
    status = (record.get("water_analysis") or {}).get("status")
    mapped = {key for one in (record.get("osm") or {}).get("surrounding", ()) for key in one["tags"]}
    if status == "none" and record["landcover"]["fractions"].get("water", 0.0) == 0.0 and "waterway" not in mapped:
        return rng.choice(
            (
                "a broad river bends through it",
                "a lake fills one corner",
                "ponds dot the ground",
                "a reservoir lies to one side",
                "the sea laps at its edge",
                "a stream trickles past",
            )
        )
    if status in {"consensus", "dw_confirmed"}:
        return rng.choice(("there is no water at all", "not a single lake or river is found", "it is waterless"))
    return None


def _terrain(rng: Random, record: Record) -> str | None:
    terrain = record.get("terrain")
    if terrain is None:
        return None
    if terrain["terrain_class"] == "Flat":
        return rng.choice(
            (
                "steep slopes rise on all sides",
                "the terrain is mountainous",
                "a ridge divides it",
                "a deep valley cuts it",
            )
        )
    if terrain["slope_deg"]["mean"] > 6 and terrain["relief_m"] > 70:
        return rng.choice(("it is a flat plain", "the ground is level", "the relief is negligible"))
    return None


def _number(rng: Random, record: Record) -> str | None:
    terrain = record.get("terrain")
    if terrain is None:
        return None
    height, slope = terrain["elevation_m"], terrain["slope_deg"]["mean"]
    wrong = round(height["max"] + 400 + rng.random() * 600, -1)
    steep = round(slope + 15 + 10 * rng.random())
    return rng.choice(
        (
            f"the ground lies at {wrong:,.0f} m",
            f"elevation is about {wrong / 0.3048:,.0f} feet",
            f"it climbs to {wrong:,.0f} metres",
            f"slopes average {steep} degrees",
            f"the mean elevation is {wrong / 1000:.2f} km",
        )
    )


def _layout(rng: Random, record: Record) -> str | None:
    parts = (record.get("layout") or {}).get("parts")
    if not parts:
        return None
    patches = record["layout"]["objects"]
    options = []
    for name, share in _known(record):
        centred = {one["where"] for one in patches if one["name"] == name}
        for place in _PLACES:
            if name == "tree" and record["landcover"]["fractions"].get("mangrove"):
                continue
            if (
                share >= 0.05
                and parts[place].get(name, 0.0) < 0.5 * share
                and place not in centred
                and name != "mangrove"
            ):
                options.append((name, place))
    if not options:
        return None
    name, place = rng.choice(options)
    noun = _bare(_noun(rng, name))
    lies = "lie" if noun in _PLURAL else "lies"
    where = _PLACES[place]
    return rng.choice(
        (f"{noun} {lies} in the {where}", f"the {where} is {noun}", f"in the {where}, {noun} {lies} thick")
    )


def _time(rng: Random, record: Record) -> str | None:
    month = int(record["acquisition_date"][5:7])
    season = record["season"]
    wrong_month = _MONTHS[(month + 2 + rng.randrange(8)) % 12]
    if season == "tropical" or rng.random() < 0.4:
        return rng.choice((f"it was seen in {wrong_month}", f"this is a {wrong_month} image"))
    wrong = rng.choice([name for name in _SEASONS if name != season])
    return rng.choice((f"it is {wrong}", f"the season is {wrong}", f"this is the land in {wrong}"))


def _country(rng: Random, record: Record) -> str | None:
    geo = record.get("geo") or {}
    if geo.get("country") is None:
        return None
    land = rng.choice([name for name in _LANDS if name != geo["country"]])
    biome = "boreal forest" if "Tropical" in str(geo.get("biome")) else "tropical moist forest"
    named = geo.get("biome") is not None and not any(
        word in str(geo["biome"]) for word in ("Boreal", "Moist", "Tundra")
    )
    if named and rng.random() < 0.4 and abs(record["lat"]) > 24:
        return f"it belongs to the {biome} biome"
    return rng.choice((f"this is {land}", f"the place is in {land}", f"it lies in {land}"))


def _objects(rng: Random, record: Record) -> str | None:
    osm = record.get("osm") or {}
    if osm.get("status") != "ok":
        return None
    around = osm["surrounding"]
    total = sum(one["count"] for one in around)
    keys = {key for one in around for key in one["tags"]}
    counted = [one for one in around if one["tags"] == {"railway": "rail"} or one["tags"] == {"waterway": "canal"}]
    if counted and rng.random() < 0.5:
        one = rng.choice(counted)
        word = "railway lines" if "railway" in one["tags"] else "canals"
        return f"{rng.choice(('nine', 'eleven', '14'))} {word} cross it"
    options = [words for words, key in _MAJOR.items() if key not in keys or key in {"highway", "leisure", "power"}]
    if total < 5 or not options:
        return None
    noun = rng.choice(options)
    if noun == "a motorway" and any(one["tags"].get("highway") in {"motorway", "trunk"} for one in around):
        return None
    return rng.choice((f"{noun} stands out", f"{noun} is plain to see", f"there is {noun}"))


def _negation(rng: Random, record: Record) -> str | None:
    there = [name for name, share in _known(record) if share >= 0.06 and _second(record, name) > 0.03]
    there = [name for name in there if name not in {"mangrove", "moss"}]
    if not there:
        return None
    noun = _bare(_noun(rng, rng.choice(there)))
    return rng.choice(
        (
            f"there is no {noun}",
            f"it is free of {noun}",
            f"no {noun} grows or stands here",
            f"{noun} {_is(noun)} absent",
            f"it lacks {noun}",
        )
    )


KINDS: dict[str, Callable[[Random, Record], str | None]] = {
    "absent class": _absent,
    "wrong fraction": _share,
    "wrong dominance": _dominance,
    "comparison": _comparison,
    "water": _water,
    "terrain": _terrain,
    "elevation or slope": _number,
    "layout": _layout,
    "season or date": _time,
    "country or biome": _country,
    "objects": _objects,
    "false negation": _negation,
}
assert set(_NOUNS) == set(LAND_CLASSES) - {"water"}


def inject(text: str, record: Record, kind: str, seed: str) -> Injected | None:
    """Put a lie of one kind into a caption; None where the tile leaves no room for one.

    It becomes a sentence of its own, or a clause behind a semicolon, "and" or "while" of one that is there.
    """
    rng = Random(f"{kind}|{seed}")
    lie = KINDS[kind](rng, record)
    if lie is None:
        return None
    sentences = [part for part in text.split(". ") if part]
    at = rng.randrange(len(sentences) + 1)
    draw = rng.random()
    if at == len(sentences) or draw < 0.5:
        head = ". ".join(sentences[:at]).rstrip(".")
        before = f"{head}. " if head else ""
        told = f"{lie[0].upper()}{lie[1:]}."
        after = ". ".join(sentences[at:])
        start = len(before)
        return Injected(f"{before}{told} {after}".strip(), start, start + len(told), kind)
    joint = "; " if draw < 0.7 else (", and " if draw < 0.85 else ", while ")
    head = ". ".join(sentences[: at + 1]).rstrip(".")
    rest = ". ".join(sentences[at + 1 :])
    start = len(head) + len(joint)
    whole = f"{head}{joint}{lie}." + (f" {rest}" if rest else "")
    return Injected(whole, start, start + len(lie), kind)
