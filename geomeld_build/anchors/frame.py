"""The columns of a sampling frame: what is drawn, what stands by, and what was dropped and why.

A frame is a folder of Parquet files. ``anchors.parquet`` is what a build takes, ``reserves.parquet`` what it takes when
an anchor has no scene, ``dropped.parquet`` every other point that was offered, with its reason.
"""

from __future__ import annotations

from enum import StrEnum

import pyarrow as pa

from geomeld_build.anchors.files import ANCHOR_SCHEMA

__all__ = ["DROPPED_SCHEMA", "FRAME_SCHEMA", "DropReason"]


class DropReason(StrEnum):
    """Why an offered point is no anchor. Append-only: programs read these."""

    OVERLAP = "overlap"
    """Its tile overlaps one of a pool that comes first, or of its own pool with a smaller draw."""
    DUPLICATE = "duplicate"
    """Its pool has the same place already."""
    EXCLUDED = "excluded"
    """It lies in an exclusion layer whose action is drop."""
    AT_SEA = "at_sea"
    """It lies in no biome: sea, inland water, rock or ice."""
    BEYOND_UTM = "beyond_utm"
    """It lies north of 84 N or south of 80 S."""
    SURPLUS = "surplus"
    """Its stratum has its quota already."""


_OWN = [
    ("src_id", pa.string()),  # id in the pool's own file, "" for cells
    ("biome", pa.int8()),  # RESOLVE 2017 number, 1..14
    ("ecoregion", pa.string()),
    ("continent", pa.string()),  # Natural Earth
    ("country", pa.string()),  # ISO 3166-1 alpha-3
    ("block", pa.string()),  # 100 km block
    ("split", pa.string()),  # train, val, test; guard where a band between them is left out
    ("date_rule", pa.string()),  # which rule gave the date
    ("rank", pa.int32()),  # position in the draw of its stratum and pool: growing a frame continues there
    ("overlaps", pa.bool_()),  # whether its tile overlaps another one of the frame (preset "paper")
    ("excluded_by", pa.string()),  # names of exclusion layers that flag it, comma-separated
    ("seam", pa.bool_()),  # within one tile of a zone boundary
]

FRAME_SCHEMA = pa.schema([*ANCHOR_SCHEMA, *_OWN])
"""Columns of ``anchors.parquet`` and ``reserves.parquet`` of a frame: those of any anchors file, and more."""

DROPPED_SCHEMA = pa.schema(
    [
        ("pool", pa.string()),
        ("src_id", pa.string()),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        ("biome", pa.int8()),
        ("continent", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),  # e.g. the exclusion layer
    ]
)
"""Columns of ``dropped.parquet``: one line for every offered point that is no anchor."""
