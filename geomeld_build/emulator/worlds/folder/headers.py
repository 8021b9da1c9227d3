"""What the header of a raster says, read once per file."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import rasterio
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from geomeld_build.emulator.worlds.folder.errors import WorldError

__all__ = ["FileHeader", "HeaderCache", "read_header"]

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class FileHeader:
    """Shape, types and georeference of one raster file."""

    path: Path
    dtypes: tuple[str, ...]
    """NumPy name per band."""
    descriptions: tuple[str | None, ...]
    """Band description per band."""
    crs: str | None
    """Authority code, or None where the file has no CRS or one without a code."""
    crs_problem: str
    """Why ``crs`` is None; empty otherwise."""
    transform: tuple[float, float, float, float, float, float]
    width: int
    height: int


class HeaderCache:
    """Headers by path, so that a file that serves several assets is opened once."""

    def __init__(self) -> None:
        self._headers: dict[Path, FileHeader] = {}

    def get(self, path: Path) -> FileHeader:
        """The header of this file.

        Raises:
            WorldError: the file cannot be opened as a raster, or has no georeference.
        """
        if path not in self._headers:
            self._headers[path] = read_header(path)
        return self._headers[path]


def read_header(path: Path) -> FileHeader:
    """Reads the header of a raster file.

    Raises:
        WorldError: the file cannot be opened as a raster, or has no georeference.
    """
    if not path.is_file():
        raise WorldError(f"{path}: no such file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as dataset:
                return _header(path, dataset)
    except RasterioError as error:
        raise WorldError(f"{path}: cannot be opened as a raster: {error}") from error


def _header(path: Path, dataset: DatasetReader) -> FileHeader:
    matrix = dataset.transform
    transform = (matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)
    if transform == IDENTITY:
        raise WorldError(f"{path}: has no georeference (identity transform); write one, e.g. with gdal_edit")
    code, problem = _authority(dataset.crs)
    return FileHeader(
        path=path,
        dtypes=tuple(str(d) for d in dataset.dtypes),
        descriptions=tuple(dataset.descriptions),
        crs=code,
        crs_problem=problem,
        transform=transform,
        width=dataset.width,
        height=dataset.height,
    )


def _authority(crs: CRS | None) -> tuple[str | None, str]:
    if not crs:
        return None, "has no CRS"
    found = crs.to_authority()
    if found is None:
        return None, "has a CRS without an authority code"
    return f"{found[0]}:{found[1]}", ""
