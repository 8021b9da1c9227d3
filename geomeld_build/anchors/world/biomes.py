"""The 14 biomes of RESOLVE Ecoregions 2017, and layers of them: polygons or a raster."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geomeld_build.anchors.world.areas import Locator
from geomeld_build.anchors.world.outlines import read_outlines
from geomeld_build.anchors.world.polygons import locate_in_polygons
from geomeld_build.anchors.world.raster import RasterLocator
from geomeld_build.errors import ConfigError

__all__ = ["BIOMES", "ROCK_AND_ICE", "Biome", "BiomeLayer", "biomes_from_pixels", "biomes_from_table"]


@dataclass(frozen=True, slots=True)
class Biome:
    """One of the 14."""

    number: int
    """``BIOME_NUM``."""
    name: str
    """``BIOME_NAME``."""
    slug: str
    """Name of its stratum."""


BIOMES = {
    biome.number: biome
    for biome in (
        Biome(1, "Tropical & Subtropical Moist Broadleaf Forests", "tropical-moist-broadleaf-forests"),
        Biome(2, "Tropical & Subtropical Dry Broadleaf Forests", "tropical-dry-broadleaf-forests"),
        Biome(3, "Tropical & Subtropical Coniferous Forests", "tropical-coniferous-forests"),
        Biome(4, "Temperate Broadleaf & Mixed Forests", "temperate-broadleaf-forests"),
        Biome(5, "Temperate Conifer Forests", "temperate-conifer-forests"),
        Biome(6, "Boreal Forests/Taiga", "boreal-forests"),
        Biome(7, "Tropical & Subtropical Grasslands, Savannas & Shrublands", "tropical-grasslands"),
        Biome(8, "Temperate Grasslands, Savannas & Shrublands", "temperate-grasslands"),
        Biome(9, "Flooded Grasslands & Savannas", "flooded-grasslands"),
        Biome(10, "Montane Grasslands & Shrublands", "montane-grasslands"),
        Biome(11, "Tundra", "tundra"),
        Biome(12, "Mediterranean Forests, Woodlands & Scrub", "mediterranean-forests"),
        Biome(13, "Deserts & Xeric Shrublands", "deserts"),
        Biome(14, "Mangroves", "mangroves"),
    )
}
"""By number. Numbers and names: Dinerstein et al. 2017, BioScience 67(6), doi:10.1093/biosci/bix014."""
ROCK_AND_ICE = 15
"""Number that rasters use for ground without a biome. RESOLVE's table says ``N/A`` by name instead."""
_NOT_A_BIOME = "n/a"
_ROUNDING = 1e-6
"""Degrees that the edges of a raster may be off: steps of a pixel are rounded in its header."""


@dataclass(frozen=True, slots=True, eq=False)
class BiomeLayer:
    """Which biome, and ecoregion where the layer has them, each place belongs to.

    Rows are in the order of biome and ecoregion, whatever their order was at the source. Where two overlap, the
    first holds. Make one with ``load_biomes``, ``cached_biomes`` or :func:`biomes_from_table`.
    """

    biome: NDArray[np.int8]
    """Of each row, 1..14."""
    ecoregion: tuple[str, ...]
    """Of each row, "" in a layer without ecoregions."""
    locator: Locator
    source: str
    """Where it came from, for people."""

    @property
    def has_ecoregions(self) -> bool:
        """Whether rows are ecoregions."""
        return any(self.ecoregion)

    def areas_m2(self) -> dict[int, float]:
        """Area of each biome of the layer on the sphere, by number."""
        sums = np.bincount(self.biome, weights=self.locator.areas_m2)
        return {number: float(sums[number]) for number in np.unique(self.biome).tolist()}


def biomes_from_table(table: pa.Table, *, source: str = "table", mend: bool = False) -> BiomeLayer:
    """A layer from polygons with RESOLVE's columns.

    Args:
        table: ``BIOME_NUM``, ``BIOME_NAME``, ``geometry`` (WKB, lon/lat degrees) and, as far as there are,
            ``ECO_NAME`` and ``ECO_ID`` (names an ecoregion that has no name). The case of names does not matter.
            Rows whose number is 0 or 15, or whose name is ``N/A``, are rock, ice or sea: no stratum.
        source: names the table in messages.
        mend: repair broken polygons (``shapely.make_valid``) instead of refusing them.

    Raises:
        ConfigError: a column is missing, a number is none of the 14 or contradicts its name, a polygon is broken or
            leaves the Earth, or no row is left.
    """
    names = {name.lower(): name for name in table.column_names}
    missing = [name for name in ("BIOME_NUM", "BIOME_NAME", "geometry") if name.lower() not in names]
    if missing:
        raise ConfigError(
            f"{source} has no column {', '.join(missing)}: expected BIOME_NUM, BIOME_NAME and geometry as in RESOLVE "
            f"Ecoregions 2017, found {', '.join(table.column_names)}"
        )
    columns = {key: table.column(name).to_pylist() for key, name in names.items() if key != "geometry"}
    numbers = _numbers(columns["biome_num"], columns["biome_name"], source)
    kept = np.flatnonzero(numbers)
    if not len(kept):
        raise ConfigError(f"{source} has {table.num_rows} rows, but none of a biome (BIOME_NUM 1..14)")
    ecoregions = _ecoregions(columns, table.num_rows)
    kept = np.array(sorted(kept.tolist(), key=lambda row: (numbers[row], ecoregions[row], row)))
    outlines = read_outlines(table.column(names["geometry"]).take(pa.array(kept)), kept + 1, source, mend=mend)
    return BiomeLayer(
        biome=numbers[kept].astype(np.int8),
        ecoregion=tuple(ecoregions[row] for row in kept.tolist()),
        locator=locate_in_polygons(outlines),
        source=source,
    )


def biomes_from_pixels(
    pixels: NDArray[np.integer[Any]], west: float, north: float, dx: float, dy: float, *, source: str
) -> BiomeLayer:
    """A layer from biome numbers in pixels ``(y, x)``, north up: 0 sea, 1..14, 15 rock and ice.

    Args:
        pixels: the numbers.
        west: western edge, degrees.
        north: northern edge, degrees.
        dx: width of a pixel, degrees.
        dy: height of a pixel, degrees, positive.
        source: names the raster in messages.

    Raises:
        ConfigError: another number occurs, none of 1..14 does, or the raster leaves the Earth.
    """
    height, width = pixels.shape
    east, south = west + dx * width, north - dy * height
    if west < -180.0 - _ROUNDING or east > 180.0 + _ROUNDING or south < -90.0 - _ROUNDING or north > 90.0 + _ROUNDING:
        raise ConfigError(
            f"{source}: bounds {west:g},{south:g},{east:g},{north:g}: expected lon -180..180 and lat -90..90"
        )
    found = np.unique(pixels)
    strange = found[(found < 0) | (found > ROCK_AND_ICE)]
    if len(strange):
        row, column = np.argwhere(pixels == strange[0])[0].tolist()
        raise ConfigError(
            f"{source}, row {row + 1}, column {column + 1}: {strange[0]} is no biome: expected 1..14, "
            f"{ROCK_AND_ICE} for rock and ice, 0 elsewhere"
        )
    numbers = found[(found > 0) & (found < ROCK_AND_ICE)].astype(np.int8)
    if not len(numbers):
        raise ConfigError(f"{source} has no pixel of a biome (1..14)")
    row_of = np.full(ROCK_AND_ICE + 1, -1, np.int32)
    row_of[numbers] = np.arange(len(numbers))
    locator = RasterLocator(row_of[pixels], len(numbers), west, north, dx, dy)
    return BiomeLayer(numbers, ("",) * len(numbers), locator, source)


def _numbers(numbers: Sequence[Any], names: Sequence[Any], source: str) -> NDArray[np.int64]:
    """The biome of each row, 0 for rock, ice and sea."""
    found = np.zeros(len(numbers), np.int64)
    for row, (number, name) in enumerate(zip(numbers, names, strict=True)):
        # RESOLVE gives its rock and ice the number of tundra: only the name tells them apart.
        if isinstance(name, str) and name.strip().lower() == _NOT_A_BIOME:
            continue
        value = _whole(number)
        if value is None or not 0 <= value <= ROCK_AND_ICE:
            raise ConfigError(f"{source}, row {row + 1}: BIOME_NUM {number!r}: expected a whole number 1..14")
        if value in BIOMES:
            if _plain(name) != _plain(BIOMES[value].name):
                raise ConfigError(
                    f"{source}, row {row + 1}: BIOME_NUM {value} with BIOME_NAME {name!r}: expected "
                    f"{BIOMES[value].name!r} (another numbering than RESOLVE's?)"
                )
            found[row] = value
    return found


def _whole(value: object) -> int | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return int(number) if math.isfinite(number) and number == int(number) else None


def _plain(name: object) -> str:
    """A name without case, punctuation, and the choice between ``&`` and ``and``."""
    text = str(name).lower().replace("&", " and ")
    return "".join(letter for letter in text if letter.isalpha())


def _ecoregions(columns: dict[str, list[Any]], rows: int) -> list[str]:
    names = columns.get("eco_name", [None] * rows)
    numbers = columns.get("eco_id", [None] * rows)
    found = []
    for name, number in zip(names, numbers, strict=True):
        text = "" if name is None or name != name else str(name).strip()
        value = _whole(number)
        found.append(text or ("" if value is None else f"ecoregion {value}"))
    return found
