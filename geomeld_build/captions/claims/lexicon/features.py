"""Words for objects of OpenStreetMap: which tags bear them out, and which would be mapped if they existed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from geomeld_build.captions.claims.lexicon.entries import Entry, entries

__all__ = ["FEATURES", "FEATURE_WORDS", "FeatureKind", "has_tags"]


@dataclass(frozen=True, slots=True)
class FeatureKind:
    """An object as people name it."""

    words: str
    tags: tuple[str, ...]
    """Alternatives; in each all of ``key=value`` joined by ``;`` must hold, ``*`` is any value."""
    major: bool = False
    """So large or important that a mapped surrounding would have it."""
    type: str = "osm_feature"
    rivals: tuple[str, ...] = ()
    """Tags that, where they are mapped and the own ones are not, show that something else is meant."""


_PLANT = "power=plant"
FEATURES: dict[str, FeatureKind] = {
    "road": FeatureKind(
        "road~ roadway~ street~ lane~ road_network paved_road~ highways_and_roads unpaved_road~ roadside~ "
        "thoroughfare~",
        ("highway=*",),
        type="road",
    ),
    "major_road": FeatureKind(
        "major_road~ main_road~ trunk_road~ highway~ arterial_road~ primary_road~",
        ("highway=motorway", "highway=trunk", "highway=primary", "highway=secondary"),
        True,
        "road",
    ),
    "motorway": FeatureKind(
        "motorway~ freeway~ expressway~ autobahn dual_carriageway~ interstate~",
        ("highway=motorway", "highway=trunk"),
        True,
        "road",
    ),
    "track": FeatureKind(
        "dirt_road~ dirt_track~ farm_track~ farm_road~ forest_road~ forest_track~ gravel_road~ track~ "
        "footpath~ hiking_trail~",
        ("highway=track", "highway=path", "highway=unclassified", "highway=service", "highway=footway"),
        type="road",
    ),
    "residential_street": FeatureKind(
        "residential_street~ residential_road~ side_street~",
        ("highway=residential", "highway=living_street"),
        type="road",
    ),
    "minor_road": FeatureKind(
        "minor_road~ country_road~ tertiary_road~ local_road~ secondary_road~ small_road~ rural_road~",
        ("highway=tertiary", "highway=unclassified", "highway=secondary", "highway=residential", "highway=track"),
        type="road",
    ),
    "railway": FeatureKind(
        "railway~ railway_line~ rail_line~ railroad~ train_track~ rail_track~ railway_track~ rail_corridor~ railways",
        ("railway=rail", "railway=*"),
        True,
    ),
    "canal": FeatureKind("canal~ irrigation_canal~ canals", ("waterway=canal", "water=canal"), True),
    "dam": FeatureKind("dam~ hydroelectric_dam~ weir~", ("waterway=dam", "waterway=weir"), True),
    "wind": FeatureKind(
        "wind_turbine~ wind_farm~ wind_park~ turbines wind_power_plant~ windmill~",
        ("generator:source=wind", "plant:source=wind"),
        True,
    ),
    "solar": FeatureKind(
        "solar_farm~ solar_park~ solar_plant~ solar_power_plant~ solar_panel~ solar_array~ photovoltaic_plant~ "
        "solar_power_station~ photovoltaic_panels solar_installation~",
        ("plant:source=solar", "generator:source=solar"),
        True,
        rivals=(_PLANT,),
    ),
    "nuclear": FeatureKind(
        "nuclear_power_station~ nuclear_power_plant~ nuclear_plant~ nuclear_reactor~",
        ("plant:source=nuclear",),
        True,
        rivals=(_PLANT,),
    ),
    "coal": FeatureKind(
        "coal_plant~ coal_power_plant~ coal_power_station~ coal_fired_power_plant~ coal_fired_plant~",
        ("plant:source=coal",),
        True,
        rivals=(_PLANT,),
    ),
    "gas": FeatureKind(
        "gas_plant~ gas_power_plant~ gas_fired_power_plant~", ("plant:source=gas",), True, rivals=(_PLANT,)
    ),
    "hydro": FeatureKind(
        "hydropower_plant~ hydroelectric_plant~ hydro_plant~ hydroelectric_power_station~ hydropower_station~",
        ("plant:source=hydro", "plant:source=water"),
        True,
        rivals=(_PLANT,),
    ),
    "power_plant": FeatureKind("power_plant~ power_station~ thermal_power_station~", (_PLANT,), True),
    "substation": FeatureKind("substation~ electrical_substation~ transformer_station~", ("power=substation",), True),
    "power_line": FeatureKind("power_line~ transmission_line~ pylon~ overhead_line~", ("power=line", "power=tower")),
    "silo": FeatureKind("silo~ grain_silo~ grain_elevator~", ("man_made=silo",)),
    "tank": FeatureKind("storage_tank~ oil_tank~ tank_farm~", ("man_made=storage_tank",)),
    "factory": FeatureKind(
        "factory factories industrial_works steelworks industrial_plant~ mill~ industrial_estate~ industrial_zone~",
        ("man_made=works", "landuse=industrial", "building=industrial", "building=factory"),
    ),
    "sewage": FeatureKind(
        "wastewater_plant~ sewage_works sewage_plant~ wastewater_treatment_plant~ treatment_plant~ "
        "water_treatment_plant~",
        ("man_made=wastewater_plant", "man_made=water_works"),
        True,
    ),
    "pier": FeatureKind("pier~ jetty jetties wharf wharves quay~ dock~", ("man_made=pier", "man_made=quay")),
    "airport": FeatureKind(
        "airport~ airfield~ aerodrome~ airstrip~ runway~ air_base~ landing_strip~", ("aeroway=*",), True
    ),
    "quarry": FeatureKind(
        "quarry quarries open_pit_mine~ open_cast_mine~ opencast_mine~ mine~ gravel_pit~ mining mining_area~",
        ("landuse=quarry", "industrial=mine", "man_made=mineshaft"),
        True,
    ),
    "landfill": FeatureKind("landfill~ rubbish_tip~ waste_dump~", ("landuse=landfill",), True),
    "greenhouse": FeatureKind("greenhouse~ glasshouse~", ("landuse=greenhouse_horticulture", "building=greenhouse")),
    "aquaculture": FeatureKind(
        "aquaculture aquaculture_pond~ fish_pond~ shrimp_pond~ fish_farm~ shrimp_farm~", ("landuse=aquaculture",)
    ),
    "salt_pond": FeatureKind("salt_pond~ salt_pan~ saltworks salt_evaporation_pond~ saltern~", ("landuse=salt_pond",)),
    "military": FeatureKind(
        "military_base~ barracks military_area~ training_ground~ army_base~", ("landuse=military", "military=*"), True
    ),
    "vineyard": FeatureKind("vineyard~ vineyards", ("landuse=vineyard",)),
    "orchard": FeatureKind("orchard~ fruit_trees fruit_orchard~ olive_grove~ palm_plantation~", ("landuse=orchard",)),
    "golf": FeatureKind("golf_course~ golf_links", ("leisure=golf_course",), True),
    "stadium": FeatureKind("stadium~ sports_stadium~ arena~ racetrack~", ("leisure=stadium",), True),
    "park": FeatureKind("city_park~ urban_park~ public_park~ park~", ("leisure=park", "boundary=national_park")),
    "marina": FeatureKind(
        "marina~ harbour~ harbor~ port~ seaport~ container_terminal~",
        ("leisure=marina", "harbour=*", "landuse=port", "industrial=port"),
        True,
    ),
    "beach": FeatureKind("beach beaches sandy_beach sandy_beaches", ("natural=beach", "natural=coastline")),
    "cliff": FeatureKind("cliff~ escarpment~", ("natural=cliff",)),
    "bridge": FeatureKind("bridge~", ("bridge=*", "man_made=bridge")),
    "church": FeatureKind(
        "church churches cathedral~ mosque~ temple~ chapel~",
        ("building=church", "amenity=place_of_worship", "building=*"),
    ),
    "school": FeatureKind("school~ university hospital~", ("amenity=school", "building=school", "amenity=hospital")),
    "farm": FeatureKind(
        "farm_building~ barn~ farmhouse~ farmstead~ farmyard~ farm~",
        ("building=farm", "building=barn", "building=farm_auxiliary", "landuse=farmyard", "building=yes"),
    ),
    "warehouse": FeatureKind("warehouse~ hangar~", ("building=warehouse", "building=industrial", "building=hangar")),
    "cemetery": FeatureKind("cemetery cemeteries graveyard~", ("landuse=cemetery", "amenity=grave_yard")),
    "parking": FeatureKind("parking_lot~ car_park~", ("amenity=parking",)),
    "protected": FeatureKind(
        "national_park~ nature_reserve~ protected_area~ reserve~",
        ("boundary=protected_area", "boundary=national_park", "leisure=nature_reserve"),
    ),
    "lighthouse": FeatureKind("lighthouse~", ("man_made=lighthouse",)),
    "tower": FeatureKind("water_tower~ radio_tower~ mast~ chimney~", ("man_made=*",)),
}


def has_tags(tags: Mapping[str, str], wanted: str) -> bool:
    """Whether tags satisfy one alternative."""
    for pair in wanted.split(";"):
        key, _, value = pair.partition("=")
        if key not in tags or value not in {"*", tags[key]}:
            return False
    return True


def _all() -> list[tuple[tuple[str, ...], Entry]]:
    found = []
    for name, kind in FEATURES.items():
        found += entries("osm", name, kind.words)
    return found


FEATURE_WORDS = _all()
