"""Splits of any anchors file, as a table of their own beside the account of leakage."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from geomeld_build.anchors.blocks import block_names, block_of
from geomeld_build.anchors.files import read_anchors
from geomeld_build.anchors.frame_folder import ANCHORS, is_frame
from geomeld_build.anchors.leakage import Leakage, leakage, write_leakage
from geomeld_build.anchors.merge import places_of_anchors
from geomeld_build.anchors.splits import SplitRule, split_of

__all__ = ["write_splits"]


def write_splits(anchors: Path, out: Path, rule: SplitRule, recipe: str) -> Leakage:
    """Put anchors into splits, write ``tile_id``, ``location_id``, ``block``, ``split``, and the leakage beside it.

    Args:
        anchors: an anchors file, or the folder of a frame.
        out: Parquet file; the leakage goes to the same name with ``.leakage.json``.
        rule: of the splits.
        recipe: of the tile ids.

    Raises:
        ConfigError: the anchors cannot be read.
    """
    found = read_anchors(anchors / ANCHORS if is_frame(anchors) else anchors, recipe=recipe)
    places = places_of_anchors(found)
    splits = split_of(places, rule)
    table = pa.table(
        {
            "tile_id": [anchor.tile_id for anchor in found],
            "location_id": [anchor.location_id for anchor in found],
            "block": block_names(block_of(places.lon, places.lat, rule.block_km)),
            "split": splits.tolist(),
        }
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        pq.write_table(table, partial, compression="zstd")
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    account = leakage(places, splits)
    write_leakage(out.with_suffix(".leakage.json"), account)
    return account
