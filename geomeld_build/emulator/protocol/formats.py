"""Pixel answers: NPY, GeoTIFF, zipped GeoTIFF, PNG and JPEG."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.errors import ServiceError
from geomeld_build.emulator.protocol.pixels import Rendered

__all__ = ["encode_pixels"]


def _npy(rendered: Rendered) -> bytes:
    dtype = np.dtype([(name, values.dtype) for name, values in zip(rendered.names, rendered.values, strict=True)])
    table = np.empty((rendered.grid.height, rendered.grid.width), dtype=dtype)
    for name, values in zip(rendered.names, rendered.values, strict=True):
        table[name] = values
    out = io.BytesIO()
    np.save(out, table, allow_pickle=False)
    return out.getvalue()


def _geotiff_of(rendered: Rendered, bands: list[int]) -> bytes:
    from rasterio.io import MemoryFile
    from rasterio.transform import Affine

    values = [rendered.values[index] for index in bands]
    # One file has one type: the smallest that holds all bands.
    dtype = np.result_type(*(array.dtype for array in values))
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "width": rendered.grid.width,
        "height": rendered.grid.height,
        "count": len(values),
        "dtype": dtype.name,
        "crs": rendered.grid.crs,
        "transform": Affine(*rendered.grid.transform),
        "compress": "deflate",
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as dataset:
            for number, (index, array) in enumerate(zip(bands, values, strict=True), 1):
                dataset.write(array.astype(dtype), number)
                dataset.set_band_description(number, rendered.names[index])
        return bytes(memory.read())


def _geotiff(rendered: Rendered) -> bytes:
    return _geotiff_of(rendered, list(range(len(rendered.names))))


def _zipped(rendered: Rendered, prefix: str, *, per_band: bool) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        if per_band:
            for index, name in enumerate(rendered.names):
                archive.writestr(f"{prefix}.{name}.tif", _geotiff_of(rendered, [index]))
        else:
            archive.writestr(f"{prefix}.tif", _geotiff(rendered))
    return out.getvalue()


def _picture(rendered: Rendered) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Red, green, blue ``(h, w, 3)`` uint8 and validity of 1 or 3 bands; values beyond 0..255 are clamped."""
    if len(rendered.values) not in (1, 3):
        raise ServiceError(
            f"Can't encode {len(rendered.values)} bands as a picture: must have 1 or 3 bands. Use visualize()."
        )
    planes = [np.clip(np.nan_to_num(array), 0, 255).astype(np.uint8) for array in rendered.values]
    return np.dstack(planes * 3 if len(planes) == 1 else planes), np.logical_and.reduce(rendered.valid)


def _png(rendered: Rendered) -> bytes:
    from PIL import Image as Pillow

    colours, valid = _picture(rendered)
    out = io.BytesIO()
    Pillow.fromarray(np.dstack([colours, np.where(valid, 255, 0).astype(np.uint8)]), "RGBA").save(out, "PNG")
    return out.getvalue()


def _jpeg(rendered: Rendered) -> bytes:
    from PIL import Image as Pillow

    colours, valid = _picture(rendered)
    out = io.BytesIO()
    Pillow.fromarray(np.where(valid[..., None], colours, 0).astype(np.uint8), "RGB").save(out, "JPEG", quality=90)
    return out.getvalue()


def _auto(rendered: Rendered) -> tuple[bytes, str]:
    if np.logical_and.reduce(rendered.valid).all():
        return _jpeg(rendered), "image/jpeg"
    return _png(rendered), "image/png"


_FORMATS: dict[str, tuple[Callable[[Rendered], bytes], str]] = {
    "NPY": (_npy, "application/octet-stream"),
    "GEO_TIFF": (_geotiff, "image/tiff"),
    "PNG": (_png, "image/png"),
    "JPEG": (_jpeg, "image/jpeg"),
}


_ZIPPED = {"ZIPPED_GEO_TIFF": False, "ZIPPED_GEO_TIFF_PER_BAND": True}
"""Whether each band has its own file."""


def encode_pixels(rendered: Rendered, file_format: str, prefix: str = "download") -> tuple[bytes, str]:
    """The file and its media type.

    Args:
        rendered: the bands.
        file_format: name of the service's format.
        prefix: how names of files inside an archive begin.

    Raises:
        ServiceError: unknown format, or bands that the format cannot hold.
    """
    if file_format in ("AUTO_JPEG_PNG", "", "IMAGE_FILE_FORMAT_UNSPECIFIED"):
        return _auto(rendered)
    if file_format in _ZIPPED:
        return _zipped(rendered, prefix, per_band=_ZIPPED[file_format]), "application/zip"
    found = _FORMATS.get(file_format)
    if found is None:
        raise ServiceError(
            f"File format '{file_format}' is not emulated. Expected one of {sorted([*_FORMATS, *_ZIPPED])}."
        )
    return found[0](rendered), found[1]
