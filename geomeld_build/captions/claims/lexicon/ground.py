"""Words for the shape of the ground, its greenness, and what nobody can tell from the signals."""

from __future__ import annotations

from geomeld_build.captions.claims.lexicon.entries import Entry, entries

__all__ = ["GROUND_WORDS"]

_LISTED: dict[tuple[str, str], str] = {
    ("ground", "flat"): """
        flat flatland~ level level_ground level_land plain~ flat_ground flat_land even_ground table_flat lowland_plain
        pancake_flat dead_flat level_terrain flat_terrain flatness featureless_plain nearly_level almost_level
        nearly_flat almost_flat level_plain~ floodplain~ flood_plain~""",
    ("ground", "rolling"): """
        rolling undulating gently_rolling gently_undulating undulations rolling_ground low_hills rolling_hills
        swells softly_rolling""",
    ("ground", "hilly"): "hilly hill~ hillside~ hill_country hilly_ground hilly_terrain foothill~ upland~ hilltop~",
    ("ground", "mountain"): """
        mountain~ mountainous mountainside~ alpine mountain_range~ massif~ mountainous_terrain mountain_terrain alps
        high_mountains mountain_country""",
    ("ground", "rugged"): "rugged rough_terrain craggy rugged_terrain broken_terrain dissected gorge~ canyon~ ravine~",
    ("form", "Peak"): "peak~ summit~ pinnacle~",
    ("form", "Ridge"): "ridge~ ridgeline~ crest~ ridge_line~ ridgetop~",
    ("form", "Shoulder"): "shoulder~",
    ("form", "Spur"): "spur~",
    ("form", "Slope"): "slope~ hillslope~ sloping incline~ sloped mountain_slope~",
    ("form", "Hollow"): "hollow~",
    ("form", "Footslope"): "footslope~ foot_slope~ foot_of_the_slope",
    ("form", "Valley"): "valley~ vale~ dale~ glen~ valley_floor~ valley_bottom~",
    ("form", "Pit"): "pit~ sinkhole~ closed_depression~ basin~",
    ("steep", "very_steep"): "very_steep sheer precipitous extremely_steep vertical precipice~ very_steeply",
    ("steep", "steep"): "steep steeply steep_sided abrupt steeper",
    ("steep", "moderate"): "moderate moderately moderately_steep",
    ("steep", "gentle"): "gentle gently gentler mild shallow softly slight slightly_sloping gently_sloping",
    ("relief", "negligible"): "negligible hardly_any_relief no_relief next_to_no_relief",
    ("relief", "low"): "low_relief subdued little_relief faint_relief modest_relief weak_relief",
    (
        "relief",
        "high",
    ): "high_relief strong_relief great_relief pronounced_relief dramatic_relief marked_relief "
    "considerable_relief large_relief",
    (
        "measure",
        "elevation",
    ): "elevation~ altitude~ height_above_sea_level above_sea_level above_the_sea asl sea_level elevated "
    "ground_height metres_above_the_sea",
    ("measure", "slope"): "slope_angle~ gradient~ inclination~ steepness incline_of",
    ("measure", "relief"): "relief height_difference~ vertical_range elevation_range local_relief difference_in_height "
    "elevation_difference rise_and_fall",
    (
        "measure",
        "canopy",
    ): "canopy canopies canopy_height canopy_heights tree_height~ tall high_trees treetops tree_tops",
    ("measure", "width"): "wide width breadth",
    ("measure", "length"): "long length",
    (
        "green",
        "lush",
    ): "lush vegetation_index greenness_index "
    "green verdant luxuriant greenness greened leafy vigorous flourishing thriving lushly deep_green",
    ("green", "dry"): "brown parched withered dried_out sun_baked desiccated dormant dry browned dried scorched "
    "yellowed arid_looking faded fallow",
    (
        "barefields",
        "dry",
    ): "bare_fields fields_lie_bare fallow_fields bare_farmland bare_cropland "
    "brown_fields bare_plots fields_are_bare fields_bare",
    ("texture", "whole"): """
        continuous contiguous unfragmented in_one_piece in_one_block in_a_single_block in_a_single_piece coherent
        undivided uninterrupted""",
    ("texture", "broken"): """
        fragmented broken_up in_many_pieces in_pieces splintered in_separate_blocks in_many_patches disjointed
        in_small_pieces discontinuous interrupted_by_gaps in_shreds torn_apart""",
    ("altitude", "low"): "low_lying lowland~ near_sea_level",
    ("altitude", "high"): "highland~ high_ground high_altitude high_country high_plateau~ elevated_terrain",
    ("state", "flooded"): "flooded floodwater~ flooding under_floodwater submerged",
    ("skip", ""): """
        dry_land dry_season dry_lake dry_riverbed evergreen green_belt greenhouse~ village_green ridge_regression
        peak_season shallow_water hollowed level_crossing high_level bay_leaf
        steep_price mountain_bike~ spring_water""",
    ("other", ""): """
        birch pine~ oak~ spruce~ beech~ larch eucalyptus acacia~ teak oil_palm~ coconut~ cedar~ fir~ poplar~ willow~
        juniper~ cypress mahogany wheat maize corn soy soybean~ rice cotton barley sugarcane sugar_beet potato~
        sunflower~ rapeseed canola alfalfa tobacco coffee tea cocoa banana~ citrus olive~ vine~ date_palm~ millet
        sorghum irrigated irrigation terraced rainfed organic
        last_year recently last_century once formerly historically historic historical ancient years_ago decades_ago
        cleared deforested deforestation logging loggers logged abandoned century centuries colonial medieval
        newly_built new_built_up expanding growing shrinking retreating burned burnt wildfire~ since_the
        car~ truck~ vehicle~ people person villagers farmer~ fisherman fishermen children inhabitants residents
        tourists population workers cattle cow~ sheep goat~ herd~ livestock camel~ horse~ bird~ wildlife elephant~ deer
        fish boat~ ship~ vessel~ ferry ferries yacht~ train~ traffic aircraft airplane~ smoke cloud~ fog haze mist rain
        rainfall wind windy warm hot cold temperature temperatures humid sunny storm~ typhoon~ hurricane~
        fertile rich_soils polluted pollution clean protected endangered beautiful scenic famous popular wealthy poor
        prosperous quiet noisy owned private harvested harvest sown planted plantation~ fenced well_maintained
        football tennis swimming children's schoolyard playground~ sheds trailer~ caravan~ tent~ market~ shop~
        saline salty salt freshwater brackish clear turbid murky deep""",
}


def _all() -> list[tuple[tuple[str, ...], Entry]]:
    found = []
    for (kind, value), words in _LISTED.items():
        found += entries(kind, value, words, named=kind == "other")
    return found


GROUND_WORDS = _all()
