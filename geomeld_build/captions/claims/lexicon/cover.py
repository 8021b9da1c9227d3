"""Words for land cover. Classes: ``geomeld_build/captions/classes.py``; groups: ``GROUPS``."""

from __future__ import annotations

from geomeld_build.captions.claims.lexicon.entries import Entry, entries

__all__ = ["COVER_WORDS", "GROUPS", "members"]

GROUPS = {
    "vegetation": ("tree", "shrub", "grass", "crop", "wetland", "mangrove", "moss"),
    "natural": ("tree", "shrub", "grass", "bare", "snow", "water", "wetland", "mangrove", "moss"),
    "land": ("tree", "shrub", "grass", "crop", "built", "bare", "snow", "wetland", "mangrove", "moss"),
    "open": ("shrub", "grass", "crop", "bare", "wetland", "moss"),
    "woody": ("tree", "shrub", "mangrove"),
}


def members(name: str) -> tuple[str, ...]:
    """The classes of a group, or the class itself. Mangroves are trees too when one speaks of trees."""
    return GROUPS.get(name) or (("tree", "mangrove") if name == "tree" else (name,))


_PLAIN = {
    "tree": """
        forest~ forested forestland woods woodland~ wooded tree~ tree_cover tree_covered tree_canopy forest_cover
        forest_canopy woodland_canopy timberland~ grove~ copse~ palm~ woodlot~ wood stand_of_trees stands_of_trees treed
        closed_canopy tree_belt~ canopy_cover crowns leafy_cover""",
    "shrub": """
        shrub~ shrubland~ scrub scrubland~ bush bushes bushland heath heathland~ sagebrush maquis chaparral thicket~
        garrigue matorral fynbos shrubby bushy brush brushland caatinga mallee""",
    "grass": """
        grass grasses grassland~ grassy meadow~ pasture~ pastureland~ prairie~ steppe~ savanna~ savannah~ rangeland~
        grazing_land grazed_land grazing sward turf grass_cover open_grass herbaceous_cover herbaceous_vegetation veld
        llanos pampas""",
    "crop": """
        cropland~ crop~ crop_field~ farmland~ farm_field~ farmed farmed_land field~ arable arable_land
        paddy paddies rice_paddy rice_paddies rice_field~ cultivated cultivated_land cultivation plots agriculture
        agricultural agricultural_land tilled tilled_land ploughed_land plowed_land ploughed_fields
        plowed_fields ploughland farming arable_plots
        tillage rice_terrace~ terraced_field~ terraced_farmland crop_terrace~ wheat_field~ corn_field~ cornfield~
        maize_field~ cane_field~ sugarcane_field~ soybean_field~ cotton_field~ barley_field~ vegetable_field~""",
    "bare": """
        bare_ground bare_soil~ bare_rock~ bare_land bare_earth bare_surface~ bare_terrain bare barren barren_ground
        barren_land sand sands rock rocks rocky gravel desert_floor exposed_soil exposed_rock exposed_earth
        exposed_ground stony scree dry_lake dry_lake_bed dry_lakebed dry_riverbed dry_river_bed sparse_vegetation
        sparsely_vegetated sparse_plant_cover bare_or_sparsely_vegetated sandy bare_slopes open_soil naked_rock
        rock_and_sand stones badlands""",
    "snow": """
        snow ice snowfield~ snow_field~ icefield~ ice_field~ snowy snow_cover snow_covered icy ice_cover ice_covered
        snow_and_ice snowpack snow_capped ice_cap~ ice_sheet~""",
    "wetland": """
        wetland~ marsh marshes marshland~ swamp~ mire~ peatland~ flooded_vegetation herbaceous_wetland~ reedbed~
        reed_bed~ swampy marshy swampland~ fen~ bog~ boggy wet_meadow~ peat_bog~ sedge_marsh""",
    "mangrove": "mangrove~ mangrove_forest~ mangrove_swamp~ mangrove_thicket~ mangrove_belt~ mangrove_stand~",
    "moss": "moss mosses lichen~ mossy tundra_mat~ moss_and_lichen mosses_and_lichens",
    "vegetation": "vegetation greenery vegetated plant_cover green_cover plant_life plants vegetative_cover foliage",
    "natural": "natural_cover natural_land natural_vegetation",
    "land": "land dry_land solid_land mainland",
}

_NAMED = {
    "tree": "jungle~ rainforest~ rain_forest~ taiga orchard_trees dense_forest~ dense_woods dense_woodland~ "
    "dense_jungle "
    "dense_rainforest thick_forest~ thick_woods closed_forest~ deep_forest deep_woods dense_tree_cover",
    "built": "built_up built built_up_land built_up_area~ built_environment built_land built_fabric urban urban_fabric "
    "urban_area~ urban_land urbanised urbanized settlement~ settled houses housing residential industrial buildings "
    "suburb~ suburban homes built_structures built_surfaces developed_land sealed_surfaces paved_surfaces "
    "city cities town~ village~ hamlet~ metropolis megacity metropolitan skyscraper~ high_rises conurbation downtown "
    "urban_sprawl built_over rooftops house building residential_area~ industrial_area~ homestead~ dwellings",
    "water": "water waters lake~ river~ stream~ pond~ reservoir~ sea seas ocean~ bay~ lagoon~ estuary estuaries canal~ "
    "oasis oases fjord~ inlet~ open_water water_body water_bodies body_of_water bodies_of_water creek~ strait~ "
    "waterway~ water_channel~ brook~ tarn~ loch~ water_surface~ sound~_of_water watercourse~ pool~ gulf "
    "coast coasts coastal coastline~ seaside shoreline~ shore shores seashore beachfront offshore island~ islet~ "
    "river_channel~ surface_water standing_water inundated",
    "snow": "glacier~",
    "bare": "dune~ sand_dune~ salt_flat~ lava_field~ lava sandbank~ sandbar~ mudflat~ desert_sand desert_sands",
}

_SKIPPED = """
    sea_level water_level~ water_table tree_line treeline snow_line snowline field_of_view crops_out crop_out
    playing_field~ oil_field~ gas_field~ boulder_field~ dune_field~ grass_roots ice_age ground_truth
    land_cover land_use land_surface landcover lie_of_the_land land_area bare_minimum urban_heat water_vapour
    forest_floor city_limits town_hall village_green watershed~ water_quality built_in
    peaks_at peak_at peaking_at palm_oil sea_breeze snow_melt snowmelt icebreaker bush_fire~ bushfire~
    land_classes a_sea_of a_patchwork_of
    water_balance island_of islands_of island_nation island_state stream_of_lights on_the_ground lay_of_the_land
"""


def _all() -> list[tuple[tuple[str, ...], Entry]]:
    found: list[tuple[tuple[str, ...], Entry]] = []
    for name, words in _PLAIN.items():
        found += entries("cover", name, words)
    for name, words in _NAMED.items():
        found += entries("cover", name, words, named=True)
    return found + entries("skip", "", _SKIPPED)


COVER_WORDS = _all()
