"""Tiles to compress: real scenes sampled onto 10 m tile grids as a build does it, and tiles of the simulated planet.

Real are Sentinel-2 (Punjab, Thailand), Sentinel-1 (Punjab), elevation and land cover (Sao Tome) and surface water
(Brazil). Bilinear bands are sampled at the pixel centres of the tile grid, radar in linear power.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.ndimage import map_coordinates

from geomeld_build.build import BuildConfig, SourceConfig, build_tiles
from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.modalities import MODALITIES
from geomeld_build.store import open_store

__all__ = ["planet_tiles", "real_tiles"]

Tiles = dict[str, list[NDArray[Any]]]
"""Row of the table to tiles ``(band, y, x)`` in the stored dtype."""

_SIZE, _GSD = 128, 10.0
_THAILAND = "tile_thailand_majortom/S2B_MSIL2A_20200223T032739_N9999_R018_T48QUE_20230924T183543"
_PUNJAB = "tile_punjab_pk"
_RADAR = ("VV", "VH")
_ISLAND_PITCH = 4_000.0
_REGIONS = ("75.0,30.2,75.4,30.5", "9.0,47.8,9.6,48.2")


def planet_tiles(folder: Path, number: int) -> list[dict[str, NDArray[Any]]]:
    """Tiles of the simulated planet, built for this, half of them in each of two regions."""
    tiles = []
    with EmulatorServer(PlanetWorld()) as server:
        for place, region in enumerate(_REGIONS):
            uri = str(folder / f"store-{place}")
            source = SourceConfig(url=server.url, project="local")
            build_tiles(BuildConfig(store=uri, region=region, limit=number // 2, workers=4, source=source))
            store = open_store(uri)
            tiles += [store.raw(tile_id) for tile_id in store.tile_ids()]
    return tiles


def real_tiles(data: Path) -> dict[str, list[NDArray[Any]]]:
    """Tiles by name: rows of the table, and ``sentinel2`` and ``sentinel1`` apart by place and by passes."""
    return {
        "sentinel2 Thailand": list(_thailand(data / _THAILAND)),
        "sentinel2 Punjab": list(_punjab_s2(data / _PUNJAB / "s2a/0000200")),
        "sentinel1 one pass": list(_punjab_s1(data / _PUNJAB / "s1/0000200", ("DESC",))),
        "sentinel1 two passes": list(_punjab_s1(data / _PUNJAB / "s1/0000200", ("ASC", "DESC"))),
        **_sao_tome(data / "saotome"),
        "jrc_occurrence": list(_water(data / "jrc_gsw_manso_br")),
    }


def _corners(left: float, top: float, steps: int, pitch: float = _SIZE * _GSD) -> Iterator[tuple[float, float]]:
    for down in range(steps):
        for right in range(steps):
            yield left + right * pitch, top - down * pitch


class _Band:
    """One raster, sampled onto tile grids."""

    def __init__(self, path: Path, epsg: int, *, power: bool = False) -> None:
        with rasterio.open(path) as file:
            self.pixels = file.read(1).astype(np.float64)
            self._inverse = ~file.transform
            self._project = Transformer.from_crs(epsg, file.crs, always_xy=True)
        self._power = power
        if power:
            self.pixels = 10.0 ** (self.pixels / 10.0)

    def sample(self, left: float, top: float, *, order: int = 1, gsd: float = _GSD) -> NDArray[np.float64]:
        """Values at the pixel centres of a tile: order 1 bilinear, 0 nearest."""
        x, y = np.meshgrid(
            left + gsd * (np.arange(_SIZE) + 0.5),
            top - gsd * (np.arange(_SIZE) + 0.5),
        )
        columns, rows = self._inverse * np.array(self._project.transform(x, y))
        place = [rows - 0.5, columns - 0.5]
        found = map_coordinates(self.pixels, place, order=order, mode="nearest", prefilter=False)
        return np.asarray(10.0 * np.log10(found) if self._power else found)


def _reflectance(bands: list[_Band], left: float, top: float) -> NDArray[np.uint16]:
    values = np.stack([band.sample(left, top) for band in bands])
    return np.round(values).clip(1, 65535).astype(np.uint16)


def _thailand(folder: Path) -> Iterator[NDArray[Any]]:
    files = [f"B{band[1:].zfill(2)}.tif" if band != "B8A" else "B8A.tif" for band in MODALITIES["sentinel2"].bands]
    bands = [_Band(folder / file, 32648) for file in files]
    # On the files' own lattice, as most tiles lie on their scene's: 10 m bands are copied, others interpolated.
    for left, top in _corners(362612.2, 1987088.2, 8):
        yield _reflectance(bands, left, top)


def _punjab_corners() -> Iterator[tuple[float, float]]:
    # The patch is 2.57 km wide and turned by 0.9 degrees: four tiles that overlap by 60 m lie inside.
    centre_x, centre_y = Transformer.from_crs(4326, 32643, always_xy=True).transform(73.3059, 30.4640)
    half = _SIZE * _GSD - 30.0
    return _corners(20 * round((centre_x - half) / 20), 20 * round((centre_y + half) / 20), 2, 1220.0)


def _punjab_s2(folder: Path) -> Iterator[NDArray[Any]]:
    for scene in sorted(folder.iterdir()):
        bands = [_Band(scene / f"{band}.tif", 32643) for band in MODALITIES["sentinel2"].bands]
        for left, top in _punjab_corners():
            yield _reflectance(bands, left, top)


def _punjab_s1(folder: Path, passes: tuple[str, ...]) -> Iterator[NDArray[Any]]:
    row = MODALITIES["sentinel1"]
    scenes = dict(zip(("DESC", "ASC"), sorted(folder.iterdir()), strict=True))  # June, September
    bands = {(name, band): _Band(scenes[name] / f"{band}.tif", 32643, power=True) for name in passes for band in _RADAR}
    for left, top in _punjab_corners():
        tile = np.full((len(row.bands), _SIZE, _SIZE), row.nodata, np.int16)
        for (name, band), raster in bands.items():
            tile[row.bands.index(f"{band}_{name.lower()}")] = np.round(100 * raster.sample(left, top))
        yield tile


def _sao_tome(folder: Path) -> Tiles:
    elevation = _Band(folder / "Copernicus_DSM_COG_10_N00_00_E006_00_DEM_saotome.tif", 32632)
    cover = _Band(folder / "ESA_WorldCover_10m_2021_v200_N00E006_Map_saotome.tif", 32632)
    tiles: Tiles = {"elevation": [], "slope": [], "esa_worldcover": [], "dem_context": []}
    centre_x, centre_y = Transformer.from_crs(4326, 32632, always_xy=True).transform(6.6, 0.22)
    half = 10 * _ISLAND_PITCH / 2
    for left, top in _corners(
        20 * round((centre_x - half) / 20), 20 * round((centre_y + half) / 20), 10, _ISLAND_PITCH
    ):
        land = cover.sample(left, top, order=0)
        if np.isin(land, (0, 80)).mean() > 0.5:
            continue  # sea
        height = elevation.sample(left, top)
        steep = np.degrees(np.arctan(np.hypot(*np.gradient(height, _GSD))))
        wide = elevation.sample(left - 1280.0, top + 1280.0, gsd=30.0)
        tiles["elevation"].append(np.round(height).astype(np.int16)[None])
        tiles["slope"].append(np.round(100 * steep).astype(np.int16)[None])
        tiles["dem_context"].append(np.round(wide).astype(np.int16)[None])
        tiles["esa_worldcover"].append(land.astype(np.uint8)[None])
    return tiles


def _water(folder: Path) -> Iterator[NDArray[Any]]:
    band = _Band(folder / "occurrence-0000360000-0000480000.tif", 32721)
    band.pixels[band.pixels == 0] = 255  # never water is served masked
    centre_x, centre_y = Transformer.from_crs(4326, 32721, always_xy=True).transform(-55.734, -15.016)
    for left, top in _corners(20 * round((centre_x - 1280) / 20), 20 * round((centre_y + 1280) / 20), 2):
        yield band.sample(left, top, order=0).astype(np.uint8)[None]
