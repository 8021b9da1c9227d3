"""Reading windows of native pixels: a bounded pool of open files, validity, conversion."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError
from rasterio.features import geometry_mask
from rasterio.io import DatasetReader
from rasterio.transform import Affine
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.worlds.folder.errors import WorldError
from geomeld_build.emulator.worlds.folder.model import DbToPower, Linear, PowerToDb
from geomeld_build.emulator.worlds.folder.specs import BandSpec

__all__ = ["LONLAT", "DatasetPool", "FolderReader", "read_window"]

LONLAT = frozenset({"EPSG:4326", "OGC:CRS84"})
"""CRS whose coordinates are footprints' coordinates already."""


class DatasetPool:
    """Open raster files, each used by one thread at a time, at most ``capacity`` of them idle.

    GDAL handles must not be shared between threads. A pool lends a handle out for one read and keeps it for the next
    one, so that N threads on one file hold N handles and an idle world holds few.
    """

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._idle: OrderedDict[int, tuple[Path, DatasetReader]] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def borrow(self, path: Path) -> Iterator[DatasetReader]:
        """Lends an open dataset for the length of a ``with`` block.

        Raises:
            WorldError: the file cannot be opened or read any more.
        """
        try:
            dataset = self._take(path) or rasterio.open(path)
        except RasterioError as error:
            raise WorldError(f"{path}: cannot be opened as a raster: {error}") from error
        try:
            yield dataset
        except RasterioError as error:
            dataset.close()
            raise WorldError(f"{path}: cannot be read: {error}") from error
        except BaseException:
            dataset.close()
            raise
        self._give_back(path, dataset)

    def close(self) -> None:
        """Closes every idle file; the pool can be used again afterwards."""
        with self._lock:
            idle, self._idle = self._idle, OrderedDict()
        for _, dataset in idle.values():
            dataset.close()

    def _take(self, path: Path) -> DatasetReader | None:
        with self._lock:
            for key in reversed(self._idle):
                if self._idle[key][0] == path:
                    return self._idle.pop(key)[1]
        return None

    def _give_back(self, path: Path, dataset: DatasetReader) -> None:
        with self._lock:
            self._idle[id(dataset)] = (path, dataset)
            surplus = self._idle.popitem(last=False)[1][1] if len(self._idle) > self._capacity else None
        if surplus is not None:
            surplus.close()


class FolderReader:
    """Reads the bands of one image; implements the seam's ``PixelReader``."""

    def __init__(self, bands: tuple[BandSpec, ...], pool: DatasetPool, cutout: BaseGeometry | None) -> None:
        """Args:
        bands: the bands of the image.
        pool: where files are opened.
        cutout: lon/lat geometry outside which pixels are masked; None = the files' own extent is enough.
        """
        self._bands = {band.info.name: band for band in bands}
        self._pool = pool
        self._cutout = cutout
        self._native: dict[str, BaseGeometry] = {}

    def __call__(self, band: str, row0: int, row1: int, col0: int, col1: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Values ``(row1-row0, col1-col0)`` in the band's dtype, 0 where invalid, and the mask, True = valid.

        Raises:
            WorldError: the file cannot be read any more.
        """
        spec = self._bands[band]
        values, valid = read_window(spec, self._pool, row0, row1, col0, col1)
        if self._cutout is not None:
            valid &= self._inside(spec, self._cutout, row0, row1, col0, col1)
            values[~valid] = 0
        return values, valid

    def _inside(
        self, spec: BandSpec, cutout: BaseGeometry, row0: int, row1: int, col0: int, col1: int
    ) -> NDArray[np.bool_]:
        crs = spec.info.crs
        if crs not in self._native:
            self._native[crs] = _to_native(cutout, crs)
        shape = (row1 - row0, col1 - col0)
        geometry = self._native[crs]
        if geometry.is_empty or 0 in shape:
            return np.zeros(shape, dtype=np.bool_)
        matrix = Affine(*spec.info.transform) @ Affine.translation(col0, row0)
        return np.asarray(geometry_mask([geometry], shape, matrix, invert=True), dtype=np.bool_)


def read_window(
    spec: BandSpec, pool: DatasetPool, row0: int, row1: int, col0: int, col1: int
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """One window of one band: values ``(row1-row0, col1-col0)`` in the served dtype, 0 where invalid, and the mask.

    Raises:
        WorldError: the file cannot be read.
    """
    shape = (row1 - row0, col1 - col0)
    dtype = np.dtype(spec.info.dtype)
    if 0 in shape:
        return np.zeros(shape, dtype=dtype), np.zeros(shape, dtype=np.bool_)
    window = Window(col0, row0, shape[1], shape[0])
    with pool.borrow(spec.file) as dataset:
        stored = dataset.read(spec.number, window=window)
        valid = _file_mask(dataset, spec, window)
    valid &= _value_mask(stored, spec.nodata)
    served = _convert(stored, spec.convert)
    if served.dtype.kind == "f":
        valid &= np.isfinite(served)
    return _cast(np.where(valid, served, np.zeros((), served.dtype)), dtype), valid


def _file_mask(dataset: DatasetReader, spec: BandSpec, window: Window) -> NDArray[np.bool_]:
    """What the file itself says about validity; its nodata value counts only where none is stated."""
    flags = dataset.mask_flag_enums[spec.number - 1]
    by_value = MaskFlags.nodata in flags
    if spec.nodata == "none" or MaskFlags.all_valid in flags or (by_value and spec.nodata != "file"):
        return np.ones((int(window.height), int(window.width)), dtype=np.bool_)
    return np.asarray(dataset.read_masks(spec.number, window=window) != 0, dtype=np.bool_)


def _value_mask(stored: NDArray[Any], nodata: tuple[float, ...] | str) -> NDArray[np.bool_]:
    valid = np.ones(stored.shape, dtype=np.bool_)
    if stored.dtype.kind == "f":
        valid &= ~np.isnan(stored)
    if isinstance(nodata, tuple):
        for value in nodata:
            if stored.dtype.kind == "f" and abs(value) > np.finfo(stored.dtype).max:
                continue
            # A float32 file holds the nearest float32 of the stated value, so compare in the file's own type.
            wanted = stored.dtype.type(value) if stored.dtype.kind == "f" else value
            valid &= stored != wanted
    return valid


def _convert(stored: NDArray[Any], convert: Linear | DbToPower | PowerToDb | None) -> NDArray[Any]:
    with np.errstate(all="ignore"):
        if convert is None:
            return stored
        exact = stored.astype(np.float64)
        match convert:
            case Linear():
                return np.asarray(exact * convert.scale + convert.offset)
            case DbToPower():
                return np.asarray(np.power(10.0, exact / 10.0))
            case PowerToDb():
                return np.asarray(10.0 * np.log10(exact))


def _cast(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "f" or values.dtype == dtype:
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    rounded: NDArray[Any] = np.rint(values) if values.dtype.kind == "f" else values
    return rounded.clip(limits.min, limits.max).astype(dtype)


def _to_native(geometry: BaseGeometry, crs: str) -> BaseGeometry:
    """A lon/lat geometry in another CRS, with enough vertices that its edges stay where they are."""
    if crs in LONLAT:
        return geometry
    west, south, east, north = geometry.bounds
    dense = shapely.segmentize(geometry, max(east - west, north - south) / 64)
    transformer = Transformer.from_crs("OGC:CRS84", crs, always_xy=True)
    moved = shapely.transform(dense, lambda x, y: transformer.transform(x, y), interleaved=False)
    return shapely.make_valid(moved)
