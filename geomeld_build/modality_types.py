"""The vocabulary of the modality table: grids, packing, temporal rules, training targets, origins, rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = [
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
]


@dataclass(frozen=True, slots=True)
class Grid:
    """A square pixel grid around the tile's centre, in the tile's UTM zone."""

    size: int
    """Pixels a side."""
    gsd_m: int
    """Pixel size in metres."""
    prefix: str = ""
    """Prefix of the row's own ``y``/``x`` dimensions; empty for the tile grid itself."""


TILE_GRID = Grid(128, 10)
"""The grid of a tile: 1,280 m at 10 m."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """CF packing: ``physical = stored * scale + offset``."""

    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Classes:
    """Class codes and their names (CF ``flag_values`` and ``flag_meanings``) with the colours of the publisher."""

    values: tuple[int, ...]
    meanings: tuple[str, ...]
    colours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """The scene that dates the tile: cloud-filtered, contains the tile, nearest to the anchor's date."""

    max_cloud_percent: float = 10.0
    tiers_days: tuple[int, ...] = (15, 30, 45)
    candidates: int = 3


@dataclass(frozen=True, slots=True)
class Near:
    """Within ``days`` of the reference scene's time, inclusive, in seconds."""

    days: int
    to: str
    prefer: Literal["nearest", "same_datatake"] = "nearest"


@dataclass(frozen=True, slots=True)
class With:
    """The companion product of the very reference scene, found by its index. May be absent."""

    to: str


@dataclass(frozen=True, slots=True)
class Static:
    """One asset for all dates."""

    year: int | None = None


@dataclass(frozen=True, slots=True)
class AtAnchor:
    """Within ``days`` of the anchor's own date, inside a lon/lat box where the product exists at all."""

    days: int
    region: tuple[float, float, float, float]


TemporalRule = Reference | Near | With | Static | AtAnchor


@dataclass(frozen=True, slots=True)
class Regression:
    """Reconstructed with an L1 loss."""

    group: str = ""
    """Rows of one group share a decoder; by default a row has its own."""
    centred: bool = False
    """Only differences within a tile are reconstructed: height above the sea says where a tile is, not what it is."""


@dataclass(frozen=True, slots=True)
class Classification:
    """Reconstructed with cross-entropy over ``n_classes``."""

    n_classes: int


@dataclass(frozen=True, slots=True)
class Part:
    """Bands of one collection that are stacked into a row.

    ``factor`` turns source values (after ``derive``) into stored integers: ``stored = round(derived * factor)``.
    """

    collection: str
    bands: tuple[str, ...]
    name: str = "main"
    group: str = ""
    """Parts of one group are alternatives: one of them present is enough for the row to be complete."""
    layout: Literal["collection", "image"] = "collection"
    derive: Literal["identity", "power_to_db", "slope_degrees"] = "identity"
    factor: float = 1.0
    where: tuple[tuple[str, str], ...] = ()
    """Scene fields that must match: ``orbit_pass`` equals, ``polarisations`` contains."""
    invalid: tuple[int, ...] = ()
    """Source values that mean nodata; masked before any resampling."""


@dataclass(frozen=True, slots=True)
class Modality:
    """One row: an array of every tile."""

    name: str
    bands: tuple[str, ...]
    dtype: Literal["uint8", "int16", "uint16"]
    nodata: int
    units: str
    resampling: Literal["bilinear", "nearest"]
    when: TemporalRule
    role: Literal["input", "target", "side", "companion"]
    origins: Mapping[str, tuple[Part, ...]]
    scaling: Scaling = Scaling()
    limits: tuple[float, float] | None = None
    """Physical values outside are an error of the source, not data."""
    target: Regression | Classification | None = None
    classes: Classes | None = None
    grid: Grid = TILE_GRID
