"""Invented rasters over the Punjab tile, so that a whole tile can be built there. None of this is data.

Every pattern is a closed formula of the pixel centre's lon/lat or of its row and column, so tests can recompute it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine, from_origin

__all__ = ["BOX", "add_scl", "assets", "canopy_height", "canopy_std", "dynamic_world", "elevation", "scl"]

BOX = (73.28, 30.44, 73.33, 30.49)
"""Lon/lat box (west, south, east, north) that the rasters in degrees fill; it holds the Punjab tile."""
CANOPY = "users/nlang/ETH_GlobalCanopyHeight_2020_10m_v1"
CANOPY_SD = "users/nlang/ETH_GlobalCanopyHeightSD_2020_10m_v1"
ASTER = "projects/sat-io/open-datasets/ASTER/GDEM"
DYNAMIC_WORLD = "GOOGLE/DYNAMICWORLD/V1"
_MARK = {"made_up": True, "note": "invented pattern for tests, not data"}


def elevation(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int16]:
    """Metres: a plane that rises to the north-east, with waves of 12 m."""
    waves = 12.0 * np.sin(400.0 * lon) * np.cos(300.0 * lat)
    return np.rint(170.0 + 900.0 * (lon - BOX[0]) + 600.0 * (lat - BOX[1]) + waves).astype(np.int16)


def canopy_height(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Metres 0..20 in waves; 255 = nodata on a narrow strip."""
    height = np.rint(10.0 + 10.0 * np.sin(700.0 * lon + 500.0 * lat))
    return np.where((lon > 73.3045) & (lon < 73.3047), 255, height).astype(np.uint8)


def canopy_std(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Metres 2..8 in waves."""
    return np.rint(5.0 + 3.0 * np.cos(650.0 * lon - 450.0 * lat)).astype(np.uint8)


def dynamic_world(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Labels 0..8 in blocks of 7 x 7 pixels; 255 = masked in every 50th row."""
    label = (rows // 7 + 2 * (cols // 7)) % 9
    return np.where(rows % 50 == 49, 255, label).astype(np.uint8)


def scl(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Vegetation (4) and bare soil (5) in blocks, one cloud (9) with its shadow (3); 0 in row 0 = masked."""
    ground = np.where((rows // 10 + cols // 10) % 2 == 0, 4, 5)
    cloud = (rows - 66) ** 2 + (cols - 60) ** 2 < 36
    shadow = (rows - 74) ** 2 + (cols - 68) ** 2 < 36
    return np.where(rows == 0, 0, np.where(cloud, 9, np.where(shadow, 3, ground))).astype(np.uint8)


def assets(folder: Path, template: Path) -> list[dict[str, Any]]:
    """Writes the rasters below ``folder``; returns their assets. ``template`` gives the grid of the SCL band."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_degrees(folder / "aster.tif", 1 / 3600, elevation, None)
    _write_degrees(folder / "canopy.tif", 1 / 12000, canopy_height, 255)
    _write_degrees(folder / "canopy_sd.tif", 1 / 12000, canopy_std, 255)
    rows, cols = np.mgrid[0:400, 0:400]
    _write(folder / "dw.tif", dynamic_world(rows, cols), from_origin(335_000, 3_373_500, 10, 10), "EPSG:32643", 255)
    with rasterio.open(template) as dataset:
        rows, cols = np.mgrid[0 : dataset.height, 0 : dataset.width]
        _write(folder / "scl.tif", scl(rows, cols), dataset.transform, dataset.crs.to_string(), 0)
    images = [(CANOPY, "canopy.tif"), (CANOPY_SD, "canopy_sd.tif"), (ASTER, "aster.tif")]
    member = {
        "index": "20200604T054639_20200604T054831_T43RCP",
        "files": str(folder / "dw.tif"),
        "bands": ["label"],
        "datetime": "2020-06-04T05:46:39Z",
        "properties": _MARK,
    }
    return [
        *(
            {"type": "image", "id": asset_id, "files": str(folder / file), "bands": ["b1"], "properties": _MARK}
            for asset_id, file in images
        ),
        {"type": "collection", "id": DYNAMIC_WORLD, "images": [member], "properties": _MARK},
    ]


def add_scl(member: dict[str, Any], folder: Path) -> None:
    """Gives a Sentinel-2 scene of the Punjab tile the invented SCL band, and says so in its properties."""
    member["bands"] = [*member["bands"], {"name": "SCL", "file": str(folder / "scl.tif")}]
    member["properties"] = {**member["properties"], "made_up": True, "made_up_bands": ["SCL"]}


def _write_degrees(path: Path, size: float, pattern: Any, nodata: float | None) -> None:
    west, south, east, north = BOX
    width, height = round((east - west) / size), round((north - south) / size)
    lon = west + (np.arange(width) + 0.5) * size
    lat = north - (np.arange(height) + 0.5) * size
    values = pattern(*np.meshgrid(lon, lat))
    _write(path, values, from_origin(west, north, size, size), "EPSG:4326", nodata)


def _write(path: Path, values: NDArray[Any], transform: Affine, crs: str, nodata: float | None) -> None:
    height, width = values.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=1,
        height=height,
        width=width,
        dtype=values.dtype,
        crs=crs,
        transform=transform,
        nodata=nodata,
    ) as dataset:
        dataset.write(values, 1)
