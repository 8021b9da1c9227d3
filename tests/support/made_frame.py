"""A made-up frame that looks like a real one: keyed draws on the real map of biomes where the sample data has it.

Three pools: centroids spread evenly over biomes (``mmearth``), places in clusters (``skyscript``, mostly dropped), own
cells in the south (``own``); cells top up what the first lacks. Only the pictures and counts of a report need it:
tiles of different pools may overlap here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from geomeld_build.anchors.blocks import block_names, block_of
from geomeld_build.anchors.frame import DROPPED_SCHEMA, FRAME_SCHEMA
from geomeld_build.anchors.places import Places, places_of_cells, places_of_points, project, utm_zones
from geomeld_build.anchors.splits import SplitRule, split_of
from geomeld_build.draws import draw, pick, uniform
from geomeld_build.grid import CELL_M, make_tile_id
from tests.support.realdata import data_dir

RECIPE = "made-up-1"
SOUTH = ("Africa", "South America", "Asia")


@dataclass
class MadeFrame:
    """The tables and numbers that a report takes."""

    anchors: pa.Table
    reserves: pa.Table
    dropped: pa.Table
    quotas: dict[str, dict[str, int]]
    offered: dict[str, int]
    leakage: dict[str, Any] = field(default_factory=lambda: dict(LEAKAGE))
    recipe: dict[str, Any] = field(default_factory=lambda: dict(FRAME_RECIPE))


LEAKAGE = {
    "clean": True,
    "overlapping_pairs": {"val/train": 0, "test/train": 0, "test/val": 0},
    "examples": [],
    "nearest_train_m": {"val": {"quantiles": {"0.05": 2890.0, "0.5": 19044.1}, "share_within": {"5000": 0.065}}},
}
FRAME_RECIPE = {
    "recipe": RECIPE,
    "pools": [{"name": "mmearth", "allocation": "equal"}, {"name": "skyscript", "allocation": "as_found"}],
    "own": {"by": "continent-biome", "continents": list(SOUTH)},
    "split": {"train": 0.8, "val": 0.1, "test": 0.1, "block_km": 100.0},
}


@cache
def biome_map() -> NDArray[np.uint8]:
    """Biome numbers ``(1800, 3600)`` from the north-west, 0 at sea: the real ones, or bands of latitude on boxes."""
    path = data_dir() / "regions" / "biomes_dinerstein2017_0p1deg.tif"
    if path.is_file():
        import rasterio

        with rasterio.open(path) as raster:
            found = raster.read(1)
        found[found > 14] = 0
        return np.asarray(found)
    made = np.zeros((1800, 3600), np.uint8)
    rows, columns = np.mgrid[0:1800, 0:3600]
    for west, south, east, north in ((-110, -40, -45, 60), (-15, -30, 45, 60), (60, 0, 140, 65)):
        land = (columns / 10 - 180 > west) & (columns / 10 - 180 < east) & (90 - rows / 10 > south)
        land &= 90 - rows / 10 < north
        made[land] = (1 + (rows // 40 + columns // 300) % 14)[land]
    return made


def biome_at(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int8]:
    row = np.clip((90 - lat) * 10, 0, 1799).astype(int)
    column = ((lon + 180) * 10).astype(int) % 3600
    return biome_map()[row, column].astype(np.int8)


def continent_at(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.object_]:
    """Very roughly."""
    cases = {
        "North America": (lon < -30) & (lat > 12),
        "South America": (lon < -30),
        "Oceania": (lon > 110) & (lat < -10),
        "Africa": (lon < 50) & (lat < 35) & ~((lon > 35) & (lat > 12)),
        "Europe": (lon < 55) & (lat >= 35) & ~((lon > 27) & (lat < 41)),
    }
    return np.select(list(cases.values()), list(cases), "Asia").astype(object)


def points_of_biome(biome: int, count: int, purpose: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places in a biome, evenly over its area."""
    rows, columns = np.nonzero(biome_map() == biome)
    weight = np.cumsum(np.cos(np.radians(90 - (rows + 0.5) / 10)))
    keys = np.arange(count, dtype=np.uint64) + np.uint64(biome << 32)
    chosen = np.searchsorted(weight, uniform(RECIPE, purpose, keys) * weight[-1])
    lon = (columns[chosen] + uniform(RECIPE, f"{purpose} x", keys)) / 10 - 180
    lat = 90 - (rows[chosen] + uniform(RECIPE, f"{purpose} y", keys)) / 10
    return lon, lat


def cells_at(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Places:
    """The lattice cells of some places, each once."""
    epsg = utm_zones(lon, lat)
    xy = project(epsg, lon, lat) // CELL_M
    found = places_of_cells(epsg, xy[:, 0].astype(np.int64), xy[:, 1].astype(np.int64))
    return found.take(np.sort(np.unique(found.key, return_index=True)[1]))


def clusters(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places around some hundred cities, on land or not."""
    parts = [points_of_biome(biome, 40, "city") for biome in (1, 2, 4, 7, 8, 12, 13)]
    city_lon, city_lat = (np.concatenate(axis) for axis in zip(*parts, strict=True))
    keys = np.arange(count, dtype=np.uint64)
    chosen = (uniform(RECIPE, "which city", keys) ** 2 * len(city_lon)).astype(int)
    radius = 0.9 * np.sqrt(-2 * np.log(1 - uniform(RECIPE, "how far", keys)))
    angle = 2 * np.pi * uniform(RECIPE, "where to", keys)
    lat = np.clip(city_lat[chosen] + radius * np.sin(angle), -80, 80)
    return (city_lon[chosen] + radius * np.cos(angle) + 180) % 360 - 180, lat


def near_seam(places: Places) -> NDArray[np.bool_]:
    """Roughly: within 1.9 km of a multiple of 6 degrees."""
    degrees = np.abs((places.lon + 3) % 6 - 3)
    return np.asarray(degrees * 111.2 * np.cos(np.radians(places.lat)) < 1.9)


def table_of(places: Places, pool: str, strata: NDArray[np.object_] | None = None) -> pa.Table:
    """Rows of a frame."""
    n, biome = len(places), biome_at(places.lon, places.lat)
    years = 2018 + pick(RECIPE, "year", places.key, 4)
    months = years * 12 - 1970 * 12 + pick(RECIPE, "month", places.key, 12)
    when = months.astype("datetime64[M]").astype("datetime64[us]") + np.timedelta64(14, "D")
    ids = places.location_ids()
    stamps = when.tolist()
    columns: dict[str, Any] = {
        "location_id": ids,
        "tile_id": [make_tile_id(i, t, RECIPE) for i, t in zip(ids, stamps, strict=True)],
        **{name: getattr(places, name) for name in ("lon", "lat", "epsg", "left", "top")},
        "datetime": pa.array(when).cast(pa.timestamp("us", tz="UTC")),
        "pool": [pool] * n,
        "stratum": [f"biome-{b}" for b in biome.tolist()] if strata is None else strata,
        "geometry": shapely.to_wkb(shapely.points(places.lon, places.lat)),
        "src_id": [str(i) if pool in ("mmearth", "skyscript") else "" for i in range(n)],
        "biome": biome,
        "ecoregion": [""] * n,
        "continent": continent_at(places.lon, places.lat),
        "country": [""] * n,
        "block": block_names(block_of(places.lon, places.lat)),
        "split": split_of(places, SplitRule(RECIPE)),
        "date_rule": ["own" if pool in ("own", "topup") else "external"] * n,
        "rank": np.arange(n, dtype=np.int32),
        "overlaps": np.zeros(n, bool),
        "excluded_by": np.where(uniform(RECIPE, "excluded", places.key) < 0.01, "benchmark", "").astype(object),
        "seam": near_seam(places),
    }
    return pa.table([pa.array(columns[f.name], f.type) for f in FRAME_SCHEMA], schema=FRAME_SCHEMA)


def dropped_of(lon: NDArray[np.float64], lat: NDArray[np.float64], pool: str, reason: list[str]) -> pa.Table:
    columns: dict[str, Any] = {
        "pool": [pool] * len(lon),
        "src_id": [f"d{i}" for i in range(len(lon))],
        "lon": lon,
        "lat": lat,
        "biome": biome_at(lon, lat),
        "continent": continent_at(lon, lat),
        "reason": reason,
        "detail": [""] * len(lon),
    }
    return pa.table([pa.array(columns[f.name], f.type) for f in DROPPED_SCHEMA], schema=DROPPED_SCHEMA)


def made_frame(size: int = 20_000) -> MadeFrame:
    """A frame of about so many anchors."""
    quotas: dict[str, dict[str, int]] = {"mmearth": {}, "skyscript": {}, "own": {}}
    parts, dropped = [], []
    each = size * 12 // 25 // 14
    for biome in range(1, 15):
        name = f"biome-{biome}"
        lon, lat = points_of_biome(biome, 2 * each, "mmearth")
        # Small biomes are short of points, and cells take their place.
        found = {3: 0.7, 9: 0.85, 14: 0.5}.get(biome, 1.0)
        kept = int(each * found)
        parts.append(table_of(places_of_points(lon[:kept], lat[:kept]), "mmearth"))
        if kept < each:
            cells = cells_at(*points_of_biome(biome, 3 * each, "topup"))
            cells = cells.take(np.flatnonzero(biome_at(cells.lon, cells.lat) == biome)[: each - kept])
            parts.append(table_of(cells, "topup"))
        reasons = ["surplus" if kept == each and i % 3 else "overlap" for i in range(len(lon) - kept)]
        dropped.append(dropped_of(lon[kept:], lat[kept:], "mmearth", reasons))
        quotas["mmearth"][name] = each
    lon, lat = clusters(2 * size)
    land = biome_at(lon, lat) > 0
    take = np.flatnonzero(land)[: size * 7 // 25]
    parts.append(table_of(places_of_points(lon[take], lat[take]), "skyscript"))
    left = np.setdiff1d(np.arange(len(lon)), take)
    which = draw(RECIPE, "reason", left.astype(np.uint64)) % np.uint64(20)
    reason = np.select([~land[left], which == 0, which < 15], ["at_sea", "duplicate", "overlap"], "surplus")
    dropped.append(dropped_of(lon[left], lat[left], "skyscript", reason.tolist()))
    for name, count in _strata(parts[-1]).items():
        quotas["skyscript"][name] = count
    own, reserves = _own(size * 6 // 25)
    quotas["own"] = _strata(own)
    offered = {"mmearth": 14 * 2 * each, "skyscript": 2 * size}
    return MadeFrame(pa.concat_tables([*parts, own]), reserves, pa.concat_tables(dropped), quotas, offered)


def _own(count: int) -> tuple[pa.Table, pa.Table]:
    parts = [points_of_biome(biome, count // 3, "own") for biome in range(1, 15)]
    lon, lat = (np.concatenate(axis) for axis in zip(*parts, strict=True))
    places = cells_at(lon, lat)
    continent = continent_at(places.lon, places.lat)
    places = places.take(np.isin(continent, SOUTH) & (biome_at(places.lon, places.lat) > 0))
    places = places.take(np.argsort(draw(RECIPE, "own order", places.key), kind="stable"))
    biome, continent = biome_at(places.lon, places.lat), continent_at(places.lon, places.lat)
    strata = np.array([f"{c}/biome-{b}" for c, b in zip(continent, biome.tolist(), strict=True)], object)
    first, second = np.arange(count), np.arange(count, count + count // 10)
    return table_of(places.take(first), "own", strata[first]), table_of(places.take(second), "own", strata[second])


def _strata(table: pa.Table) -> dict[str, int]:
    return {item["values"]: item["counts"] for item in table.column("stratum").value_counts().to_pylist()}
