"""Is the metadata of an array that of its row?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

from geomeld_build.modalities import Modality
from geomeld_build.store.layout import array_key, array_metadata
from geomeld_build.store.objects import ObjectMissing, Objects

__all__ = ["ArrayFault", "array_fault", "array_length", "inner_codecs"]

_SHARDING = "sharding_indexed"
_SAME = ("zarr_format", "node_type", "data_type", "chunk_grid", "chunk_key_encoding", "fill_value")
"""What readers cannot do without. Codecs are named by the array itself, and attributes are for people."""


class ArrayFault(Enum):
    """What can be wrong with an array's metadata."""

    MISSING = 1
    FOREIGN = 2
    SHORT = 3


def array_fault(rim: Objects, row: Modality, places: int) -> tuple[ArrayFault, str] | None:
    """What is wrong with the metadata of a row's array, if anything.

    Args:
        rim: the store.
        row: the row.
        places: how long the array has to be.
    """
    key = array_key(row.name)
    document = _document(rim, key)
    if document is None:
        return ArrayFault.MISSING, f"{rim.uri}/{key} is gone, so readers find no array {row.name!r}"
    wanted = json.loads(array_metadata(row))
    for name in _SAME:
        if document.get(name) != wanted[name]:
            found = document.get(name)
            return ArrayFault.FOREIGN, f"{rim.uri}/{key}: {name} is {found!r}, expected {wanted[name]!r}"
    shape = document.get("shape")
    if not isinstance(shape, list) or shape[1:] != wanted["shape"][1:]:
        return ArrayFault.FOREIGN, f"{rim.uri}/{key}: shape is {shape!r}, expected [any, *{wanted['shape'][1:]}]"
    if shape[0] < places:
        detail = f"{rim.uri}/{key} has {shape[0]} places, and the catalog or another array needs {places}"
        return ArrayFault.SHORT, detail
    return None


def array_length(rim: Objects, name: str) -> int:
    """Places along ``tile`` that an array has by its metadata; 0 when it cannot be told."""
    shape = (_document(rim, array_key(name)) or {}).get("shape")
    return shape[0] if isinstance(shape, list) and shape and isinstance(shape[0], int) else 0


def inner_codecs(rim: Objects, name: str) -> tuple[str, ...]:
    """Names of the codecs of one tile's bytes, in the order of writing; none when they cannot be told."""
    document = _document(rim, array_key(name)) or {}
    for codec in document.get("codecs", ()):
        if isinstance(codec, Mapping) and codec.get("name") == _SHARDING:
            inner = codec.get("configuration", {}).get("codecs", ())
            return tuple(str(item.get("name")) for item in inner)
    return ()


def _document(rim: Objects, key: str) -> dict[str, Any] | None:
    try:
        found = json.loads(rim.get(key))
    except ObjectMissing:
        return None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
