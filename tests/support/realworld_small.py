"""Small rasters and worlds written by a test itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

from geomeld_build.emulator.worlds.base import ImageRecord, World
from geomeld_build.emulator.worlds.folder import FolderWorld

__all__ = ["UTM", "everything", "image", "ramp", "raster", "world"]

UTM = "EPSG:32643"
GRID = from_origin(336_000, 3_372_000, 10, 10)


def raster(
    path: Path,
    values: NDArray[Any],
    *,
    crs: str | None = UTM,
    transform: Any = GRID,
    nodata: float | None = None,
    names: Sequence[str] = (),
) -> Path:
    """Writes ``(y, x)`` or ``(band, y, x)`` values as a GeoTIFF."""
    stack = values if values.ndim == 3 else values[None]
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = stack.shape
    shape = {"count": count, "height": height, "width": width, "dtype": stack.dtype}
    with rasterio.open(path, "w", driver="GTiff", crs=crs, transform=transform, nodata=nodata, **shape) as dataset:
        dataset.write(stack)
        if names:
            dataset.descriptions = tuple(names)
    return path


def world(folder: Path, *assets: dict[str, Any]) -> FolderWorld:
    """Writes world.json and opens the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "world.json").write_text(json.dumps({"assets": assets}))
    return FolderWorld.open(folder)


def image(served: World, asset_id: str) -> ImageRecord:
    """The image with this id; fails where it is none."""
    found = served.find(asset_id)
    assert isinstance(found, ImageRecord)
    return found


def everything(record: ImageRecord, band: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """All pixels of one band, and their mask."""
    info = next(b for b in record.bands if b.name == band)
    return record.read(band, 0, info.height, 0, info.width)


def ramp(height: int, width: int, dtype: str = "uint16") -> NDArray[Any]:
    """1, 2, 3, ... row by row."""
    return np.arange(1, height * width + 1).reshape(height, width).astype(dtype)
