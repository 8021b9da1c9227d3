"""What classes, places and the tile are called, and the verbs that go with them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from geomeld_build.captions.grammar.template import choose

__all__ = ["BIOME_NAMES", "PLACES", "SCENES", "SPREAD", "Noun", "adjective_for", "noun_for", "verb"]


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun phrase without its article."""

    text: str
    plural: bool


_ANY = "any"
_NOUNS: dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "tree": {
        _ANY: (("forest", "woodland", "tree cover", "forest cover", "canopy cover"), ("trees", "woods", "woodlands")),
        "boreal": (("taiga", "forestland"), ("forests",)),
        "tropical": (("forest canopy", "tree canopy"), ("forests",)),
        "sparse": (("tree cover",), ("trees", "groves", "copses", "stands of trees", "tree belts", "woodlots")),
    },
    "shrub": {
        _ANY: (("shrubland", "scrub", "scrubland", "bushland", "brushland"), ("shrubs", "bushes", "thickets")),
        "mediterranean": (("maquis", "garrigue", "matorral"), ("shrublands",)),
        "temperate": (("heath", "heathland"), ("shrublands",)),
    },
    "grass": {
        _ANY: (
            ("grassland", "pasture", "grazing land", "grass", "open grass", "grass cover", "pastureland"),
            ("meadows", "pastures", "grasses", "grasslands"),
        ),
        "savanna": (("savanna", "rangeland"), ("savannas",)),
        "steppe": (("steppe", "prairie"), ("steppes",)),
    },
    "crop": {
        _ANY: (
            ("cropland", "farmland", "arable land", "cultivated land", "farmed land", "tilled land", "ploughland"),
            ("fields", "crops", "crop fields", "arable plots", "farm fields", "plots"),
        ),
    },
    "built": {
        _ANY: (("built-up land", "housing", "developed land"), ("buildings", "houses", "built-up areas", "dwellings")),
        "urban": (("urban fabric", "urban land", "the built environment"), ("residential areas", "built structures")),
    },
    "bare": {
        _ANY: (
            ("bare ground", "barren ground", "bare land", "exposed ground", "bare earth", "sparse vegetation"),
            ("bare surfaces", "stones"),
        ),
        "desert": (("desert floor", "open soil", "bare soil", "gravel"), ("bare soils",)),
        "high": (("bare rock", "exposed rock", "scree"), ("rocks",)),
    },
    "snow": {_ANY: (("snow", "snow and ice", "ice", "snow cover", "snowpack"), ("snowfields",))},
    "water": {_ANY: (("water", "open water", "surface water"), ("water surfaces",))},
    "wetland": {
        _ANY: (("wetland", "marsh", "marshland", "herbaceous wetland"), ("wetlands", "marshes", "reedbeds")),
        "boreal": (("mire", "peatland", "fen", "bog"), ("mires", "bogs")),
        "tropical": (("swamp", "swampland"), ("swamps",)),
    },
    "mangrove": {_ANY: (("mangrove forest", "mangrove swamp"), ("mangroves", "mangrove stands", "mangrove thickets"))},
    "moss": {_ANY: (("moss and lichen", "lichen", "moss"), ("mosses and lichens", "lichens", "mosses"))},
}
_FLAVOURS = {
    "Boreal Forests/Taiga": ("boreal",),
    "Tundra": ("boreal",),
    "Tropical & Subtropical Moist Broadleaf Forests": ("tropical",),
    "Tropical & Subtropical Dry Broadleaf Forests": ("tropical",),
    "Tropical & Subtropical Coniferous Forests": ("tropical",),
    "Tropical & Subtropical Grasslands, Savannas & Shrublands": ("savanna", "tropical"),
    "Flooded Grasslands & Savannas": ("savanna", "tropical"),
    "Mangroves": ("tropical",),
    "Temperate Grasslands, Savannas & Shrublands": ("steppe", "temperate"),
    "Temperate Broadleaf & Mixed Forests": ("temperate",),
    "Temperate Conifer Forests": ("temperate",),
    "Montane Grasslands & Shrublands": ("high",),
    "Mediterranean Forests, Woodlands & Scrub": ("mediterranean",),
    "Deserts & Xeric Shrublands": ("desert",),
}

SCENES = (
    "the tile", "the scene", "the area", "the frame", "the image", "the view", "the ground", "the square", "this tile",
    "the site", "the surface", "this scene", "the landscape", "this square",
)  # fmt: skip

PLACES = {
    "N": (
        "north",
        "northern part",
        "northern half",
        "top",
        "upper part",
        "northern side",
        "northern flank",
        "northern portion",
        "northern section",
        "northern sector",
    ),
    "S": (
        "south",
        "southern part",
        "southern half",
        "bottom",
        "lower part",
        "southern side",
        "southern flank",
        "southern portion",
        "southern section",
        "southern sector",
    ),
    "E": (
        "east",
        "eastern part",
        "eastern half",
        "eastern side",
        "eastern flank",
        "eastern portion",
        "eastern section",
        "eastern sector",
    ),
    "W": (
        "west",
        "western part",
        "western half",
        "western side",
        "western flank",
        "western portion",
        "western section",
        "western sector",
    ),
    "NW": (
        "north-west",
        "north-western quarter",
        "northwest",
        "north-western corner",
        "north-western quadrant",
        "north-western part",
        "upper left",
    ),
    "NE": (
        "north-east",
        "north-eastern quarter",
        "northeast",
        "north-eastern corner",
        "north-eastern quadrant",
        "north-eastern part",
        "upper right",
    ),
    "SW": (
        "south-west",
        "south-western quarter",
        "southwest",
        "south-western corner",
        "south-western quadrant",
        "south-western part",
        "lower left",
    ),
    "SE": (
        "south-east",
        "south-eastern quarter",
        "southeast",
        "south-eastern corner",
        "south-eastern quadrant",
        "south-eastern part",
        "lower right",
    ),
    "centre": ("centre", "middle", "central part", "heart"),
}

SPREAD = (
    ("covers", "cover"), ("fills", "fill"), ("occupies", "occupy"), ("takes up", "take up"), ("makes up", "make up"),
    ("accounts for", "account for"), ("spans", "span"), ("claims", "claim"), ("holds", "hold"),
    ("extends over", "extend over"), ("stretches over", "stretch over"), ("spreads over", "spread over"),
    ("blankets", "blanket"), ("extends across", "extend across"), ("cloaks", "cloak"), ("coats", "coat"),
    ("mantles", "mantle"), ("amounts to", "amount to"), ("comes to", "come to"), ("adds up to", "add up to"),
    ("sweeps over", "sweep over"),
)  # fmt: skip

BIOME_NAMES = {
    "Tropical & Subtropical Moist Broadleaf Forests": (
        "tropical moist forest", "moist broadleaf forest", "tropical rainforest", "humid tropical forest",
    ),
    "Tropical & Subtropical Dry Broadleaf Forests": (
        "tropical dry forest", "dry broadleaf forest", "dry tropical forest",
    ),
    "Tropical & Subtropical Coniferous Forests": ("tropical coniferous forest", "tropical pine forest"),
    "Temperate Broadleaf & Mixed Forests": (
        "temperate broadleaf forest", "temperate mixed forest", "temperate deciduous forest",
    ),
    "Temperate Conifer Forests": ("temperate conifer forest", "temperate coniferous forest"),
    "Boreal Forests/Taiga": ("boreal forest", "boreal taiga"),
    "Tropical & Subtropical Grasslands, Savannas & Shrublands": ("tropical savanna", "tropical grassland"),
    "Temperate Grasslands, Savannas & Shrublands": ("temperate grassland", "temperate steppe"),
    "Flooded Grasslands & Savannas": ("flooded grassland", "flooded savanna"),
    "Montane Grasslands & Shrublands": ("montane grassland", "montane shrublands"),
    "Tundra": ("tundra",),
    "Mediterranean Forests, Woodlands & Scrub": ("mediterranean scrub", "mediterranean woodland"),
    "Deserts & Xeric Shrublands": ("xeric shrubland", "semi-desert", "desert"),
}  # fmt: skip
"""What the biomes are called before ``biome``, ``belt`` or ``zone``. That of mangroves would read as mangroves."""

_ADJECTIVES = {
    "tree": ("wooded", "forested", "tree-covered", "treed"),
    "shrub": ("shrubby", "bushy", "scrub-covered"),
    "grass": ("grassy", "grass-covered"),
    "crop": ("farmed", "cultivated", "agricultural", "arable"),
    "built": ("built-up", "urban", "settled"),
    "bare": ("bare", "barren", "stony"),
    "snow": ("snow-covered", "snowy", "icy"),
    "wetland": ("marshy", "boggy", "swampy"),
}


def adjective_for(name: str, rng: Random) -> str | None:
    """An adjective for ground of a class; None where there is none."""
    listed = _ADJECTIVES.get(name)
    return None if listed is None else choose(rng, listed)


def noun_for(name: str, share: float, biome: str | None, rng: Random) -> Noun:
    """What to call a class here.

    Args:
        name: the class.
        share: of the tile; little of a class has other names than much of it.
        biome: RESOLVE's name, if known.
        rng: decides.
    """
    listed = _NOUNS[name]
    singular, plural = listed[_ANY]
    flavours = [*_FLAVOURS.get(biome or "", ())]
    if name == "tree" and share < 0.15:
        flavours, singular, plural = ["sparse"], (), ()
    if name == "built" and share >= 0.3:
        flavours = ["urban"]
    for flavour in flavours:
        more = listed.get(flavour)
        if more is not None:
            singular, plural = (*singular, *more[0]), (*plural, *more[1])
    at = int(rng.random() * (len(singular) + len(plural)))
    return Noun(singular[at], False) if at < len(singular) else Noun(plural[at - len(singular)], True)


def verb(pair: tuple[str, str], noun: Noun) -> str:
    """The form of a verb that agrees with a noun."""
    return pair[1] if noun.plural else pair[0]
