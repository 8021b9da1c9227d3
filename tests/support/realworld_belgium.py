"""The Belgian time series (NetCDF, 640 m, 2017-08 .. 2018-11) as GeoTIFF scenes for scene-selection tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

__all__ = ["read_series", "s1_members", "s2_members"]

_CLOUD_CLASSES = (8, 9, 10)
"""SCL: cloud of medium and high probability, thin cirrus; what CLOUDY_PIXEL_PERCENTAGE counts."""
_SERVICE_NAMES = {"B02": "B2", "B03": "B3", "B04": "B4", "B08": "B8", "B05": "B5", "B06": "B6", "B07": "B7"}


def read_series(path: Path) -> tuple[list[datetime], dict[str, NDArray[Any]], tuple[float, float, float]]:
    """Times, variables by name, and (west, north, pixel size) of one file."""
    with h5py.File(path, "r") as file:
        unit = file["timestamp"].attrs["units"]
        text = unit.decode() if isinstance(unit, bytes) else str(unit)
        start = datetime.fromisoformat(text.removeprefix("seconds since ")).replace(tzinfo=UTC)
        times = [start + timedelta(seconds=int(seconds)) for seconds in file["timestamp"][:]]
        names = [name for name in file if name not in ("timestamp", "x", "y", "spatial_ref")]
        x, y = file["x"][:2], file["y"][:2]
        size = float(x[1] - x[0])
        return times, {name: file[name][:] for name in names}, (float(x[0]) - size / 2, float(y[0]) + size / 2, size)


def s2_members(folder: Path, out: Path) -> list[dict[str, Any]]:
    """Writes the Sentinel-2 dates as GeoTIFFs; returns members of the collection, bands at 10 and 20 m and SCL."""
    out.mkdir(parents=True, exist_ok=True)
    times, fine, fine_grid = read_series(_file(folder, "S2_L2A_10m"))
    same_times, coarse, coarse_grid = read_series(_file(folder, "S2_L2A_20m"))
    if times != same_times:
        raise ValueError("the 10 m and 20 m files have different dates")
    tens = [name for name in fine if fine[name].ndim == 3]
    twenties = [name for name in coarse if coarse[name].ndim == 3 and name != "SCL"]
    members = []
    for number, moment in enumerate(times):
        stamp = f"{moment:%Y%m%dT%H%M%S}"
        scl = coarse["SCL"][number]
        files = [out / f"S2_{stamp}_{part}.tif" for part in ("10m", "20m", "SCL")]
        _write(files[0], {_SERVICE_NAMES.get(n, n): fine[n][number] for n in tens}, fine_grid, 0)
        _write(files[1], {_SERVICE_NAMES.get(n, n): coarse[n][number] for n in twenties}, coarse_grid, 0)
        _write(files[2], {"SCL": scl}, coarse_grid, 0)
        members.append(
            {
                "index": f"{stamp}_{stamp}_T31UDS",
                "files": [str(file) for file in files],
                "datetime": moment.isoformat(),
                "properties": {
                    "CLOUDY_PIXEL_PERCENTAGE": round(100.0 * float(np.isin(scl, _CLOUD_CLASSES).mean()), 4),
                    "MGRS_TILE": "31UDS",
                    "MEAN_SOLAR_ZENITH_ANGLE": float(coarse["sunZenithAngles"][number]),
                    "MEAN_SOLAR_AZIMUTH_ANGLE": float(coarse["sunAzimuthAngles"][number]),
                    "derived_properties": ["CLOUDY_PIXEL_PERCENTAGE", "system:index"],
                    "derived": "cloud percentage from SCL classes 8, 9, 10 of the 640 m box, not of the granule",
                },
            }
        )
    return members


def s1_members(folder: Path, out: Path) -> list[dict[str, Any]]:
    """Writes the Sentinel-1 dates as GeoTIFFs in dB; returns members of the collection, VV and VH at 20 m."""
    out.mkdir(parents=True, exist_ok=True)
    times, variables, grid = read_series(_file(folder, "S1_GRD-ASCENDING_20m"))
    members = []
    for number, moment in enumerate(times):
        stamp = f"{moment:%Y%m%dT%H%M%S}"
        path = out / f"S1_{stamp}.tif"
        # Stored as dB * 10000 in int32, 0 = nodata.
        stored = {name: variables[name][number] for name in ("VV", "VH")}
        decibels = {n: np.where(v == 0, np.nan, v * 1e-4).astype(np.float32) for n, v in stored.items()}
        _write(path, decibels, grid, None)
        members.append(
            {
                "index": f"S1_GRDH_1SDV_{stamp}_00002806639B424A",
                "files": str(path),
                "datetime": moment.isoformat(),
                "properties": {
                    "orbitProperties_pass": "ASCENDING",
                    "transmitterReceiverPolarisation": ["VV", "VH"],
                    "instrumentMode": "IW",
                    "resolution_meters": 10,
                    "derived_properties": ["system:index", "instrumentMode", "resolution_meters"],
                    "derived": "pixels were averaged to 20 m by the source; orbit number and platform are not known",
                },
            }
        )
    return members


def _file(folder: Path, start: str) -> Path:
    return next(folder.glob(f"{start}_*.nc"))


def _write(
    path: Path, bands: Mapping[str, NDArray[Any]], grid: tuple[float, float, float], nodata: float | None
) -> None:
    stack = np.stack(list(bands.values()))
    west, north, size = grid
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=stack.shape[0],
        height=stack.shape[1],
        width=stack.shape[2],
        dtype=stack.dtype,
        crs="EPSG:32631",
        transform=from_origin(west, north, size, size),
        nodata=nodata,
    ) as dataset:
        dataset.write(stack)
        dataset.descriptions = tuple(bands)
