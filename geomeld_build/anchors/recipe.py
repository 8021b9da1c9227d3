"""What a sampling frame is made of, validated at the rim: pools, quotas, exclusions, dates, splits.

The presets ``paper`` and ``independent`` are recipes of this form; a recipe file (YAML) may begin with one of them and
change what it likes. The counts of the paper: arXiv 2604.10591, section on the dataset.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from geomeld_build.errors import ConfigError

__all__ = [
    "PRESETS",
    "TOPUP",
    "ExclusionConfig",
    "FrameConfig",
    "OwnConfig",
    "PoolConfig",
    "SplitConfig",
    "preset_recipe",
    "read_recipe",
]

Allocation = Literal["equal", "area", "as_found"]
PoolFormatName = Literal["auto", "mmearth", "skyscript", "geomeld", "table"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PoolConfig(_Model):
    """Points that somebody else has chosen. Earlier pools come first where tiles overlap."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$", description="Goes into the column `pool`.")
    path: Path = Field(description="File or folder; its format is told by its content unless `format` says it.")
    format: PoolFormatName = Field("auto", description="How to read it.")
    count: int | None = Field(None, ge=1, description="Anchors to take. Default: every point that is left.")
    allocation: Allocation = Field(
        "as_found",
        description="Shares of biomes: equal; by area^alpha; or as the points are found.",
    )
    alpha: float = Field(0.5, ge=0, le=1, description="Exponent of the area with allocation area.")
    keep_overlaps: bool = Field(False, description="Keep points whose tiles overlap each other, and flag them.")
    top_up: bool = Field(True, description="Draw lattice cells where a biome has fewer points than its quota.")
    years: tuple[int, int] | None = Field(
        (2017, 2020), description="Years of the pseudo-random months. null: the file's own dates."
    )


class OwnConfig(_Model):
    """Cells of the lattice, drawn by us."""

    name: str = Field("own", pattern=r"^[a-z0-9_-]+$", description="Goes into the column `pool`.")
    count: int = Field(ge=1, description="Anchors to draw.")
    by: Literal["biome", "ecoregion", "continent-biome"] = Field("biome", description="What the strata are.")
    continents: tuple[str, ...] | None = Field(None, description="Only on these continents. Default: all.")
    allocation: Literal["equal", "area", "deficit", "biome_area", "biome_equal_eco"] = Field(
        "equal",
        description="Shares of strata: equal; by area^alpha; area^alpha less what the pools have there (deficit). By "
        "ecoregion also: equal biomes, in each by area (biome_area), or the same for each of its ecoregions "
        "(biome_equal_eco).",
    )
    alpha: float = Field(0.5, ge=0, le=1, description="Exponent of the area.")

    @model_validator(mode="after")
    def _biomes_of_ecoregions(self) -> OwnConfig:
        if self.allocation.startswith("biome_") and self.by != "ecoregion":
            raise ValueError(f"allocation {self.allocation} shares a biome among its ecoregions: by must be ecoregion")
        return self


class ExclusionConfig(_Model):
    """Footprints to keep away from, such as those of an evaluation set."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$", description="Goes into the column `excluded_by`.")
    path: Path = Field(description="Polygons or points: GeoParquet, GeoJSON, GPKG.")
    buffer_m: float = Field(0.0, ge=0, description="Distance to keep, in metres.")
    action: Literal["drop", "flag"] = Field("flag", description="Drop the anchors, or keep and flag them.")


class SplitConfig(_Model):
    """Train, validation and test by blocks of the Earth."""

    train: float = Field(0.8, ge=0, le=1, description="Share of blocks.")
    val: float = Field(0.1, ge=0, le=1, description="Share of blocks.")
    test: float = Field(0.1, ge=0, le=1, description="Share of blocks.")
    block_km: float = Field(100.0, ge=5, le=1000, description="Side of a block.")
    guard_m: float = Field(1280.0, ge=0, description="Distance to other splits below which a tile is left out.")

    @model_validator(mode="after")
    def _whole(self) -> SplitConfig:
        if abs(self.train + self.val + self.test - 1.0) > 1e-9:
            raise ValueError(f"train + val + test is {self.train + self.val + self.test:g}, expected 1")
        return self


class FrameConfig(_Model):
    """One sampling frame."""

    recipe: str = Field("geomeld-1", pattern=r"^[A-Za-z0-9._-]+$", description="Names the rules; keys every draw.")
    biomes: str = Field(
        "RESOLVE/ECOREGIONS/2017", description="Table of the source, or a file with BIOME_NUM (polygons or raster)."
    )
    pools: tuple[PoolConfig, ...] = Field((), description="In the order of their priority.")
    own: OwnConfig | None = Field(None, description="What is drawn besides.")
    exclusions: tuple[ExclusionConfig, ...] = ()
    years: tuple[int, int] = Field((2018, 2021), description="Years of the dates of lattice cells: day 15, any month.")
    naip: bool = Field(False, description="Date anchors in the US by an aerial image; needs the source.")
    reserve: float = Field(0.1, ge=0, le=10, description="Reserves of a stratum as a share of its anchors.")
    split: SplitConfig = SplitConfig()

    @model_validator(mode="after")
    def _something(self) -> FrameConfig:
        if not self.pools and self.own is None:
            raise ValueError("a frame needs pools or own, it has neither")
        names = [pool.name for pool in self.pools] + ([self.own.name] if self.own else [])
        if len(set(names)) < len(names) or TOPUP in names:
            raise ValueError(f"pools need names of their own, none of them {TOPUP!r}; got {', '.join(names)}")
        if self.years[0] > self.years[1] or self.years[0] < 2015:
            raise ValueError(f"years {self.years[0]}-{self.years[1]}: expected first <= last, from 2015 on")
        return self


TOPUP = "topup"
"""Pool of lattice cells that fill the quota of an imported pool."""

_SOUTH = ("Africa", "South America", "Asia")
PRESETS: dict[str, dict[str, Any]] = {
    "independent": {
        "pools": {
            "mmearth": {"format": "mmearth", "count": 1_200_000, "allocation": "equal", "years": (2017, 2020)},
            "skyscript": {"format": "skyscript", "count": 699_540, "allocation": "as_found"},
        },
        "own": {"count": 666_000, "by": "continent-biome", "continents": _SOUTH, "allocation": "deficit"},
    },
    "paper": {
        "pools": {
            "mmearth": {"format": "mmearth", "keep_overlaps": True, "top_up": False, "years": (2017, 2020)},
            "skyscript": {"format": "skyscript", "count": 699_540, "top_up": False},
        },
        "own": {"count": 666_000, "by": "continent-biome", "continents": _SOUTH, "allocation": "deficit"},
    },
}
"""The paper's frame, 1,200,000 + 699,540 + 666,000 anchors: thinned to no overlap, or with all MMEarth centroids."""


def preset_recipe(name: str, paths: dict[str, Path], **changes: Any) -> FrameConfig:
    """A preset with the paths of its pools; a pool without a path is left out.

    Raises:
        ConfigError: the preset or a pool is unknown, or a change is refused.
    """
    if name not in PRESETS:
        raise ConfigError(f"no preset {name!r}: expected one of {', '.join(PRESETS)}")
    known = PRESETS[name]["pools"]
    if unknown := sorted(set(paths) - set(known)):
        raise ConfigError(f"the preset {name} has no pool {', '.join(unknown)}: expected {', '.join(known)}")
    pools = [{"name": pool, "path": paths[pool], **settings} for pool, settings in known.items() if pool in paths]
    return _validated({**PRESETS[name], "pools": pools, **changes}, f"preset {name}")


def read_recipe(path: Path) -> FrameConfig:
    """A frame from a YAML file; relative paths start at the file's folder.

    Raises:
        ConfigError: unreadable, or a setting is refused; the message names it.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the recipe {path}: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"the recipe {path} is no mapping: expected keys such as pools, own, split")
    config = _validated(document, str(path))
    here = path.parent
    return config.model_copy(
        update={
            "pools": tuple(pool.model_copy(update={"path": here / pool.path}) for pool in config.pools),
            "exclusions": tuple(item.model_copy(update={"path": here / item.path}) for item in config.exclusions),
            "biomes": str(here / config.biomes) if (here / config.biomes).exists() else config.biomes,
        }
    )


def _validated(document: dict[str, Any], what: str) -> FrameConfig:
    try:
        return FrameConfig.model_validate(document)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, item['loc'])) or 'the recipe'}: {item['msg']}" for item in error.errors()]
        raise ConfigError(f"{what}: {'; '.join(lines)}") from error
