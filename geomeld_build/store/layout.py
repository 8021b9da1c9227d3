"""What a store looks like, computed from the table of modalities.

::

    zarr.json                          group attributes: schema version, recipe, modalities
    <row>/zarr.json                    array metadata, dims (tile, <row>_band, y, x)
    <row>/c/<shard>/0/0/0              pixels: 256 tiles (16 of a wide row), one inner chunk a tile, written once
    tables/tiles, tables/<side table>  Delta tables; tables/tiles alone says which tiles exist
    runs/<first group>.json            create-only reservations of shard groups

A *shard group* is 256 places along ``tile``, the same in every array: ``row = shard * 256 + slot``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import metadata
from typing import Any, cast

import numpy as np
import zarr
from zarr.buffer.cpu import Buffer
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.storage import MemoryStore

from geomeld_build.modalities import SCHEMA_VERSION, TILE_GRID, Modality, band_dim, modality

__all__ = [
    "GROUP_TILES",
    "array_key",
    "array_metadata",
    "array_spec",
    "code_version",
    "group_metadata",
    "object_key",
    "root_attributes",
    "row_count",
    "rows_of",
    "shard_tiles",
    "with_rows",
]

GROUP_TILES = 256
"""Places along ``tile`` of one shard group, the unit of work and of commits."""
_WIDE_TILES = 16
_ZSTD_LEVEL = 6


def shard_tiles(row: Modality) -> int:
    """Tiles in one shard object of a row: 256, or 16 where a tile has many more pixels than the tile grid."""
    return GROUP_TILES if row.grid.size <= TILE_GRID.size else _WIDE_TILES


def array_key(name: str) -> str:
    """Key of an array's metadata."""
    return f"{name}/zarr.json"


def object_key(row: Modality, place: int) -> str:
    """Key of the shard object of a row that holds a place along ``tile``."""
    return f"{row.name}/c/{place // shard_tiles(row)}/0/0/0"


def array_spec(row: Modality) -> dict[str, Any]:
    """How a row is stored.

    Returns:
        ``shape`` of one tile ``(band, y, x)``, ``dtype``, ``fill_value``, ``dims`` and ``chunks`` and ``shards`` with
        the leading ``tile`` axis, ``codecs`` (the inner codecs as Zarr spells them), and the CF ``attrs``.
    """
    shape = (len(row.bands), row.grid.size, row.grid.size)
    itemsize = np.dtype(row.dtype).itemsize
    # Byte order is named only where there is one.
    order: dict[str, Any] = {"configuration": {"endian": "little"}} if itemsize > 1 else {}
    blosc = {
        "name": "blosc",
        "configuration": {
            "typesize": itemsize,
            "cname": "zstd",
            "clevel": _ZSTD_LEVEL,
            # Shuffling single bytes does nothing but cost time.
            "shuffle": "shuffle" if itemsize > 1 else "noshuffle",
            "blocksize": 0,
        },
    }
    return {
        "shape": shape,
        "dtype": row.dtype,
        "fill_value": row.nodata,
        "dims": ("tile", band_dim(row), f"{row.grid.prefix}y", f"{row.grid.prefix}x"),
        "chunks": (1, *shape),
        "shards": (shard_tiles(row), *shape),
        # A checksum a chunk: a flipped bit is named, and mended, to the tile instead of to its whole object.
        "codecs": ({"name": "bytes", **order}, blosc, {"name": "crc32c"}),
        "attrs": _attributes(row),
    }


def _attributes(row: Modality) -> dict[str, Any]:
    # xarray masks by the CF attribute _FillValue, not by Zarr's own fill_value: both are written.
    attrs: dict[str, Any] = {"_FillValue": row.nodata, "units": row.units, "long_name": row.name.replace("_", " ")}
    if row.scaling.scale != 1.0:
        attrs["scale_factor"] = row.scaling.scale
    if row.scaling.offset != 0.0:
        attrs["add_offset"] = row.scaling.offset
    if row.classes is not None:
        attrs["flag_values"] = list(row.classes.values)
        attrs["flag_meanings"] = " ".join(row.classes.meanings)
        attrs["flag_colors"] = " ".join(row.classes.colours)
    attrs["band_names"] = list(row.bands)
    attrs["gsd_m"] = row.grid.gsd_m
    return attrs


def array_metadata(row: Modality) -> bytes:
    """The ``zarr.json`` of a row's array before any tile, as zarr-python writes it."""
    spec = array_spec(row)
    blosc = spec["codecs"][1]["configuration"]
    stored: dict[str, Buffer] = {}
    zarr.create_array(
        MemoryStore(cast(Any, stored)),
        shape=(0, *spec["shape"]),
        chunks=spec["chunks"],
        shards=spec["shards"],
        dtype=spec["dtype"],
        fill_value=spec["fill_value"],
        compressors=[BloscCodec(**blosc), Crc32cCodec()],
        dimension_names=spec["dims"],
        attributes=spec["attrs"],
    )
    return stored["zarr.json"].to_bytes()


def row_count(stored: bytes) -> int:
    """Places along ``tile`` of an array, from its metadata."""
    return int(json.loads(stored)["shape"][0])


def with_rows(stored: bytes, rows: int, *, exactly: bool = False) -> bytes:
    """Array metadata with at least (or exactly) this many places along ``tile``."""
    document = json.loads(stored)
    if document["shape"][0] >= rows and not exactly:
        return stored
    document["shape"][0] = rows
    return json.dumps(document, indent=2).encode()


def group_metadata(attributes: Mapping[str, Any] | None = None) -> bytes:
    """The ``zarr.json`` of a group."""
    document = {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes or {})}
    return json.dumps(document, indent=2).encode()


def root_attributes(modalities: tuple[str, ...], recipe: str) -> dict[str, Any]:
    """Attributes of the store itself."""
    return {
        "Conventions": "CF-1.11",
        "title": "geomeld-build tile store",
        "schema_version": SCHEMA_VERSION,
        "recipe": recipe,
        "modalities": list(modalities),
        "created_by": f"geomeld-build {code_version()}",
    }


def code_version() -> str:
    """Version of this package as installed."""
    try:
        return metadata.version("geomeld-build")
    except metadata.PackageNotFoundError:
        return "unknown"


def rows_of(names: tuple[str, ...]) -> tuple[Modality, ...]:
    """The table rows of names, in the given order.

    Raises:
        ConfigError: a name is no row.
    """
    return tuple(modality(name) for name in names)
