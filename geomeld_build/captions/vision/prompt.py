"""What a model is told: the picture's scale, what was measured, and the rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from geomeld_build.captions.claims.model import Checked

__all__ = ["PROMPT_VERSION", "SYSTEM", "ask_text", "rewrite_text", "signals_block"]

PROMPT_VERSION = 1

SYSTEM = (
    "You describe satellite and aerial images in one short paragraph of plain English, for people who train models on "
    "them. You say what can be seen and what was measured, and nothing else. You never guess names, species, people or "
    "what something is used for."
)
_RULES = (
    "Write one description of 20 to 45 words. Mention only what is listed below or clearly visible. Name the dominant "
    "cover and where things lie. Give shares and heights only as listed, rounded. Do not list numbers one after "
    "another, do not speak of the measurements themselves, and write no introduction, title or markup."
)
_SMALLEST_SHARE = 0.03
_FEATURES = 8
_PATCHES = 4


def ask_text(signals: Mapping[str, Any], *, gsd_m: float, extent_m: float = 1280.0) -> str:
    """The user's part of the first request.

    Args:
        signals: the record, without what is withheld.
        gsd_m: metres a pixel of the picture's source.
        extent_m: side of the tile.
    """
    scale = (
        f"The image shows {extent_m:.0f} m by {extent_m:.0f} m of ground, north up, from pixels of {gsd_m:g} m: what "
        f"is smaller than about {2 * gsd_m:g} m cannot be seen in it."
    )
    return f"{scale}\n\n{_RULES}\n\nMeasured:\n{signals_block(signals)}"


def rewrite_text(text: str, wrong: Sequence[Checked]) -> str:
    """What is said when a description does not hold."""
    lines = []
    for one in wrong:
        words = one.claim.text
        lines.append(f'- "{words}": measured {one.verdict.observed}, expected {one.verdict.expected}')
    told = "\n".join(lines)
    return f"These statements of your description are wrong:\n{told}\n\nWrite it again without them:\n{text}"


def signals_block(signals: Mapping[str, Any]) -> str:
    """The signals as JSON that is short and rounded: a model repeats what it reads."""
    block: dict[str, Any] = {}
    for name, part in (
        ("land_cover_percent", _cover(signals.get("landcover"))),
        ("quadrants_percent", _quadrants(signals.get("layout"))),
        ("patches", _patches(signals.get("layout"))),
        ("water", _water(signals.get("water_analysis"))),
        ("terrain", _terrain(signals.get("terrain"))),
        ("canopy_height_m", _rounded(signals.get("canopy_height_m"), ("mean", "p95"))),
        ("greenness_ndvi", _ndvi(signals.get("indices"))),
        ("mapped_objects", _osm(signals.get("osm"))),
        ("place", {key: value for key, value in (signals.get("geo") or {}).items() if value}),
        ("season", signals.get("season")),
        ("month", _month(signals.get("acquisition_date"))),
    ):
        if part not in (None, {}, []):
            block[name] = part
    return json.dumps(block, indent=1, sort_keys=False)


def _cover(cover: Mapping[str, Any] | None) -> dict[str, int]:
    shares = sorted(((cover or {}).get("fractions") or {}).items(), key=lambda item: (-item[1], item[0]))
    return {name: round(100 * share) for name, share in shares if share >= _SMALLEST_SHARE}


def _quadrants(layout: Mapping[str, Any] | None) -> dict[str, dict[str, int]]:
    """The largest class of each part, with its percentage: the largest need not be most of it."""
    found = {}
    for place, shares in ((layout or {}).get("parts") or {}).items():
        if shares:
            top = max(shares, key=lambda name: shares[name])
            found[place] = {top: round(100 * shares[top])}
    return found


def _patches(layout: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    kept = ("name", "shape", "where", "width_m")
    found = []
    for one in ((layout or {}).get("objects") or ())[:_PATCHES]:
        patch = {key: one[key] for key in kept if one.get(key) is not None}
        if patch.get("shape") != "linear":
            patch.pop("width_m", None)
        found.append({key: round(value) if isinstance(value, float) else value for key, value in patch.items()})
    return found


def _water(water: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not water or water.get("status") == "disputed":
        return None
    return {"detected": water["detected"], "percent": round(float(water["percentage"]))}


def _terrain(terrain: Mapping[str, Any] | None) -> dict[str, Any]:
    if not terrain:
        return {}
    found: dict[str, Any] = {"landform": terrain.get("terrain_class")}
    if terrain.get("elevation_m"):
        found["elevation_m"] = {key: round(float(value)) for key, value in terrain["elevation_m"].items()}
    if terrain.get("slope_deg"):
        found["mean_slope_deg"] = round(float(terrain["slope_deg"]["mean"]))
    if terrain.get("relief_m") is not None:
        found["relief_m"] = round(float(terrain["relief_m"]))
    return found


def _rounded(part: Mapping[str, Any] | None, keys: Sequence[str]) -> dict[str, int]:
    return {key: round(float(part[key])) for key in keys if part and part.get(key) is not None}


def _ndvi(indices: Mapping[str, Any] | None) -> float | None:
    spread = (indices or {}).get("ndvi")
    return None if not spread else round(float(spread["p50"]), 2)


def _osm(osm: Mapping[str, Any] | None) -> list[str]:
    if not osm or osm.get("status") != "ok":
        return []
    groups = sorted(osm.get("surrounding") or (), key=lambda one: -one["count"])
    return [
        f"{one['count']} x {', '.join(f'{key}={value}' for key, value in one['tags'].items())}"
        for one in groups[:_FEATURES]
    ]


def _month(day: object) -> int | None:
    return int(str(day)[5:7]) if day else None
