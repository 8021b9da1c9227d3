"""Where on Earth a place is: biomes, ecoregions, continents, countries, and the strata made of them."""

from geomeld_build.anchors.world.areas import CoarseCells, LayerArea, SampleArea, polygon_area, raster_area
from geomeld_build.anchors.world.biomes import BIOMES, Biome, BiomeLayer, biomes_from_pixels, biomes_from_table
from geomeld_build.anchors.world.classes import WorldColumns
from geomeld_build.anchors.world.countries import CONTINENTS, NEAREST_M, Countries, load_countries
from geomeld_build.anchors.world.files import RESOLVE_COLUMNS, RESOLVE_TABLE, cached_biomes, load_biomes
from geomeld_build.anchors.world.strata import Stratum, StratumKind
from geomeld_build.anchors.world.world import World

__all__ = [
    "BIOMES",
    "CONTINENTS",
    "NEAREST_M",
    "RESOLVE_COLUMNS",
    "RESOLVE_TABLE",
    "Biome",
    "BiomeLayer",
    "CoarseCells",
    "Countries",
    "LayerArea",
    "SampleArea",
    "Stratum",
    "StratumKind",
    "World",
    "WorldColumns",
    "biomes_from_pixels",
    "biomes_from_table",
    "cached_biomes",
    "load_biomes",
    "load_countries",
    "polygon_area",
    "raster_area",
]
