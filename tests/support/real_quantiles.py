"""What real satellites saw of known ground: quantiles from the real sample tiles.

Labels come from elsewhere than the value that is measured: parcels of the Flemish land register, names of EuroSAT's
classes, an index of other bands. Sentinel-2 is L2A except EuroSAT's and GEO-Bench's patches (L1C, top of atmosphere).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.warp import Resampling, reproject
from scipy import ndimage

from tests.support.realworld_belgium import read_series

__all__ = ["QUANTILES", "measure"]

QUANTILES = (5, 25, 50, 75, 95)
"""Percent."""
_CLEAR = (4, 5, 6, 7)
"""Scene classes without cloud, shadow and snow."""
_PARCELS = {"crop": 11, "grass": 13}
"""Classes of the register's extract; its crop types are mostly maize in the one, grass in the other."""
_SCENE = "20200604T054639_20200604T054831_T43RCP"
Sample = dict[str, NDArray[np.float64]]


def measure(data: Path) -> dict[tuple[str, str, str], tuple[float, ...]]:
    """``QUANTILES`` of pixels.

    Args:
        data: folder of the real sample data.

    Returns:
        (sample, class, quantity) to quantiles; quantities are ``ndvi``, ``ndwi`` and, in dB, ``vv``, ``vh``, ``vv_vh``.
    """
    readers: tuple[Callable[[Path], Iterator[tuple[str, str, Sample]]], ...] = (
        _belgian_parcels,
        _belgian_sealed,
        _punjab,
        _thai_water,
        _patches,
    )
    found = {}
    for reader in readers:
        for sample, kind, values in reader(data):
            for quantity, pixels in values.items():
                kept = pixels[np.isfinite(pixels)]
                found[sample, kind, quantity] = tuple(map(float, np.percentile(kept, QUANTILES)))
    return found


def _index(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    one, two = a.astype(np.float64), b.astype(np.float64)
    result: NDArray[np.float64] = (one - two) / np.maximum(one + two, 1e-6)
    return result


def _optical(green: NDArray[Any], red: NDArray[Any], near: NDArray[Any]) -> Sample:
    return {"ndvi": _index(near, red), "ndwi": _index(green, near)}


def _radar(like: NDArray[Any], cross: NDArray[Any]) -> Sample:
    return {"vv": like, "vh": cross, "vv_vh": like - cross}


def _belgian_parcels(data: Path) -> Iterator[tuple[str, str, Sample]]:
    """Sixteen months over Flemish parcels, one pixel inside their edges; radar averaged to 20 m by the source."""
    folder = data / "timeseries_belgium"
    with h5py.File(next(folder.glob("OUTPUT*.nc"))) as file:
        label = file["LC"][:]
    _, fine, _ = read_series(next(folder.glob("S2_L2A_10m*.nc")))
    _, coarse, _ = read_series(next(folder.glob("S2_L2A_20m*.nc")))
    _, radar, _ = read_series(next(folder.glob("S1_GRD*.nc")))
    clear = np.isin(coarse["SCL"].repeat(2, 1).repeat(2, 2), _CLEAR)
    # Stored as dB * 10000, 0 = nodata.
    like, cross = (np.where(radar[name] == 0, np.nan, radar[name] * 1e-4) for name in ("VV", "VH"))
    for kind, code in _PARCELS.items():
        inside = ndimage.binary_erosion(label == code)
        seen = clear & inside
        whole = inside.reshape(32, 2, 32, 2).all(axis=(1, 3))
        yield "Belgium", kind, _optical(*(fine[name][seen] for name in ("B03", "B04", "B08")))
        yield "Belgium", kind, _radar(like[:, whole], cross[:, whole])


def _belgian_sealed(data: Path) -> Iterator[tuple[str, str, Sample]]:
    """Roofs and roads of another Belgian tile: pixels that were green in none of twelve monthly composites."""
    with h5py.File(data / "composite_belgium/worldcereal_preprocessed_inputs.nc") as file:
        names = ("S2-L2A-B04", "S2-L2A-B08", "S1-SIGMA0-VV", "S1-SIGMA0-VH")
        red, near, like, cross = (file[name][:].astype(np.uint16).astype(np.float64) for name in names)
    ndvi = np.where((red < 65535) & (near < 65535), _index(near, red), np.nan)
    sealed = np.nanmax(ndvi, axis=0) < 0.35
    yield "Belgium, sealed", "built", _radar(*(20 * np.log10(band[:, sealed]) - 83 for band in (like, cross)))


def _punjab(data: Path) -> Iterator[tuple[str, str, Sample]]:
    """Radar of fields that an optical scene 2.8 days earlier shows bare or green."""
    folder = data / "tile_punjab_pk"
    bands = {}
    for name in ("B4", "B8"):
        with rasterio.open(folder / f"s2a/0000200/{_SCENE}/{name}.tif") as file:
            bands[name], grid, crs = file.read(1), file.transform, file.crs
    ndvi = _index(bands["B8"], bands["B4"])
    found = []
    for name in ("VV", "VH"):
        with rasterio.open(next((folder / "s1/0000200").glob(f"*20200607*/{name}.tif"))) as file:
            target = np.full(ndvi.shape, np.nan, dtype=np.float32)
            reproject(
                file.read(1),
                target,
                src_transform=file.transform,
                src_crs=file.crs,
                dst_transform=grid,
                dst_crs=crs,
                dst_nodata=np.nan,
                resampling=Resampling.nearest,
            )
            found.append(target.astype(np.float64))
    for kind, chosen in (("bare", ndvi < 0.2), ("crop", ndvi > 0.5)):
        yield "Punjab", kind, _radar(found[0][chosen], found[1][chosen])


def _thai_water(data: Path) -> Iterator[tuple[str, str, Sample]]:
    """The Mekong and ponds: Xu's index of green and short-wave infrared above 0.3, three pixels from the shore."""
    folder = next((data / "tile_thailand_majortom").iterdir())
    bands = {}
    for name in ("B03", "B04", "B08", "B11"):
        with rasterio.open(folder / f"{name}.tif") as file:
            bands[name] = file.read(1)
    short = bands["B11"].repeat(2, 0).repeat(2, 1)
    water = ndimage.binary_erosion(_index(bands["B03"], short) > 0.3, iterations=3)
    yield "Thailand", "water", _optical(*(bands[name][water] for name in ("B03", "B04", "B08")))


def _patches(data: Path) -> Iterator[tuple[str, str, Sample]]:
    """Patches of EuroSAT: a crop, a pasture and (label 1 of GEO-Bench's m-eurosat) a forest."""
    for name, kind in (("AnnualCrop_1", "crop"), ("Pasture_300", "grass")):
        with rasterio.open(data / f"eurosat_ms/{name}.tif") as file:
            green, red, near = (file.read(number) for number in (3, 4, 8))
        yield f"EuroSAT {name}", kind, _optical(green, red, near)
    with h5py.File(data / "geobench/m-eurosat_id_1905.hdf5") as file:
        green, red, near = (file[name][:] for name in ("03 - Green", "04 - Red", "08 - NIR"))
    yield "GEO-Bench m-eurosat 1905", "tree", _optical(green, red, near)
