"""Pixels into shard objects. Nothing here makes a tile exist: ``commit`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import google_crc32c
import numcodecs.blosc
import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.buffer.cpu import Buffer
from zarr.storage import MemoryStore

from geomeld_build.errors import StoreError
from geomeld_build.modalities import Modality, modality
from geomeld_build.store.catalog import TILES, load_table, run_sql
from geomeld_build.store.layout import GROUP_TILES, array_key, array_spec, object_key, shard_tiles, with_rows
from geomeld_build.store.objects import ObjectMissing, Objects, open_objects

__all__ = ["ShardObject", "write_group"]

# Threaded Blosc gives another encoding every time; equal pixels shall give equal bytes.
numcodecs.blosc.use_threads = False


@dataclass(frozen=True, slots=True)
class ShardObject:
    """One stored object and how to tell that it is whole."""

    modality: str
    key: str
    bytes: int
    crc32c: int


def write_group(
    uri: str, shard: int, tiles: Sequence[Mapping[str, NDArray[Any]] | None], modalities: Sequence[str]
) -> tuple[ShardObject, ...]:
    """Encode the tiles of one shard group and put the objects under their final keys.

    The objects are seen by nobody before ``commit``. A retry writes the same keys again. About one array of pixels is
    held besides the input. A row without any valid pixel in a shard has no object: readers see nodata.

    Args:
        uri: the store.
        shard: number of the shard group, from ``reserve``.
        tiles: at most 256, by slot; each maps rows to ``(band, y, x)`` in the stored dtype, None for a hole. A row
            that a tile lacks is nodata there.
        modalities: the rows to write; others in ``tiles`` are left alone.

    Raises:
        StoreError: an array has another dtype or shape than its row, the group is committed already, the store lacks
            the row, or cannot be written.
    """
    if shard < 0 or len(tiles) > GROUP_TILES:
        raise StoreError(f"expected shard >= 0 and at most {GROUP_TILES} tiles, got shard {shard}, {len(tiles)} tiles")
    objects = open_objects(uri)
    _refuse_committed(uri, shard)
    written = []
    for name in modalities:
        row = modality(name)
        metadata = _stored_metadata(objects, row)
        width = shard_tiles(row)
        for start in range(0, len(tiles), width):
            arrays = [None if tile is None else tile.get(name) for tile in tiles[start : start + width]]
            data = _encode(row, metadata, arrays, shard * GROUP_TILES + start)
            if data is not None:
                key = object_key(row, shard * GROUP_TILES + start)
                objects.put(key, data)
                written.append(ShardObject(name, key, len(data), google_crc32c.value(data)))
    return tuple(written)


def _refuse_committed(uri: str, shard: int) -> None:
    # A worker that was given up for lost may wake up after its twin's pixels were committed.
    found = run_sql({TILES: load_table(uri, TILES)}, f"SELECT tile_id FROM tiles WHERE shard = {shard} LIMIT 1")
    if found.num_rows:
        raise StoreError(f"shard group {shard} of {uri} is committed, and never written again: take one from reserve()")


def _stored_metadata(objects: Objects, row: Modality) -> bytes:
    try:
        return objects.get(array_key(row.name))
    except ObjectMissing:
        raise StoreError(f"{objects.uri} is no store with row {row.name!r}: create it with create_store") from None


def _encode(row: Modality, metadata: bytes, arrays: Sequence[NDArray[Any] | None], place: int) -> bytes | None:
    """The shard object of some tiles, or None where every pixel is nodata and so there is no object."""
    if all(array is None for array in arrays):
        return None
    spec = array_spec(row)
    pixels = np.full(spec["shards"], row.nodata, dtype=row.dtype)
    for slot, array in enumerate(arrays):
        if array is None:
            continue
        if array.shape != spec["shape"] or array.dtype != np.dtype(row.dtype):
            raise StoreError(
                f"tile at place {place + slot}: {row.name} is {array.dtype} {array.shape}, "
                f"expected {row.dtype} {spec['shape']}"
            )
        pixels[slot] = array
    return encode_shard(metadata, pixels)


def encode_shard(metadata: bytes, pixels: NDArray[Any]) -> bytes | None:
    """The bytes of one shard under the codecs of an array; None where all of it is the fill value.

    Args:
        metadata: ``zarr.json`` of the array, of any length along ``tile``.
        pixels: ``(tile, band, y, x)``, exactly one shard.
    """
    # The array's own metadata, cut to one shard: the object is what zarr-python would have stored in place.
    stored: dict[str, Buffer] = {"zarr.json": Buffer.from_bytes(with_rows(metadata, pixels.shape[0], exactly=True))}
    array = zarr.open_array(MemoryStore(cast(Any, stored)), mode="r+")
    array[:] = pixels
    shard = stored.get("c/0/0/0/0")
    return None if shard is None else shard.to_bytes()
