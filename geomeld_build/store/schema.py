"""Arrow schemas of the tables, generated from the table of modalities."""

from __future__ import annotations

import pyarrow as pa

from geomeld_build.modalities import MODALITIES, AtAnchor, Modality, Near

__all__ = ["OUTCOMES_PRESENT", "RUNS_SCHEMA", "STATUSES", "TILES_SCHEMA", "has_offset", "tiles_schema"]

STATUSES = ("ok", "skipped", "failed")
"""What became of an anchor: a tile; an expected outcome that ended it; an error that the next run tries again."""
OUTCOMES_PRESENT = ("ok", "partial")
"""Outcomes of a row that has pixels. Any other outcome is the value of a ``SkipKind``."""

_INSTANT = pa.timestamp("us", "UTC")
_SCENE = pa.struct([("id", pa.string()), ("version", pa.int64()), ("datetime", _INSTANT)])
_PART = pa.struct(
    [
        ("row", pa.string()),
        ("part", pa.string()),
        ("group", pa.string()),
        ("outcome", pa.string()),
        ("detail", pa.string()),
        ("offset_days", pa.float64()),
        ("valid", pa.float32()),
        ("scenes", pa.list_(_SCENE)),
        ("platform", pa.string()),
        ("relative_orbit", pa.int16()),
        ("incidence_deg", pa.float32()),
    ]
)
_OBJECT = pa.struct([("modality", pa.string()), ("key", pa.string()), ("bytes", pa.int64()), ("crc32c", pa.int64())])

_HEAD = (
    pa.field("tile_id", pa.string(), nullable=False),
    pa.field("location_id", pa.string(), nullable=False),
    pa.field("status", pa.string(), nullable=False),
    pa.field("kind", pa.string()),
    pa.field("detail", pa.string()),
    pa.field("shard", pa.int32()),
    pa.field("slot", pa.int16()),
    pa.field("row", pa.int64()),
    pa.field("lon", pa.float64(), nullable=False),
    pa.field("lat", pa.float64(), nullable=False),
    pa.field("geometry", pa.binary(), nullable=False),
    pa.field("footprint", pa.binary(), nullable=False),
    pa.field("proj_code", pa.string(), nullable=False),
    pa.field("proj_transform", pa.list_(pa.float64()), nullable=False),
    pa.field("anchor_datetime", _INSTANT, nullable=False),
    pa.field("datetime", _INSTANT),
    pa.field("s2_ref_offset_days", pa.float64()),
    pa.field("tier_days", pa.int16()),
    pa.field("candidate_rank", pa.int8(), nullable=False),
    pa.field("cross_zone", pa.bool_(), nullable=False),
    pa.field("scene_cloud_percent", pa.float32()),
    pa.field("cloud_fraction", pa.float32()),
    pa.field("cloud_test", pa.string()),
    pa.field("sun_zenith", pa.float32()),
    pa.field("processing_baseline", pa.string()),
    pa.field("mgrs_tile", pa.string()),
    pa.field("stratum", pa.string(), nullable=False),
    pa.field("pool", pa.string(), nullable=False),
)
_TAIL = (
    pa.field("parts", pa.list_(_PART), nullable=False),
    pa.field("objects", pa.list_(_OBJECT), nullable=False),
    pa.field("recipe", pa.string(), nullable=False),
    pa.field("run_id", pa.string(), nullable=False),
    pa.field("code_version", pa.string(), nullable=False),
    pa.field("schema_version", pa.int16(), nullable=False),
    pa.field("created", _INSTANT, nullable=False),
)


def has_offset(row: Modality) -> bool:
    """Whether the row has an ``<row>_offset_days`` column: its scene is near a date, but not the reference itself."""
    return isinstance(row.when, Near | AtAnchor)


def tiles_schema() -> pa.Schema:
    """Schema of ``tables/tiles``: one row an anchor, with columns for every row of the table of modalities."""
    fields = list(_HEAD)
    for row in MODALITIES.values():
        fields.append(pa.field(f"{row.name}_outcome", pa.string(), nullable=False))
        fields.append(pa.field(f"{row.name}_valid", pa.float32()))
        if has_offset(row):
            fields.append(pa.field(f"{row.name}_offset_days", pa.float64()))
    return pa.schema([*fields, *_TAIL])


TILES_SCHEMA = tiles_schema()
"""Schema of ``tables/tiles`` under this schema version."""

RUNS_SCHEMA = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("what", pa.string(), nullable=False),
        pa.field("shard", pa.int32()),
        pa.field("started", _INSTANT, nullable=False),
        pa.field("finished", _INSTANT, nullable=False),
        *(
            pa.field(name, pa.int64(), nullable=False)
            for name in (
                "requests",
                "search_requests",
                "pixel_requests",
                "companion_requests",
                "setup_requests",
                "retries_fault",
                "retries_cloud",
                "bytes_received",
                "tiles_ok",
                "tiles_skipped",
                "tiles_failed",
            )
        ),
    ]
)
"""Schema of ``tables/runs``: what each step of a run spent and made."""
