"""What is generated from the code: JSON Schemas of every file a user writes or reads, and the table of modalities.

The texts are deterministic, so a stale file is found by comparing bytes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from geomeld_build.anchors.recipe import FrameConfig
from geomeld_build.build.config import BuildConfig
from geomeld_build.captions.agents.record import CAPTIONS_VERSION, CaptionRecord
from geomeld_build.captions.signals.record import SIGNALS_VERSION, Signals
from geomeld_build.errors import ConfigError, SkipKind
from geomeld_build.modalities import (
    MODALITIES,
    SCHEMA_VERSION,
    TILE_GRID,
    AtAnchor,
    Classification,
    Modality,
    Near,
    Reference,
    Regression,
    Static,
    With,
)
from geomeld_build.store.schema import TILES_SCHEMA

__all__ = [
    "arrow_type_schema",
    "as_text",
    "caption_schema",
    "catalog_schema",
    "config_schema",
    "modalities_document",
    "modality_document",
    "schema_texts",
    "signals_schema",
    "skip_kinds_document",
]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def modality_document(row: Modality) -> dict[str, Any]:
    """One row of the table as plain data; tagged unions carry their name under ``kind``."""
    document: dict[str, Any] = _plain(row)
    document["shape"] = [len(row.bands), row.grid.size, row.grid.size]
    return document


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"kind": type(value).__name__, **fields} if _is_union_member(value) else fields
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _is_union_member(value: Any) -> bool:
    return isinstance(value, Reference | Near | With | Static | AtAnchor | Regression | Classification)


def modalities_document() -> dict[str, Any]:
    """The whole table as plain data."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tile_grid": _plain(TILE_GRID),
        "modalities": {name: modality_document(row) for name, row in MODALITIES.items()},
    }


def skip_kinds_document() -> dict[str, Any]:
    """The codes of typed outcomes. Append-only: catalogs hold them."""
    return {"skip_kinds": [str(kind) for kind in SkipKind]}


def config_schema() -> dict[str, Any]:
    """JSON Schema of a build's configuration file."""
    return {"$schema": _DRAFT, **BuildConfig.model_json_schema()}


def frame_schema() -> dict[str, Any]:
    """JSON Schema of the recipe of a sampling frame."""
    return {"$schema": _DRAFT, **FrameConfig.model_json_schema()}


def catalog_schema() -> dict[str, Any]:
    """JSON Schema of one row of the tiles table, from its Arrow schema."""
    properties = {field.name: arrow_type_schema(field.type, nullable=field.nullable) for field in TILES_SCHEMA}
    return {
        "$schema": _DRAFT,
        "title": "tiles",
        "description": "One row per anchor: a tile and where its pixels are, or why there is none.",
        "x-schema-version": SCHEMA_VERSION,
        "type": "object",
        "properties": properties,
        "required": [field.name for field in TILES_SCHEMA if not field.nullable],
        "additionalProperties": False,
    }


def arrow_type_schema(kind: pa.DataType, *, nullable: bool) -> dict[str, Any]:
    """JSON Schema of a column's value, with the exact Arrow type beside it.

    Raises:
        ConfigError: a column type that has no JSON counterpart here.
    """
    schema = {**_json_type(kind), "x-arrow-type": str(kind)}
    if nullable:
        schema["type"] = [schema["type"], "null"]
    return schema


def _json_type(kind: pa.DataType) -> dict[str, Any]:
    types = pa.types
    scalars = (
        (types.is_boolean, {"type": "boolean"}),
        (types.is_integer, {"type": "integer"}),
        (types.is_floating, {"type": "number"}),
        (types.is_timestamp, {"type": "string", "format": "date-time"}),
        (types.is_date, {"type": "string", "format": "date"}),
        (lambda t: types.is_string(t) or types.is_large_string(t), {"type": "string"}),
        (lambda t: types.is_binary(t) or types.is_large_binary(t), {"type": "string", "contentEncoding": "base64"}),
    )
    for test, schema in scalars:
        if test(kind):
            return dict(schema)
    if types.is_list(kind) or types.is_large_list(kind):
        return {"type": "array", "items": arrow_type_schema(kind.value_type, nullable=kind.value_field.nullable)}
    if types.is_struct(kind):
        fields = {field.name: arrow_type_schema(field.type, nullable=field.nullable) for field in kind}
        return {"type": "object", "properties": fields}
    if types.is_map(kind):
        values = arrow_type_schema(kind.item_type, nullable=kind.item_field.nullable)
        return {"type": "object", "additionalProperties": values}
    raise ConfigError(f"column type {kind} has no JSON Schema: add it to geomeld_build/schemas.py")


def signals_schema() -> dict[str, Any]:
    """JSON Schema of a tile's signals, the column ``signals`` of ``tables/signals``."""
    return {"$schema": _DRAFT, "x-schema-version": SIGNALS_VERSION, **Signals.model_json_schema()}


def caption_schema() -> dict[str, Any]:
    """JSON Schema of a caption's record, the column ``record`` of ``tables/captions``."""
    return {"$schema": _DRAFT, "x-schema-version": CAPTIONS_VERSION, **CaptionRecord.model_json_schema()}


def schema_texts() -> dict[str, str]:
    """File name to text of every schema of the package proper (the emulator's own are added by the command line)."""
    documents = {
        "caption.json": caption_schema(),
        "catalog.json": catalog_schema(),
        "config.json": config_schema(),
        "frame.json": frame_schema(),
        "modalities.json": modalities_document(),
        "signals.json": signals_schema(),
        "skip_kinds.json": skip_kinds_document(),
    }
    return {name: as_text(document) for name, document in documents.items()}


def as_text(document: Mapping[str, Any]) -> str:
    """JSON as it is committed: indented, keys in the code's order, a newline at the end."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
