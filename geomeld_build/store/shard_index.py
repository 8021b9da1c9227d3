"""What a shard holds and where: the codec chain of an array, and the index of each of its shard objects.

The index of a shard is a table of ``(offset, length)`` as little-endian 64-bit numbers, one line an inner chunk (here:
a tile), with both numbers all ones where the chunk is absent, and a crc32c after it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from geomeld_build.errors import StoreError

__all__ = ["ABSENT", "ShardChain", "UnknownChain", "parse_chain", "parse_index"]

ABSENT = -1
"""Offset of a chunk that the shard does not have: its tile is nodata."""
_LINE = 16
_CRC = 4
_DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32")


class UnknownChain(StoreError):
    """The array is packed in a way that only zarr-python knows."""


@dataclass(frozen=True, slots=True)
class ShardChain:
    """How the pixels of one array are packed: shards of tiles, one chunk a tile."""

    name: str
    length: int
    """Places along ``tile``."""
    tiles: int
    """Tiles a shard."""
    shape: tuple[int, ...]
    """Of one tile, ``(band, y, x)``."""
    dtype: np.dtype[Any]
    fill: int
    """Stored value of what is absent."""
    compressor: Literal["blosc", "none"]
    checksummed: bool
    """Whether every chunk ends with its own crc32c."""
    index_first: bool
    index_checksummed: bool

    @property
    def tile_bytes(self) -> int:
        """Bytes of a decoded tile."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    @property
    def index_bytes(self) -> int:
        """Bytes of the index of a shard."""
        return self.tiles * _LINE + (_CRC if self.index_checksummed else 0)

    def key(self, shard: int) -> str:
        """Key of a shard object."""
        return f"{self.name}/c/{shard}/0/0/0"


def parse_chain(name: str, metadata: bytes) -> ShardChain:
    """The packing of an array from its ``zarr.json``.

    Raises:
        UnknownChain: codecs, chunks or keys other than those that our reader decodes itself.
        StoreError: this is no array metadata.
    """
    try:
        document = json.loads(metadata)
        return _chain(name, document)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise StoreError(f"metadata of array {name!r} is damaged: {error!r}; expected a Zarr v3 zarr.json") from error


def _chain(name: str, document: Mapping[str, Any]) -> ShardChain:
    shape = tuple(document["shape"])
    outer = tuple(document["chunk_grid"]["configuration"]["chunk_shape"])
    if document["data_type"] not in _DTYPES:
        raise UnknownChain(f"array {name!r} has data type {document['data_type']!r}")
    if len(document["codecs"]) != 1 or document["codecs"][0]["name"] != "sharding_indexed":
        raise UnknownChain(f"array {name!r} is not only sharded: codecs {_names(document['codecs'])}")
    if document["chunk_key_encoding"] not in _KEYS or document.get("storage_transformers"):
        raise UnknownChain(f"array {name!r} has keys of another form: {document['chunk_key_encoding']}")
    sharding = document["codecs"][0]["configuration"]
    if len(shape) != 4 or outer[1:] != shape[1:] or tuple(sharding["chunk_shape"]) != (1, *shape[1:]):
        raise UnknownChain(
            f"array {name!r} has shards {outer} of chunks {sharding['chunk_shape']}, not one chunk a tile"
        )
    compressor, checksummed = _inner(name, sharding["codecs"])
    return ShardChain(
        name=name,
        length=int(shape[0]),
        tiles=int(outer[0]),
        shape=shape[1:],
        dtype=np.dtype(document["data_type"]),
        fill=int(document["fill_value"]),
        compressor=compressor,
        checksummed=checksummed,
        index_first=sharding.get("index_location", "end") == "start",
        index_checksummed=_index_checksummed(name, sharding["index_codecs"]),
    )


_KEYS = ({"name": "default", "configuration": {"separator": "/"}}, {"name": "default"})


def _names(codecs: list[Mapping[str, Any]]) -> str:
    return ", ".join(str(codec["name"]) for codec in codecs)


def _little(codec: Mapping[str, Any]) -> bool:
    return bool(codec["name"] == "bytes" and codec.get("configuration", {}).get("endian", "little") == "little")


def _inner(name: str, codecs: list[Mapping[str, Any]]) -> tuple[Literal["blosc", "none"], bool]:
    kinds = [codec["name"] for codec in codecs]
    checksummed = kinds[-1] == "crc32c"
    body = kinds[:-1] if checksummed else kinds
    if _little(codecs[0]) and body == ["bytes"]:
        return "none", checksummed
    if _little(codecs[0]) and body == ["bytes", "blosc"]:
        return "blosc", checksummed
    raise UnknownChain(f"array {name!r} has chunks under the codecs {_names(codecs)}")


def _index_checksummed(name: str, codecs: list[Mapping[str, Any]]) -> bool:
    kinds = [codec["name"] for codec in codecs]
    if not _little(codecs[0]) or kinds not in (["bytes"], ["bytes", "crc32c"]):
        raise UnknownChain(f"array {name!r} has shard indexes under the codecs {_names(codecs)}")
    return bool(kinds[-1] == "crc32c")


def parse_index(chain: ShardChain, data: bytes, size: int, what: str) -> NDArray[np.int64]:
    """The index of a shard.

    Args:
        chain: the array's packing.
        data: the index as stored.
        size: bytes of the whole object.
        what: names the object in errors.

    Returns:
        ``(tile, 2)`` int64: offset and length in bytes; the offset is ``ABSENT`` where there is no chunk.

    Raises:
        StoreError: the checksum differs, or a chunk lies outside the object.
    """
    table = data[: chain.tiles * _LINE]
    if len(data) != chain.index_bytes:
        raise StoreError(f"{what} is truncated: {size} bytes, of which the index alone needs {chain.index_bytes}")
    if chain.index_checksummed:
        stored = int.from_bytes(data[-_CRC:], "little")
        if (found := google_crc32c.value(table)) != stored:
            raise StoreError(f"{what} is damaged: its index has crc32c {found:08x}, expected {stored:08x}")
    index = np.frombuffer(table, "<u8").reshape(chain.tiles, 2)
    absent = (index == np.iinfo(np.uint64).max).all(axis=1)
    # Neither number may pass the size, and then their sum cannot overflow.
    inside = (index <= size).all(axis=1) & (index.sum(axis=1) <= size)
    if not (absent | inside).all():
        slot = int(np.flatnonzero(~(absent | inside))[0])
        raise StoreError(
            f"{what} is truncated: slot {slot} should have {index[slot, 1]} bytes from {index[slot, 0]}, "
            f"and the object has {size}"
        )
    parsed = index.astype(np.int64)
    parsed[absent] = (ABSENT, 0)
    return parsed
