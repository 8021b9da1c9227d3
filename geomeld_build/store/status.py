"""What a store holds and what it cost, counted from its tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deltalake import DeltaTable

from geomeld_build.modalities import MODALITIES
from geomeld_build.store.catalog import TILES, run_sql
from geomeld_build.store.schema import STATUSES

__all__ = ["store_status"]


def store_status(tables: Mapping[str, DeltaTable], version: int) -> dict[str, Any]:
    """Counts for people and programs.

    Returns:
        ``anchors`` (catalog rows), ``tiles`` (those with status ok), ``skipped``, ``failed``; ``outcomes`` per row of
        the table of modalities and kind, which sum to the anchors in every row; ``requests``,
        ``retries`` (``retries_fault`` and ``retries_cloud`` together) and ``bytes`` over all runs; ``catalog_version``.
    """
    tiles = {TILES: tables[TILES]}
    counts = dict.fromkeys(STATUSES, 0) | _counts(tiles, "status")
    spent = dict.fromkeys(("requests", "retries_fault", "retries_cloud", "bytes_received"), 0)
    if "runs" in tables:
        sums = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in spent)
        spent |= run_sql({"runs": tables["runs"]}, f"SELECT {sums} FROM runs").to_pylist()[0]
    return {
        "anchors": sum(counts.values()),
        "tiles": counts["ok"],
        "skipped": counts["skipped"],
        "failed": counts["failed"],
        "outcomes": {name: _counts(tiles, f"{name}_outcome") for name in MODALITIES},
        "requests": spent["requests"],
        "retries": spent["retries_fault"] + spent["retries_cloud"],
        "retries_fault": spent["retries_fault"],
        "retries_cloud": spent["retries_cloud"],
        "bytes": spent["bytes_received"],
        "catalog_version": version,
    }


def _counts(tables: Mapping[str, DeltaTable], column: str) -> dict[str, int]:
    found = run_sql(tables, f"SELECT {column} AS kind, count(*) AS n FROM tiles GROUP BY {column} ORDER BY {column}")
    return dict(zip(found.column("kind").to_pylist(), found.column("n").to_pylist(), strict=True))
