"""The one table of modalities. Store layout, requests, checks, heads, captions, schemas and docs are computed from it.

Adding a modality is one row here and one test. A row says what is *stored*: ``physical = stored * scale + offset``,
``nodata`` where the pixel is invalid. ``origins`` says, per source, which bands of which collection become the row.
Asset ids, encodings and coverage: Earth Engine data catalogue pages of the collections named below.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from geomeld_build.errors import ConfigError
from geomeld_build.modality_types import (
    TILE_GRID,
    AtAnchor,
    Classes,
    Classification,
    Grid,
    Modality,
    Near,
    Part,
    Reference,
    Regression,
    Scaling,
    Static,
    TemporalRule,
    With,
)

__all__ = [
    "MODALITIES",
    "REFERENCE",
    "SCHEMA_VERSION",
    "TILE_GRID",
    "AtAnchor",
    "Classes",
    "Classification",
    "Grid",
    "Modality",
    "Near",
    "Part",
    "Reference",
    "Regression",
    "Scaling",
    "Static",
    "TemporalRule",
    "With",
    "band_dim",
    "modality",
]

SCHEMA_VERSION = 1
"""Version of what is written to a store. Raised whenever a stored array or column changes meaning."""


_S2_BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")
_S1 = "COPERNICUS/S1_GRD_FLOAT"
_ASTER = "projects/sat-io/open-datasets/ASTER/GDEM"
_CONTERMINOUS_US = (-125.0, 24.0, -66.0, 50.0)

_WORLDCOVER = Classes(
    (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100),
    (
        "tree_cover",
        "shrubland",
        "grassland",
        "cropland",
        "built_up",
        "bare_or_sparse_vegetation",
        "snow_and_ice",
        "permanent_water",
        "herbaceous_wetland",
        "mangroves",
        "moss_and_lichen",
    ),
    (
        "#006400",
        "#ffbb22",
        "#ffff4c",
        "#f096ff",
        "#fa0000",
        "#b4b4b4",
        "#f0f0f0",
        "#0064c8",
        "#0096a0",
        "#00cf75",
        "#fae6a0",
    ),
)
_DYNAMIC_WORLD = Classes(
    tuple(range(9)),
    ("water", "trees", "grass", "flooded_vegetation", "crops", "shrub_and_scrub", "built", "bare", "snow_and_ice"),
    ("#419bdf", "#397d49", "#88b053", "#7a87c6", "#e49635", "#dfc35a", "#c4281b", "#a59b8f", "#b39fe1"),
)
_SCL = Classes(
    tuple(range(1, 12)),
    (
        "saturated_or_defective",
        "dark_area",
        "cloud_shadow",
        "vegetation",
        "bare_soil",
        "water",
        "unclassified",
        "cloud_medium_probability",
        "cloud_high_probability",
        "thin_cirrus",
        "snow_or_ice",
    ),
    (
        "#ff0004",
        "#868686",
        "#774b0a",
        "#10d22c",
        "#ffff52",
        "#0000ff",
        "#818181",
        "#c0c0c0",
        "#f1f1f1",
        "#bac5eb",
        "#52fff9",
    ),
)


def _s1_part(direction: str, polarisations: tuple[str, str]) -> Part:
    short = "asc" if direction == "ascending" else "desc"
    return Part(
        _S1,
        polarisations,
        name=f"{short}_{polarisations[0].lower()}",
        group=short,
        derive="power_to_db",
        factor=100.0,
        where=(("orbit_pass", direction), ("polarisations", polarisations[0]), ("polarisations", polarisations[1])),
    )


_ROWS = (
    Modality(
        name="sentinel2",
        bands=_S2_BANDS,
        dtype="uint16",
        nodata=0,
        units="1",
        scaling=Scaling(1e-4),
        limits=(0.0, 6.5535),
        resampling="bilinear",
        when=Reference(),
        role="input",
        target=Regression(),
        origins={"earthengine": (Part("COPERNICUS/S2_SR_HARMONIZED", _S2_BANDS),)},
    ),
    Modality(
        name="sentinel1",
        bands=tuple(f"{pol}_{short}" for short in ("asc", "desc") for pol in ("VV", "VH", "HH", "HV")),
        dtype="int16",
        nodata=-32768,
        units="dB",
        scaling=Scaling(0.01),
        limits=(-100.0, 50.0),
        resampling="bilinear",
        when=Near(15, to="sentinel2"),
        role="target",
        target=Regression(),
        origins={
            "earthengine": (
                _s1_part("ascending", ("VV", "VH")),
                _s1_part("ascending", ("HH", "HV")),
                _s1_part("descending", ("VV", "VH")),
                _s1_part("descending", ("HH", "HV")),
            )
        },
    ),
    Modality(
        name="elevation",
        bands=("elevation",),
        dtype="int16",
        nodata=-32768,
        units="m",
        limits=(-500.0, 9000.0),
        resampling="bilinear",
        when=Static(),
        role="target",
        target=Regression("terrain", centred=True),
        origins={"earthengine": (Part(_ASTER, ("b1",), layout="image"),)},
    ),
    Modality(
        name="slope",
        bands=("slope",),
        dtype="int16",
        nodata=-32768,
        units="degree",
        scaling=Scaling(0.01),
        limits=(0.0, 90.0),
        resampling="bilinear",
        when=Static(),
        role="target",
        target=Regression("terrain"),
        origins={"earthengine": (Part(_ASTER, ("b1",), layout="image", derive="slope_degrees", factor=100.0),)},
    ),
    Modality(
        name="canopy_height",
        bands=("height", "std"),
        dtype="uint8",
        nodata=255,
        units="m",
        limits=(0.0, 120.0),
        resampling="bilinear",
        when=Static(2020),
        role="target",
        target=Regression(),
        origins={
            "earthengine": (
                Part(
                    "users/nlang/ETH_GlobalCanopyHeight_2020_10m_v1",
                    ("b1",),
                    name="height",
                    layout="image",
                    invalid=(255,),
                ),
                Part(
                    "users/nlang/ETH_GlobalCanopyHeightSD_2020_10m_v1",
                    ("b1",),
                    name="std",
                    layout="image",
                    invalid=(255,),
                ),
            )
        },
    ),
    Modality(
        name="esa_worldcover",
        bands=("label",),
        dtype="uint8",
        nodata=0,
        units="1",
        resampling="nearest",
        when=Static(2021),
        role="target",
        target=Classification(11),
        classes=_WORLDCOVER,
        origins={"earthengine": (Part("ESA/WorldCover/v200", ("Map",)),)},
    ),
    Modality(
        name="dynamic_world",
        bands=("label",),
        dtype="uint8",
        nodata=255,
        units="1",
        resampling="nearest",
        when=Near(15, to="sentinel2", prefer="same_datatake"),
        role="target",
        target=Classification(9),
        classes=_DYNAMIC_WORLD,
        origins={"earthengine": (Part("GOOGLE/DYNAMICWORLD/V1", ("label",)),)},
    ),
    Modality(
        name="scl",
        bands=("class",),
        dtype="uint8",
        nodata=0,
        units="1",
        resampling="nearest",
        when=With("sentinel2"),
        role="side",
        classes=_SCL,
        origins={"earthengine": (Part("COPERNICUS/S2_SR_HARMONIZED", ("SCL",)),)},
    ),
    Modality(
        name="clear_score",
        bands=("cs_cdf",),
        dtype="uint8",
        nodata=255,
        units="1",
        scaling=Scaling(1 / 254),
        limits=(0.0, 1.0),
        resampling="bilinear",
        when=With("sentinel2"),
        role="side",
        origins={"earthengine": (Part("GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED", ("cs_cdf",), factor=254.0),)},
    ),
    Modality(
        name="jrc_occurrence",
        bands=("percent",),
        dtype="uint8",
        nodata=255,
        units="percent",
        limits=(0.0, 100.0),
        resampling="nearest",
        when=Static(),
        role="side",
        origins={"earthengine": (Part("JRC/GSW1_4/GlobalSurfaceWater", ("occurrence",), layout="image"),)},
    ),
    Modality(
        name="dem_context",
        bands=("elevation",),
        dtype="int16",
        nodata=-32768,
        units="m",
        limits=(-500.0, 9000.0),
        resampling="bilinear",
        when=Static(),
        role="side",
        grid=Grid(128, 30, "dem_"),
        origins={"earthengine": (Part(_ASTER, ("b1",), layout="image"),)},
    ),
    Modality(
        name="naip",
        bands=("R", "G", "B", "N"),
        dtype="uint8",
        nodata=0,
        units="1",
        resampling="bilinear",
        when=AtAnchor(15, region=_CONTERMINOUS_US),
        role="companion",
        grid=Grid(1280, 1, "naip_"),
        origins={"earthengine": (Part("USDA/NAIP/DOQQ", ("R", "G", "B", "N")),)},
    ),
)

MODALITIES: Mapping[str, Modality] = MappingProxyType({row.name: row for row in _ROWS})
"""Every row by name, in table order."""

REFERENCE: str = next(row.name for row in _ROWS if isinstance(row.when, Reference))
"""The row that dates a tile."""


def modality(name: str) -> Modality:
    """The row with this name.

    Raises:
        ConfigError: no such row; the message lists the names.
    """

    try:
        return MODALITIES[name]
    except KeyError:
        raise ConfigError(f"unknown modality {name!r}: expected one of {', '.join(MODALITIES)}") from None


def band_dim(row: Modality) -> str:
    """Name of the row's own band dimension in a store."""
    return f"{row.name}_band"
