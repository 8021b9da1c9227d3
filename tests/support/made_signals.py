"""Signals of tiles that never were: shares, places, heights and features that fit together, drawn from a seed."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

from geomeld_build.captions.claims.lexicon.places import BIOMES
from geomeld_build.captions.classes import LAND_CLASSES
from geomeld_build.captions.signals.season import season_of

__all__ = ["made_signals"]

_COUNTRIES = (
    ("Kenya", "Africa"), ("Brazil", "South America"), ("Germany", "Europe"), ("India", "Asia"),
    ("Canada", "North America"),
    ("Australia", "Oceania"), ("Norway", "Europe"), ("Chile", "South America"), ("Mongolia", "Asia"),
    ("Ghana", "Africa"),
)  # fmt: skip
_FEATURES = (
    ({"highway": "tertiary"}, 6), ({"highway": "primary"}, 2), ({"railway": "rail"}, 2), ({"waterway": "canal"}, 3),
    ({"landuse": "quarry"}, 1), ({"man_made": "silo"}, 4), ({"landuse": "vineyard"}, 5), ({"power": "substation"}, 1),
)  # fmt: skip


def made_signals(number: int) -> dict[str, Any]:
    """The record of a made-up tile."""
    rng = Random(1000 + number)
    lat = rng.uniform(-55, 65)
    day = date(2019, 1, 1) + timedelta(days=rng.randrange(900))
    cover, parts = _cover(rng)
    country, continent = rng.choice(_COUNTRIES)
    biome = rng.choice([names[0] for names in BIOMES.values() if len(names) == 1 and names[0] != "Mangroves"])
    return {
        "tile_id": f"made-{number}",
        "lat": lat,
        "lon": rng.uniform(-180, 180),
        "acquisition_date": day.isoformat(),
        "season": season_of(day, lat),
        "landcover": {"fractions": cover, "valid_frac": 1.0},
        "dynamic_world": {"fractions": _second(rng, cover), "disagreement": 0.1},
        "layout": {"parts": parts, "objects": _water_objects(rng, cover), "patchiness": _patchiness(rng, cover)},
        "indices": {"ndvi": {"p10": 0.1, "p50": rng.uniform(0.05, 0.85), "p90": 0.9}},
        "terrain": _terrain(rng),
        "canopy_height_m": _canopy(rng, cover),
        "water_analysis": _water(cover),
        "osm": _osm(rng),
        "geo": {"country": country, "continent": continent, "biome": biome},
    }


def _cover(rng: Random) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Shares by quadrant, and their mean."""
    names = rng.sample(LAND_CLASSES, rng.randint(2, 5))
    weights = {name: rng.random() ** 2 for name in names}
    quadrants = {}
    for place in ("NW", "NE", "SW", "SE"):
        drawn = {name: weight * rng.random() ** 1.5 + 1e-6 for name, weight in weights.items()}
        total = sum(drawn.values())
        quadrants[place] = {name: share / total for name, share in drawn.items()}
    mean = {name: sum(part[name] for part in quadrants.values()) / 4 for name in names}
    return mean, {**quadrants, "centre": dict(mean)}


def _second(rng: Random, cover: dict[str, float]) -> dict[str, float]:
    kept = {name: share * rng.uniform(0.9, 1.1) for name, share in cover.items() if name not in {"mangrove", "moss"}}
    total = sum(kept.values()) or 1.0
    return {name: share / total for name, share in kept.items()}


def _water_objects(rng: Random, cover: dict[str, float]) -> list[dict[str, Any]]:
    share = cover.get("water", 0.0)
    if share < 0.005:
        return []
    linear = share < 0.12 and rng.random() < 0.5
    where = rng.choice(["NW", "N", "NE", "W", "centre", "E", "SW", "S", "SE"])
    return [
        {
            "name": "water",
            "frac": share,
            "shape": "linear" if linear else "patch",
            "where": where,
            "orientation_deg": rng.uniform(0, 180),
            "width_m": max(20.0, 1280 * share),
            "edges": ["N", "S"] if linear else [],
        }
    ]


def _patchiness(rng: Random, cover: dict[str, float]) -> dict[str, dict[str, float]]:
    return {
        name: {"patches_per_km2": rng.uniform(0.6, 30), "largest_share": rng.uniform(0.1, 1.0)}
        for name, share in cover.items()
        if share >= 0.03
    }


def _terrain(rng: Random) -> dict[str, Any]:
    flat = rng.random() < 0.4
    relief = rng.uniform(3, 14) if flat else rng.uniform(16, 900)
    slope = rng.uniform(0.3, 2.5) if flat else min(40.0, 1.5 + relief / 22)
    low = rng.uniform(5, 3000)
    forms = {name: rng.random() for name in ("Ridge", "Spur", "Slope", "Hollow", "Valley", "Footslope")}
    total = sum(forms.values())
    return {
        "terrain_class": "Flat" if flat else rng.choice(["Slope", "Valley", "Ridge"]),
        "form_fractions": {"Flat": 1.0} if flat else {name: share / total for name, share in forms.items()},
        "elevation_m": {"min": low, "mean": low + 0.5 * relief, "max": low + 1.1 * relief},
        "relief_m": relief,
        "slope_deg": {"mean": slope, "p90": 1.9 * slope},
        "aspect_deg": rng.uniform(0, 360),
        "aspect_strength": rng.random(),
    }


def _canopy(rng: Random, cover: dict[str, float]) -> dict[str, float]:
    top = rng.uniform(6, 38) if cover.get("tree", 0.0) > 0.02 else 1.0
    return {"mean": 0.6 * top, "p50": 0.6 * top, "p95": top, "sd_mean": 3.0}


def _water(cover: dict[str, float]) -> dict[str, Any]:
    share = cover.get("water", 0.0)
    known = share >= 0.005
    return {"detected": known, "percentage": 100 * share if known else 0.0, "status": "consensus" if known else "none"}


def _osm(rng: Random) -> dict[str, Any]:
    if rng.random() < 0.3:
        return {"status": "unavailable"}
    around = [{"tags": tags, "count": rng.randint(1, most)} for tags, most in _FEATURES if rng.random() < 0.35]
    around.append({"tags": {"highway": "track"}, "count": rng.randint(5, 9)})
    return {"status": "ok", "centre": [], "surrounding": around, "area": [], "names": ["Woodford Lake"]}
