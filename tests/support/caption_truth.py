"""Captions of the simulated planet against what is really in its tiles: ``geomeld-build planet`` writes the facts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geomeld_build.captions.agents.record import CaptionRecord
from geomeld_build.captions.claims.facts import Facts, facts_of
from geomeld_build.captions.claims.verify import check_text
from geomeld_build.captions.classes import WORLDCOVER

__all__ = ["COVER", "GROUND", "TruthRates", "read_truth", "truth_rates"]

GROUND = ("terrain", "slope", "elevation", "relief", "aspect", "geo", "biome", "season", "date")
"""Claims that stand on elevation, place and time."""
COVER = ("landcover_presence", "landcover_fraction", "landcover_dominance", "landcover_compare", "water")
"""Claims that stand on maps."""


@dataclass
class TruthRates:
    """Supported claims by type: how many the truth bears out."""

    told: Counter[str] = field(default_factory=Counter)
    true: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, str, str, Any]] = field(default_factory=list)
    """Tile, type, words and what is true."""

    def rate(self, kinds: Iterable[str]) -> float:
        """Share that holds of the claims of some types."""
        kinds = list(kinds)
        return sum(self.true[kind] for kind in kinds) / max(1, sum(self.told[kind] for kind in kinds))


def read_truth(path: Path) -> dict[str, dict[str, Any]]:
    """The facts by tile."""
    return {one["tile_id"]: one for one in map(json.loads, path.read_text(encoding="utf-8").splitlines())}


def _record(truth: Mapping[str, Any], day: str) -> dict[str, Any]:
    """Facts in the form of signals: land cover by the class of every 10 m, as the maps are.

    There is no true landform: such claims are not counted.
    """
    terrain, water, canopy, geo = (truth[key] for key in ("terrain", "water", "canopy", "geography"))
    now = 100 * water["now"]
    return {
        "tile_id": truth["tile_id"],
        "lat": geo["lat"],
        "acquisition_date": day,
        "season": geo["season"],
        "landcover": {"fractions": {WORLDCOVER[int(code)]: share for code, share in truth["classes"].items()}},
        "terrain": {
            "elevation_m": {"min": terrain["lowest_m"], "mean": terrain["mean_m"], "max": terrain["highest_m"]},
            "relief_m": terrain["relief_m"],
            "slope_deg": {"mean": terrain["slope_mean_deg"], "p90": terrain["slope_p90_deg"]},
            "aspect_deg": terrain["aspect_deg"],
            "aspect_strength": terrain["aspect_strength"],
        },
        "canopy_height_m": {"mean": canopy["mean_m"], "p95": canopy["p95_m"]} if canopy["share"] else None,
        "water_analysis": {"detected": now >= 0.5, "percentage": now, "status": _water_status(now)},
        "geo": {key: geo[key] for key in ("country", "continent", "biome", "realm", "ecoregion")},
    }


def _water_status(percent: float) -> str:
    """Ground with a little less water than signals ask for neither has water nor lacks it."""
    return "consensus" if percent >= 0.5 else ("disputed" if percent >= 0.1 else "none")


def truth_rates(records: Iterable[CaptionRecord], truth: Mapping[str, Any], days: Mapping[str, str]) -> TruthRates:
    """Judge the claims of captions, all of which hold by the signals, by the truth.

    Args:
        records: captions.
        truth: by tile, of ``read_truth``.
        days: date of the image by tile.
    """
    found = TruthRates()
    for record in records:
        if record.caption is None:
            continue
        facts: Facts = facts_of(_record(truth[record.tile_id], days[record.tile_id]))
        for one in check_text(record.caption, facts):
            if one.label == "unverifiable":
                continue
            kind = one.claim.type
            found.told[kind] += 1
            found.true[kind] += one.label == "supported"
            if one.label == "contradicted":
                found.wrong.append((record.tile_id, kind, one.claim.text, one.verdict.observed))
    return found
