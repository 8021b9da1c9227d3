"""The record of a tile's signals: what is written to ``tables/signals``, and what captions are checked against."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from geomeld_build.captions.signals.landcover import Dominance
from geomeld_build.captions.signals.season import Season
from geomeld_build.captions.signals.water import WaterStatus

__all__ = [
    "SIGNALS_VERSION",
    "Canopy",
    "DynamicWorld",
    "Elevation",
    "Geo",
    "LandCover",
    "Layout",
    "MappedGroup",
    "Osm",
    "Patch",
    "Patchiness",
    "Provenance",
    "Quantiles",
    "Radar",
    "Signals",
    "Slope",
    "Terrain",
    "TerrainMethod",
    "Water",
]

SIGNALS_VERSION = 2
"""Version of what the signals mean. Raised whenever one is measured in another way."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class LandCover(_Model):
    """Land cover by ESA WorldCover."""

    source: str = Field("ESA_WorldCover", description="The map.")
    valid_frac: float = Field(description="Share of the tile's pixels that the map has a class for, 0..1.")
    fractions: dict[str, float] = Field(description="Share of each class among those pixels, 0..1.")
    dominant: str = Field(description="The class with the largest share.")
    dominance: Dominance = Field(description="Whether it stands alone.")


class DynamicWorld(_Model):
    """Land cover by Dynamic World at the time of the image."""

    valid_frac: float = Field(description="Share of the tile's pixels that the map has a class for, 0..1.")
    fractions: dict[str, float] = Field(description="Share of each class among those pixels, 0..1.")
    disagreement: float | None = Field(description="How far the two maps differ, 0..1; null without WorldCover.")


class Patch(_Model):
    """A connected patch of one class of at least 0.4 ha."""

    name: str = Field(description="The class.")
    frac: float = Field(description="Share of the tile, 0..1.")
    shape: Literal["linear", "patch"] = Field(description="Linear: long, narrow and from edge to edge.")
    where: str = Field(description="One of nine places that its middle lies in.")
    orientation_deg: float = Field(description="Direction of its longer axis, degrees from north, 0..180.")
    elongation: float = Field(description="Ratio of its axes.")
    width_m: float = Field(description="Area over length, m.")
    edges: tuple[str, ...] = Field(description="Edges of the tile that it reaches.")


class Patchiness(_Model):
    """How broken up a class is."""

    patches_per_km2: float = Field(description="Connected patches per square kilometre of the tile.")
    largest_share: float = Field(description="Share of the largest patch in the class, 0..1.")


class Layout(_Model):
    """Where classes lie."""

    parts: dict[str, dict[str, float]] = Field(description="Shares by quadrant and in the middle ninth.")
    objects: tuple[Patch, ...] = Field(description="Patches, the largest first.")
    patchiness: dict[str, Patchiness] = Field(description="By class, those above 3 % of the tile.")


class Quantiles(_Model):
    """A distribution over clear pixels."""

    p10: float = Field(description="10th percentile.")
    p50: float = Field(description="Median.")
    p90: float = Field(description="90th percentile.")


class Radar(Quantiles):
    """A distribution of backscatter in dB."""

    valid: float = Field(description="Share of valid pixels, 0..1.")


class Elevation(_Model):
    """Metres above the sea."""

    min: float = Field(description="Lowest.")
    mean: float = Field(description="Mean.")
    max: float = Field(description="Highest.")


class Slope(_Model):
    """Degrees."""

    mean: float = Field(description="Mean.")
    p90: float = Field(description="90th percentile.")


class TerrainMethod(_Model):
    """How landforms were told."""

    mode: str = Field(description="Rule for a direction.")
    search_m: float = Field(description="How far one looks, m.")
    skip_m: float = Field(description="What is overlooked around the place, m.")
    flat_deg: float = Field(description="Angles up to this are level.")
    smooth_m: float = Field(description="Deviation of the Gaussian filter before, m.")
    dem_res_m: float = Field(description="Cells of the elevation, m.")
    halo_m: float = Field(description="Surroundings of the tile that were looked at, m.")


class Terrain(_Model):
    """The shape of the ground."""

    terrain_class: str = Field(description="One of the ten landforms of geomorphons, e.g. Flat.")
    form_fractions: dict[str, float] = Field(description="Share of each landform, 0..1.")
    method: TerrainMethod = Field(description="How landforms were told.")
    elevation_m: Elevation = Field(description="Elevation.")
    relief_m: float = Field(description="95th less 5th percentile of the smoothed elevation, m.")
    slope_deg: Slope = Field(description="Slope of the smoothed elevation.")
    aspect_deg: float = Field(description="Direction that slopes face, degrees from north.")
    aspect_strength: float = Field(description="0 = they face everywhere alike, 1 = all face one way.")


class Canopy(_Model):
    """Height of the canopy in m over the pixels that have an estimate."""

    mean: float = Field(description="Mean.")
    p50: float = Field(description="Median.")
    p95: float = Field(description="95th percentile.")
    sd_mean: float = Field(description="Mean of the map's own standard deviation.")


class Water(_Model):
    """Water by consensus of two maps; shares in percent of the tile."""

    detected: bool = Field(description="Whether there is water.")
    percentage: float = Field(description="How much.")
    dw_pct: float = Field(description="By Dynamic World at the time.")
    jrc_pct: float = Field(description="Under water a quarter of the time and more, by JRC Global Surface Water.")
    jrc_any_pct: float = Field(description="Ever under water.")
    jrc_occurrence_p50: float | None = Field(description="Median percent of the time that this water is there.")
    status: WaterStatus = Field(description="How the maps agree.")
    rule_version: int = Field(description="Version of the rules.")


class MappedGroup(_Model):
    """Features of equal tags in the tile."""

    tags: dict[str, str] = Field(description="Tags of docs/captions.md's vocabulary.")
    count: int = Field(description="How many.")
    length_m: float = Field(description="Of lines, within the tile, m.")
    area_m2: float = Field(description="Of surfaces, within the tile, m2.")
    bearing: str | None = Field(description="Octant of the nearest from the middle; null where it is there.")
    dist_m: float = Field(description="Distance of the nearest from the middle, m.")


class Osm(_Model):
    """What OpenStreetMap has of the tile."""

    status: Literal["ok", "empty", "unavailable"] = Field(
        description="Something is mapped; nothing is; no extract covers the tile."
    )
    snapshot_date: date | None = Field(None, description="Day of the extract.")
    complete: bool = Field(False, description="Whether the region is known to be mapped completely.")
    centre: tuple[dict[str, str], ...] = Field((), description="Tags of what lies at the middle.")
    surrounding: tuple[MappedGroup, ...] = Field((), description="What lies in the tile, the nearest first.")
    area: tuple[dict[str, str], ...] = Field((), description="Tags of what the tile lies in, the smallest first.")
    names: tuple[str, ...] = Field((), description="Proper names of all of it.")


class Geo(_Model):
    """Where in the world the tile lies. What is not known is null."""

    country: str | None = Field(None, description="Country.")
    continent: str | None = Field(None, description="Continent.")
    admin1: str | None = Field(None, description="State or province.")
    biome: str | None = Field(None, description="One of the 14 biomes of RESOLVE Ecoregions 2017.")
    realm: str | None = Field(None, description="Realm of RESOLVE.")
    ecoregion: str | None = Field(None, description="Ecoregion of RESOLVE.")
    biomes_near: tuple[str, ...] = Field((), description="Other biomes within 10 km.")


class Provenance(_Model):
    """What the signals of the surroundings come from."""

    osm: tuple[str, ...] = Field((), description="Names of the extracts.")
    layers: dict[str, str | None] = Field(default_factory=dict, description="Names of the files of polygons.")


class Signals(_Model):
    """All that is measured of one tile. What a tile lacks is null: nothing may be said of it."""

    schema_version: int = Field(SIGNALS_VERSION, description="Version of the signals.")
    tile_id: str = Field(description="The tile.")
    lat: float = Field(description="Latitude of its middle, degrees.")
    lon: float = Field(description="Longitude of its middle, degrees.")
    acquisition_date: date = Field(description="UTC day of the Sentinel-2 image.")
    season: Season = Field(description="Of that day there.")
    landcover: LandCover | None = Field(description="ESA WorldCover.")
    dynamic_world: DynamicWorld | None = Field(description="Dynamic World.")
    layout: Layout | None = Field(description="Where classes lie, by WorldCover.")
    indices: dict[str, Quantiles] | None = Field(description="Six indices of the Sentinel-2 image.")
    s1: dict[str, Radar] | None = Field(description="Backscatter by band.")
    terrain: Terrain | None = Field(description="The shape of the ground.")
    canopy_height_m: Canopy | None = Field(description="Height of the canopy.")
    water_analysis: Water | None = Field(description="Whether there is water.")
    osm: Osm | None = Field(None, description="OpenStreetMap.")
    geo: Geo | None = Field(None, description="Geography.")
    provenance: Provenance | None = Field(None, description="Of geography and OpenStreetMap.")
