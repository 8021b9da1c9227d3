"""The signals of a tile from its stored arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.captions.classes import DYNAMIC_WORLD, WORLDCOVER
from geomeld_build.captions.signals.landcover import disagreement, dominance_of, fractions_of
from geomeld_build.captions.signals.layout import objects_of, parts_of, patchiness_of
from geomeld_build.captions.signals.record import (
    Canopy,
    DynamicWorld,
    Elevation,
    LandCover,
    Layout,
    Patch,
    Patchiness,
    Quantiles,
    Radar,
    Signals,
    Slope,
    Terrain,
    TerrainMethod,
    Water,
)
from geomeld_build.captions.signals.season import season_of
from geomeld_build.captions.signals.spectral import indices_of, radar_of
from geomeld_build.captions.signals.terrain import SIGHT, SMOOTH_CELLS, terrain_of
from geomeld_build.captions.signals.water import WATER_RULES, water_of
from geomeld_build.modalities import TILE_GRID, Modality, modality

__all__ = ["ROWS", "Place", "measure"]

ROWS = (
    "sentinel2",
    "sentinel1",
    "canopy_height",
    "esa_worldcover",
    "dynamic_world",
    "scl",
    "jrc_occurrence",
    "dem_context",
)
"""Rows of the table that signals are measured on; any may be missing."""
_CLEAR = (4, 5, 6, 7, 11)
"""Scene classes without cloud or shadow: vegetation, soil, water, unclassified, snow."""
_LEAST_VALID = 0.05
_WORTH_MENTIONING = 0.03

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """What the catalog says of a tile."""

    tile_id: str
    lon: float
    lat: float
    time: datetime


def measure(place: Place, arrays: Arrays) -> Signals:
    """Measure a tile.

    Args:
        place: which one, where and when.
        arrays: row name to ``(band, y, x)`` as stored; a row that is nodata throughout gives no signals.
    """
    cover = _label(arrays, "esa_worldcover")
    dynamic = _label(arrays, "dynamic_world")
    bands = _physical(arrays, "sentinel2")
    land = None if cover is None else _land(cover)
    return Signals(
        tile_id=place.tile_id,
        lat=place.lat,
        lon=place.lon,
        acquisition_date=place.time.date(),
        season=season_of(place.time.date(), place.lat),
        landcover=land,
        dynamic_world=None if dynamic is None else _dynamic(dynamic, land),
        layout=None if cover is None or land is None else _layout(cover, land),
        indices=None if bands is None else _indices(bands, _clear(arrays)),
        s1=_radar(arrays),
        terrain=_terrain(arrays),
        canopy_height_m=_canopy(arrays),
        water_analysis=_water(arrays, dynamic, bands),
    )


def _label(arrays: Arrays, name: str) -> NDArray[Any] | None:
    """The classes ``(y, x)`` of a row with hardly any class missing, else None."""
    if name not in arrays:
        return None
    label: NDArray[Any] = arrays[name][0]
    return label if float((label != modality(name).nodata).mean()) >= _LEAST_VALID else None


def _physical(arrays: Arrays, name: str) -> NDArray[np.float64] | None:
    """A row ``(band, y, x)`` in its unit with NaN at nodata; None where nothing is valid."""
    if name not in arrays:
        return None
    row, stored = modality(name), arrays[name]
    valid = stored != row.nodata
    if not valid.any():
        return None
    return np.where(valid, stored * row.scaling.scale + row.scaling.offset, np.nan)


def _land(cover: NDArray[Any]) -> LandCover:
    fractions, valid = fractions_of(cover, WORLDCOVER, int(modality("esa_worldcover").nodata))
    top, kind = dominance_of(fractions)
    return LandCover(valid_frac=valid, fractions=fractions, dominant=top, dominance=kind)


def _dynamic(label: NDArray[Any], land: LandCover | None) -> DynamicWorld:
    fractions, valid = fractions_of(label, DYNAMIC_WORLD, int(modality("dynamic_world").nodata))
    apart = None if land is None else disagreement(land.fractions, fractions)
    return DynamicWorld(valid_frac=valid, fractions=fractions, disagreement=apart)


def _layout(cover: NDArray[Any], land: LandCover) -> Layout:
    gsd = float(TILE_GRID.gsd_m)
    patchiness = {}
    for code, name in WORLDCOVER.items():
        if land.fractions[name] >= _WORTH_MENTIONING:
            density, largest = patchiness_of(cover, code, gsd)
            patchiness[name] = Patchiness(patches_per_km2=density, largest_share=largest)
    objects = tuple(Patch.model_validate(asdict(one)) for one in objects_of(cover, WORLDCOVER, gsd))
    return Layout(parts=parts_of(cover, WORLDCOVER), objects=objects, patchiness=patchiness)


def _clear(arrays: Arrays) -> NDArray[np.bool_]:
    """Pixels without cloud or shadow; all of them where the scene has no classes."""
    shape = TILE_GRID.size, TILE_GRID.size
    classes = _label(arrays, "scl")
    return np.ones(shape, dtype=bool) if classes is None else np.isin(classes, _CLEAR)


def _indices(bands: NDArray[np.float64], clear: NDArray[np.bool_]) -> dict[str, Quantiles] | None:
    named = dict(zip(modality("sentinel2").bands, bands, strict=True))
    found = {name: Quantiles.model_validate(asdict(spread)) for name, spread in indices_of(named, clear).items()}
    return found or None


def _radar(arrays: Arrays) -> dict[str, Radar] | None:
    decibel = _physical(arrays, "sentinel1")
    if decibel is None:
        return None
    found = radar_of(modality("sentinel1").bands, decibel)
    return {name: Radar.model_validate(asdict(spread)) for name, spread in found.items()}


def _terrain(arrays: Arrays) -> Terrain | None:
    if "dem_context" not in arrays:
        return None
    row: Modality = modality("dem_context")
    cell, tile = float(row.grid.gsd_m), float(TILE_GRID.size * TILE_GRID.gsd_m)
    found = terrain_of(arrays["dem_context"][0], int(row.nodata), cell, tile)
    if found is None:
        return None
    return Terrain(
        terrain_class=found.terrain_class,
        form_fractions=found.form_fractions,
        method=TerrainMethod(
            mode=SIGHT.mode,
            search_m=SIGHT.search * cell,
            skip_m=SIGHT.skip * cell,
            flat_deg=SIGHT.flat_deg,
            smooth_m=SMOOTH_CELLS * cell,
            dem_res_m=cell,
            halo_m=(row.grid.size * cell - tile) / 2,
        ),
        elevation_m=Elevation(min=found.lowest_m, mean=found.mean_m, max=found.highest_m),
        relief_m=found.relief_m,
        slope_deg=Slope(mean=found.slope_mean_deg, p90=found.slope_p90_deg),
        aspect_deg=found.aspect_deg,
        aspect_strength=found.aspect_strength,
    )


def _canopy(arrays: Arrays) -> Canopy | None:
    height = _physical(arrays, "canopy_height")
    if height is None:
        return None
    tall, deviation = (band[np.isfinite(band)] for band in height)
    if not tall.size or not deviation.size:
        return None
    p50, p95 = np.quantile(tall, [0.5, 0.95])
    return Canopy(mean=float(tall.mean()), p50=float(p50), p95=float(p95), sd_mean=float(deviation.mean()))


def _water(arrays: Arrays, dynamic: NDArray[Any] | None, bands: NDArray[np.float64] | None) -> Water | None:
    if "jrc_occurrence" not in arrays:
        return None
    stored = arrays["jrc_occurrence"][0]
    # Masked in the map = never under water; a tile beyond the map cannot be told from a dry one.
    occurrence = np.where(stored == modality("jrc_occurrence").nodata, 0, stored)
    ndwi = None
    if bands is not None:
        names = modality("sentinel2").bands
        green, near = bands[names.index("B3")], bands[names.index("B8")]
        with np.errstate(invalid="ignore", divide="ignore"):
            ndwi = np.where(green + near > 0, (green - near) / (green + near), np.nan)
    wet = None if dynamic is None else dynamic == 0
    return Water.model_validate({**asdict(water_of(wet, occurrence, ndwi)), "rule_version": WATER_RULES})
