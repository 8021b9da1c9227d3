"""Which tags of OpenStreetMap count: what can be seen from space, what gives context, and what captions speak of."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["KEYS", "NAME_KEYS", "is_area", "kept_tags"]

_ANY = frozenset({"*"})


def _values(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VOCABULARY: dict[str, frozenset[str]] = {
    "highway": _values(
        "motorway trunk primary secondary tertiary unclassified residential living_street service track path footway "
        "motorway_link trunk_link primary_link secondary_link tertiary_link"
    ),
    "railway": _values("rail light_rail subway tram narrow_gauge"),
    "waterway": _values("river canal dam weir stream"),
    "natural": _values(
        "water wetland beach glacier bay coastline peak cliff wood scrub heath grassland bare_rock sand"
    ),
    "water": _ANY,
    "wetland": _ANY,
    "landuse": _values(
        "residential industrial commercial retail farmland farmyard orchard vineyard forest meadow quarry landfill "
        "greenhouse_horticulture aquaculture salt_pond military cemetery port reservoir"
    ),
    "leisure": _values("golf_course stadium park marina nature_reserve pitch"),
    "power": _values("plant generator substation line tower"),
    "plant:source": _ANY,
    "generator:source": _ANY,
    "man_made": _values(
        "storage_tank silo works wastewater_plant water_works pier quay lighthouse water_tower mast tower chimney "
        "bridge mineshaft"
    ),
    "industrial": _values("mine port"),
    "aeroway": _values("aerodrome runway helipad"),
    "place": _values("city town suburb village hamlet"),
    "boundary": _values("protected_area national_park"),
    "amenity": _values("place_of_worship school hospital university parking grave_yard"),
    "harbour": _ANY,
    "military": _ANY,
    "bridge": _values("yes viaduct"),
    "building": _ANY,
}
"""Key to the values that are kept; ``*`` is any. Everything else is dropped."""
KEYS = tuple(_VOCABULARY)
NAME_KEYS = ("name", "name:en", "int_name", "official_name", "alt_name")
"""Tags with proper names."""
_BUILDINGS = _values("church farm barn farm_auxiliary warehouse industrial factory hangar greenhouse school")
"""Kinds of buildings that are told apart; all others are ``yes``."""
_DETAILS = ("water", "wetland", "plant:source", "generator:source", "bridge", "industrial")
"""Keys that say more of a feature and make none by themselves."""
_LINES = ("highway", "railway", "waterway", "power", "bridge")
"""Keys whose closed ways are lines that end where they began, such as roundabouts."""
_AREAS_OF_LINES = {"waterway": _values("dam"), "power": _values("plant substation generator")}
_NO = _values("no proposed abandoned disused razed demolished")


def kept_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that count, in the order of the vocabulary; none where the feature itself does not count.

    Args:
        tags: of a node, way or area.
    """
    kept = {}
    for key, values in _VOCABULARY.items():
        value = tags.get(key)
        if value is None or value in _NO:
            continue
        if key == "building":
            kept[key] = value if value in _BUILDINGS else "yes"
        elif values is _ANY or value in values:
            kept[key] = value.removesuffix("_link") if key == "highway" else value
    return kept if any(key not in _DETAILS for key in kept) else {}


def is_area(tags: Mapping[str, str]) -> bool:
    """Whether a closed way with these tags is a surface, by the habits of mappers."""
    if tags.get("area") in {"yes", "no"}:
        return tags["area"] == "yes"
    kept = [key for key in kept_tags(tags) if key not in _DETAILS]
    return any(
        (key not in _LINES or tags[key] in _AREAS_OF_LINES.get(key, frozenset()))
        and not (key == "natural" and tags[key] in {"coastline", "cliff"})
        and not (key == "man_made" and tags[key] == "bridge")
        for key in kept
    )
