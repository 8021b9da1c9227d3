"""Words for places in the tile, seasons, months and biomes."""

from __future__ import annotations

from geomeld_build.captions.claims.lexicon.entries import Entry, entries
from geomeld_build.captions.claims.text import word_set

__all__ = ["BIOMES", "MONTHS", "PLACE_WORDS", "SCENE", "biome_key"]

SCENE = word_set("""
    tile scene area frame image view landscape picture patch square site extent surface ground region terrain whole
    territory window land pixels footprint place here
""")
"""What the tile itself is called."""

MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]

_DIRECTIONS = {
    "N": "north northern northward~ northerly",
    "NE": "north_east northeast north_eastern northeastern",
    "E": "east eastern eastward~ easterly",
    "SE": "south_east southeast south_eastern southeastern",
    "S": "south southern southward~ southerly",
    "SW": "south_west southwest south_western southwestern",
    "W": "west western westward~ westerly",
    "NW": "north_west northwest north_western northwestern",
    "centre": "centre center middle heart core central",
    "N ": "top upper",
    "S ": "bottom lower",
    "NW ": "top_left upper_left",
    "NE ": "top_right upper_right",
    "SW ": "bottom_left lower_left",
    "SE ": "bottom_right lower_right",
    "edge": "edge~ margin~ border~ fringe~ periphery corner~ rim~",
    "throughout": "throughout everywhere all_over all_across",
}

BIOMES: dict[str, tuple[str, ...]] = {
    "tropical moist forest": ("Tropical & Subtropical Moist Broadleaf Forests",),
    "tropical dry forest": ("Tropical & Subtropical Dry Broadleaf Forests",),
    "tropical conifer": ("Tropical & Subtropical Coniferous Forests",),
    "temperate broadleaf": ("Temperate Broadleaf & Mixed Forests",),
    "temperate conifer": ("Temperate Conifer Forests",),
    "boreal": ("Boreal Forests/Taiga",),
    "savanna": ("Tropical & Subtropical Grasslands, Savannas & Shrublands",),
    "temperate grassland": ("Temperate Grasslands, Savannas & Shrublands",),
    "flooded": ("Flooded Grasslands & Savannas",),
    "montane": ("Montane Grasslands & Shrublands",),
    "tundra": ("Tundra",),
    "mediterranean": ("Mediterranean Forests, Woodlands & Scrub",),
    "desert": ("Deserts & Xeric Shrublands",),
    "mangrove biome": ("Mangroves",),
    "tropical": (
        "Tropical & Subtropical Moist Broadleaf Forests",
        "Tropical & Subtropical Dry Broadleaf Forests",
        "Tropical & Subtropical Coniferous Forests",
        "Tropical & Subtropical Grasslands, Savannas & Shrublands",
        "Flooded Grasslands & Savannas",
        "Mangroves",
    ),
    "temperate": (
        "Temperate Broadleaf & Mixed Forests",
        "Temperate Conifer Forests",
        "Temperate Grasslands, Savannas & Shrublands",
        "Mediterranean Forests, Woodlands & Scrub",
    ),
    "arctic": ("Tundra", "Boreal Forests/Taiga", "Rock and Ice"),
}
"""What biomes are called, and which of RESOLVE's they may be."""

_BIOME_WORDS = {
    "tropical moist forest": "tropical_and_subtropical_moist_broadleaf_forests tropical_moist_forest~ "
    "tropical_rainforest~ moist_broadleaf_forest~ moist_tropical_forest~ humid_tropics rainforest_biome "
    "tropical_rain_forest~ tropical_moist_broadleaf_forest~ moist_tropical_broadleaf_forest~ humid_tropical_forest~",
    "tropical dry forest": "tropical_dry_forest~ dry_broadleaf_forest~ tropical_and_subtropical_dry_broadleaf_forests "
    "dry_tropical_forest~ tropical_dry_broadleaf_forest~ dry_tropical_broadleaf_forest~",
    "tropical conifer": "tropical_coniferous_forest~ tropical_and_subtropical_coniferous_forests "
    "tropical_conifer_forest~ tropical_pine_forest~",
    "temperate broadleaf": "temperate_broadleaf_forest~ temperate_broadleaf_and_mixed_forest~ temperate_mixed_forest~ "
    "temperate_forest~ temperate_deciduous_forest~ mixed_forest_biome",
    "temperate conifer": "temperate_conifer_forest~ temperate_coniferous_forest~",
    "boreal": "boreal boreal_forest~ boreal_forests_or_taiga taiga_biome boreal_zone boreal_taiga",
    "savanna": "tropical_savanna~ savanna_biome tropical_grassland~ tropical_and_subtropical_grasslands "
    "savannah_biome tropical_savannas_and_grasslands tropical_savannas_and_shrublands",
    "temperate grassland": "temperate_grassland~ temperate_steppe~ steppe_biome prairie_biome temperate_savannas "
    "temperate_grasslands_and_shrublands",
    "flooded": "flooded_grassland~ flooded_savanna~ flooded_grasslands_and_savannas",
    "montane": "montane_grassland~ montane montane_grasslands_and_shrublands montane_shrublands",
    "tundra": "tundra",
    "mediterranean": "mediterranean mediterranean_scrub mediterranean_woodland~ mediterranean_climate "
    "mediterranean_forests mediterranean_forests_woodlands_and_scrub",
    "desert": "desert~ deserts_and_xeric_shrublands xeric_shrubland~ xeric arid semi_desert~ desert_biome "
    "desert_and_xeric_shrubland~",
    "mangrove biome": "mangrove_biome mangroves_biome",
    "tropical": "tropical tropics subtropical",
    "temperate": "temperate",
    "arctic": "arctic subarctic",
}

_SEASONS = {
    "winter": "winter midwinter mid_winter wintertime wintry winter's winters late_winter early_winter",
    "spring": "springtime early_spring late_spring in_spring spring spring's",
    "summer": "summer midsummer mid_summer summertime summer's high_summer late_summer early_summer summery",
    "autumn": "autumn autumnal mid_autumn late_autumn early_autumn in_fall autumn's in_the_fall",
    "other": "rainy_season dry_season wet_season monsoon monsoon_season",
}
_NOT_SEASONS = "winter_wheat winter_crop~ winter_rye spring_wheat hot_spring~ spring_water springs "
"spring_barley summer_house~"


def _all() -> list[tuple[tuple[str, ...], Entry]]:
    found = []
    for value, words in _DIRECTIONS.items():
        found += entries("place", value.strip(), words)
    for value, words in _BIOME_WORDS.items():
        found += entries("biome", value, words)
    for value, words in _SEASONS.items():
        found += entries("season", value, words)
    for month in MONTHS:
        found += entries("month", month, month)
    return found + entries("other", "", _NOT_SEASONS)


PLACE_WORDS = _all()


def biome_key(name: str) -> str:
    """The biome that a name stands for.

    Raises:
        KeyError: the lexicon has no such name.
    """
    return _BIOME_BY_NAME[" ".join(name.replace("-", " ").split())]


_BIOME_BY_NAME = {" ".join(phrase): entry.value for phrase, entry in PLACE_WORDS if entry.kind == "biome"}
