"""Tiles over the real sample data, as far as each place has rasters: what captions of real ground are written from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from geomeld_build.captions.context.geography import Atlas
from geomeld_build.captions.context.sources import ContextSources
from geomeld_build.captions.signals.footprint import Footprint
from geomeld_build.captions.signals.measure import Place, measure
from geomeld_build.captions.signals.record import Signals
from geomeld_build.grid import Anchor, place_anchor
from geomeld_build.modalities import modality
from tests.support.realdata import data_dir

__all__ = ["RealTile", "real_tiles"]

_SAO_TOME = (
    (6.62, 0.25), (6.53, 0.27), (6.734, 0.34), (6.66, 0.40), (6.56, 0.09), (6.50, 0.20), (6.645, 0.125), (6.74, 0.24),
)  # fmt: skip
_PUNJAB = (73.3056, 30.4642)
_THAILAND = ((103.72, 17.95), (103.78, 17.90), (103.75, 17.89))


@dataclass(frozen=True)
class RealTile:
    """One place."""

    name: str
    anchor: Anchor
    arrays: dict[str, NDArray[Any]]
    """Rows that the sample data has there, as a store would hold them."""
    signals: Signals


def real_tiles() -> Iterator[RealTile]:
    """Sao Tome: land cover and elevation. Punjab and north-east Thailand: Sentinel-2."""
    data = data_dir()
    for number, (lon, lat) in enumerate(_SAO_TOME, start=1):
        yield _tile(f"Sao Tome {number}", lon, lat, (2021, 7, 1), _sao_tome(data / "saotome"))
    scenes = data / "tile_punjab_pk/s2a/0000200"
    for day in ((2020, 6, 4), (2020, 8, 13)):
        (folder,) = scenes.glob("{}{:02d}{:02d}*".format(*day))
        yield _tile(f"Punjab {day[0]}-{day[1]:02d}", *_PUNJAB, day, {"sentinel2": _bands(folder)})
    (folder,) = (data / "tile_thailand_majortom").iterdir()
    for number, (lon, lat) in enumerate(_THAILAND, start=1):
        yield _tile(f"Thailand {number}", lon, lat, (2020, 2, 23), {"sentinel2": _bands(folder)})


def _sao_tome(folder: Path) -> dict[str, list[Path]]:
    return {
        "esa_worldcover": [folder / "ESA_WorldCover_10m_2021_v200_N00E006_Map_saotome.tif"],
        "dem_context": [folder / "Copernicus_DSM_COG_10_N00_00_E006_00_DEM_saotome.tif"],
    }


def _bands(folder: Path) -> list[Path]:
    return [folder / f"{band}.tif" for band in _names(folder)]


def _names(folder: Path) -> list[str]:
    """Bands in the order of the row, by the names that the files have."""
    own = modality("sentinel2").bands
    padded = [f"B{band[1:].zfill(2)}" for band in own]
    return list(own) if (folder / f"{own[0]}.tif").exists() else padded


def _tile(name: str, lon: float, lat: float, day: tuple[int, int, int], files: dict[str, list[Path]]) -> RealTile:
    when = datetime(*day, 12, tzinfo=UTC)
    anchor = place_anchor(lon, lat, when, recipe="real")
    arrays = {row: _read(paths, row, anchor) for row, paths in files.items()}
    signals = measure(Place(anchor.tile_id, lon, lat, when), arrays)
    tile = Footprint(anchor.tile_id, f"EPSG:{anchor.epsg}", anchor.left, anchor.top, 1280.0)
    atlas = Atlas(ecoregions=data_dir() / "regions/biomes_dinerstein2017_0p2deg.gpkg")
    (signals,) = ContextSources(atlas=atlas).read([tile]).add([signals])
    return RealTile(name, anchor, arrays, signals)


def _read(paths: list[Path], name: str, anchor: Anchor) -> NDArray[Any]:
    """A row ``(band, y, x)``: classes from the nearest pixel, all else between the four nearest."""
    row = modality(name)
    half = row.grid.size * row.grid.gsd_m / 2
    x, y = anchor.left + 640.0, anchor.top - 640.0
    transform = Affine(row.grid.gsd_m, 0.0, x - half, 0.0, -row.grid.gsd_m, y + half)
    method = Resampling.nearest if name == "esa_worldcover" else Resampling.bilinear
    found = []
    for path in paths:
        with rasterio.open(path) as file, WarpedVRT(
            file, crs=f"EPSG:{anchor.epsg}", transform=transform, width=row.grid.size, height=row.grid.size,
            resampling=method,
        ) as vrt:  # fmt: skip
            found.append(np.rint(vrt.read(1)).astype(row.dtype))
    return np.stack(found)
