"""What is known of a tile, in one shape, from the records of this package or from anybody's.

Records differ: ``indices.ndvi.p50`` here, ``indices.ndvi_median`` in the published format; shares by quadrant here, the
largest class of each there. What a record lacks is None or empty, and nothing can be said for or against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from geomeld_build.captions.classes import LAND_CLASSES
from geomeld_build.captions.signals.season import season_of
from geomeld_build.errors import ConfigError

__all__ = ["QUADRANTS", "Facts", "Feature", "PatchFact", "facts_of"]

QUADRANTS = ("NW", "NE", "SW", "SE")
_DYNAMIC = {
    "trees": "tree",
    "crops": "crop",
    "shrub_and_scrub": "shrub",
    "flooded_vegetation": "wetland",
    "snow_and_ice": "snow",
}
"""Published names of Dynamic World's classes that differ from ours."""
_COMPASS = {"N-S": 0.0, "NE-SW": 45.0, "SW-NE": 45.0, "E-W": 90.0, "NW-SE": 135.0, "SE-NW": 135.0}

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PatchFact:
    """A connected patch."""

    name: str
    where: str | None
    linear: bool
    direction_deg: float | None
    width_m: float | None
    count: int
    frac: float | None


@dataclass(frozen=True, slots=True)
class Feature:
    """OpenStreetMap features of equal tags."""

    tags: Mapping[str, str]
    count: int
    level: str
    """``centre``, ``surrounding`` or ``area``."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that claims are checked against."""

    cover: Mapping[str, float] | None = None
    """Shares by WorldCover."""
    cover_valid: float = 1.0
    dynamic: Mapping[str, float] | None = None
    """Shares by Dynamic World, in the same names."""
    disagreement: float | None = None
    parts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Shares by quadrant and in the ``centre``."""
    tops: Mapping[str, str] = field(default_factory=dict)
    """The largest class of each quadrant, where shares are not known."""
    patches: tuple[PatchFact, ...] = ()
    patchiness: Mapping[str, Record] = field(default_factory=dict)
    """Patches a square kilometre and the share of the largest, by class."""
    water: Record | None = None
    landform: str | None = None
    forms: Mapping[str, float] | None = None
    elevation: Record | None = None
    relief_m: float | None = None
    slope: Record | None = None
    aspect_deg: float | None = None
    aspect_strength: float | None = None
    canopy: Record | None = None
    ndvi: float | None = None
    osm_status: str = "unavailable"
    osm_complete: bool = False
    features: tuple[Feature, ...] = ()
    names: tuple[str, ...] = ()
    """Proper names around: masked before words are looked for."""
    geo: Mapping[str, str] = field(default_factory=dict)
    biomes_near: tuple[str, ...] = ()
    """Biomes that begin not far from here: neither wrong nor right."""
    season: str | None = None
    day: date | None = None
    lat: float | None = None

    def share(self, names: Sequence[str]) -> float | None:
        """What these classes hold together by WorldCover; None where it says nothing."""
        if self.cover is None:
            return None
        return sum(self.cover.get(name, 0.0) for name in names)

    def dynamic_share(self, names: Sequence[str]) -> float | None:
        """The same by Dynamic World, whose mangroves are trees or flooded vegetation and whose moss is bare."""
        if self.dynamic is None:
            return None
        return sum(self.dynamic.get(name, 0.0) for name in names)


def facts_of(record: Record) -> Facts:
    """Read a record of signals: ours as JSON, or the published format.

    Raises:
        ConfigError: a value is not of the kind that its name says.
    """
    try:
        return _facts(record)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"signals of {record.get('tile_id', 'a record')!r} cannot be read: {error!r}") from error


def _facts(record: Record) -> Facts:
    cover, dynamic = record.get("landcover"), record.get("dynamic_world")
    terrain, layout = record.get("terrain") or {}, record.get("layout") or {}
    osm = record.get("osm") or {}
    day = date.fromisoformat(str(record["acquisition_date"])[:10]) if record.get("acquisition_date") else None
    lat = None if record.get("lat") is None else float(record["lat"])
    return Facts(
        cover=None if not cover else _fractions(cover["fractions"]),
        cover_valid=1.0 if not cover else float(cover.get("valid_frac", 1.0)),
        dynamic=None if not dynamic else _fractions(dynamic["fractions"]),
        disagreement=None if not dynamic else dynamic.get("disagreement"),
        parts=layout.get("parts") or {},
        tops={place: part["top"] for place, part in (layout.get("quadrants") or {}).items() if part.get("top")},
        patches=tuple(_patch(one) for one in layout.get("objects") or ()),
        patchiness=layout.get("patchiness") or {},
        water=record.get("water_analysis"),
        landform=terrain.get("terrain_class"),
        forms=terrain.get("form_fractions"),
        elevation=terrain.get("elevation_m"),
        relief_m=terrain.get("relief_m"),
        slope=terrain.get("slope_deg"),
        aspect_deg=terrain.get("aspect_deg"),
        aspect_strength=terrain.get("aspect_strength"),
        canopy=record.get("canopy_height_m"),
        ndvi=_ndvi(record.get("indices") or {}),
        osm_status=osm.get("status", "unavailable"),
        osm_complete=bool(osm.get("complete", False)),
        features=tuple(_features(osm)),
        names=tuple(osm.get("names") or ()),
        geo={key: value for key, value in (record.get("geo") or {}).items() if value and isinstance(value, str)},
        biomes_near=tuple((record.get("geo") or {}).get("biomes_near") or ()),
        season=record.get("season") or (season_of(day, lat) if day is not None and lat is not None else None),
        day=day,
        lat=lat,
    )


def _fractions(given: Record) -> dict[str, float]:
    found = {_DYNAMIC.get(name, name): float(value) for name, value in given.items()}
    unknown = sorted(set(found) - set(LAND_CLASSES))
    if unknown:
        raise ValueError(f"classes {unknown} are unknown; known are {', '.join(LAND_CLASSES)}")
    return found


def _patch(one: Record) -> PatchFact:
    direction = one.get("orientation_deg", one.get("orientation"))
    if isinstance(direction, str):
        direction = _COMPASS.get(direction)
    return PatchFact(
        name=one.get("name") or one["class"],
        where=one.get("where"),
        linear=one.get("shape") == "linear",
        direction_deg=direction,
        width_m=one.get("width_m"),
        count=int(one.get("count", 1)),
        frac=one.get("frac"),
    )


def _ndvi(indices: Record) -> float | None:
    if "ndvi_median" in indices:
        return indices["ndvi_median"]  # type: ignore[no-any-return]
    spread = indices.get("ndvi")
    return None if spread is None else float(spread["p50"])


def _features(osm: Record) -> list[Feature]:
    found = [Feature(dict(tags), 1, "centre") for tags in osm.get("centre") or ()]
    found += [Feature(one["tags"], int(one.get("count", 1)), "surrounding") for one in osm.get("surrounding") or ()]
    return found + [Feature(one.get("tags", one), 1, "area") for one in osm.get("area") or ()]
