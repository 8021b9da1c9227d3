"""What a store holds and what it cost, counted from its tables."""

from __future__ import annotations

from collections import Counter
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
    columns = ("status", *(f"{name}_outcome" for name in MODALITIES))
    counts = _counts(tables[TILES], columns)
    by_status = dict.fromkeys(STATUSES, 0) | counts["status"]
    spent = dict.fromkeys(("requests", "retries_fault", "retries_cloud", "bytes_received"), 0)
    if "runs" in tables:
        sums = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in spent)
        spent |= run_sql({"runs": tables["runs"]}, f"SELECT {sums} FROM runs").to_pylist()[0]
    return {
        "anchors": sum(by_status.values()),
        "tiles": by_status["ok"],
        "skipped": by_status["skipped"],
        "failed": by_status["failed"],
        "outcomes": {name: counts[f"{name}_outcome"] for name in MODALITIES},
        "requests": spent["requests"],
        "retries": spent["retries_fault"] + spent["retries_cloud"],
        "retries_fault": spent["retries_fault"],
        "retries_cloud": spent["retries_cloud"],
        "bytes": spent["bytes_received"],
        "catalog_version": version,
    }


def _counts(table: DeltaTable, columns: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """How often each value occurs in each column."""
    # One scan for all of them: there are few different combinations, and a scan a column took twelve times as long.
    listed = ", ".join(columns)
    found = run_sql({TILES: table}, f"SELECT {listed}, count(*) AS n FROM tiles GROUP BY {listed} ORDER BY {listed}")
    counts: dict[str, Counter[str]] = {column: Counter() for column in columns}
    for row in found.to_pylist():
        for column in columns:
            counts[column][row[column]] += row["n"]
    return {column: dict(sorted(counter.items())) for column, counter in counts.items()}
