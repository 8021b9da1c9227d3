"""A tile as a model sees it: always the same stretch, so that equal ground looks equal."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geomeld_build.modalities import modality

__all__ = ["IMAGE_VERSION", "SIDE", "TileImages", "images_of", "rows_for_images"]

IMAGE_VERSION = 1
SIDE = 448
"""Pixels that InternVL takes at once; other models scale."""
_WHITE = 0.3
"""Reflectance that is white."""
_GAMMA = 1 / 1.4
_TRUE, _FALSE = ("B4", "B3", "B2"), ("B8", "B4", "B3")


@dataclass(frozen=True, slots=True)
class TileImages:
    """Pictures of a tile as PNG."""

    main: bytes
    """What a caption is about: aerial imagery where there is any, else true colour of Sentinel-2."""
    gsd_m: float
    """Metres of ground that a pixel of the source is."""
    source: str
    """``naip`` or ``sentinel2``."""
    false_colour: bytes | None = None


def rows_for_images(available: tuple[str, ...]) -> tuple[str, ...]:
    """The rows of a store that pictures are made from."""
    return tuple(name for name in ("sentinel2", "naip") if name in available)


def images_of(arrays: Mapping[str, NDArray[Any]], *, false_colour: bool = False) -> TileImages | None:
    """Pictures of a tile; None where neither row has pixels.

    Args:
        arrays: row name to ``(band, y, x)`` as stored.
        false_colour: also near infrared, red and green of Sentinel-2.
    """
    second = _composite(arrays, _FALSE) if false_colour else None
    aerial = _aerial(arrays)
    if aerial is not None:
        return TileImages(aerial, float(modality("naip").grid.gsd_m), "naip", second)
    first = _composite(arrays, _TRUE)
    return None if first is None else TileImages(first, float(modality("sentinel2").grid.gsd_m), "sentinel2", second)


def _aerial(arrays: Mapping[str, NDArray[Any]]) -> bytes | None:
    """Red, green and blue at the resolution that they have."""
    if "naip" not in arrays:
        return None
    row, stored = modality("naip"), arrays["naip"]
    rgb = np.stack([stored[row.bands.index(band)] for band in row.bands[:3]], axis=-1)
    # 0 is nodata and black at once: only a tile without any light has no picture.
    return _png(rgb.astype(np.uint8)) if (rgb != row.nodata).any() else None


def _composite(arrays: Mapping[str, NDArray[Any]], bands: tuple[str, ...]) -> bytes | None:
    if "sentinel2" not in arrays:
        return None
    row, stored = modality("sentinel2"), arrays["sentinel2"]
    chosen = np.stack([stored[row.bands.index(band)] for band in bands], axis=-1)
    valid = (chosen != row.nodata).all(axis=-1)
    if not valid.any():
        return None
    reflectance = chosen * row.scaling.scale + row.scaling.offset
    bright = np.clip(reflectance / _WHITE, 0.0, 1.0) ** _GAMMA
    picture = np.where(valid[..., None], np.rint(255 * bright), 0).astype(np.uint8)
    return _png(np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC)))


def _png(rgb: NDArray[np.uint8]) -> bytes:
    target = io.BytesIO()
    # Pillow writes the same bytes for the same pixels; what is asked of a model is named by its hash.
    Image.fromarray(rgb).save(target, format="PNG", compress_level=6)
    return target.getvalue()
