"""Pictures of the tiles of a store."""

from __future__ import annotations

from functools import lru_cache

from geomeld_build.captions.vision.image import TileImages, images_of, rows_for_images
from geomeld_build.store import Store, open_store

__all__ = ["tile_images"]


def tile_images(uri: str, version: int, tile_id: str, *, false_colour: bool = False) -> TileImages | None:
    """The pictures of a tile; None where it has neither aerial imagery nor Sentinel-2.

    Args:
        uri: the store.
        version: of its catalog, which workers that live long must not confuse.
        tile_id: of it.
        false_colour: also near infrared, red and green.

    Raises:
        StoreError: the tile cannot be read.
    """
    store = _opened(uri, version)
    return images_of(store.raw(tile_id, rows_for_images(tuple(store.modalities))), false_colour=false_colour)


@lru_cache(maxsize=4)
def _opened(uri: str, version: int) -> Store:
    return open_store(uri, version)
