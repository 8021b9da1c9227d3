"""``tables/stats``: the counts of each shard group, kept beside its tiles.

An *entry* is the rows of one shard group and one modality that cover the same slots, one row a band. Which tiles exist
is for the catalog to say: a reader takes the entries whose slots are all wanted, and pixels for what they leave out. So
an entry for tiles that were never committed, are replaced or are listed twice counts for nothing, and an entry that is
missing costs time only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable
from numpy.typing import NDArray

from geomeld_build.modalities import modality
from geomeld_build.store.catalog import append_side_table, run_sql
from geomeld_build.store.layout import GROUP_TILES
from geomeld_build.store.statistics_histogram import BandCounts

__all__ = [
    "STATS",
    "STATS_PRODUCER",
    "STATS_SCHEMA",
    "Entries",
    "append_statistics",
    "entry_rows",
    "group_statistics",
    "read_counts",
    "read_entries",
    "slots_of",
]

STATS = "stats"
"""Name of the side table."""
STATS_PRODUCER = "histogram-1"
"""How the rows are made; raised when that changes, and rows of others are not read."""
STATS_SCHEMA = pa.schema(
    [
        pa.field("shard", pa.int32(), nullable=False),
        pa.field("modality", pa.string(), nullable=False),
        pa.field("band", pa.string(), nullable=False),
        pa.field("producer", pa.string(), nullable=False),
        pa.field("split", pa.string()),
        pa.field("slots", pa.binary(), nullable=False),
        pa.field("tiles", pa.int32(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
        pa.field("mean", pa.float64()),
        pa.field("std", pa.float64()),
        pa.field("levels", pa.list_(pa.int32()), nullable=False),
        pa.field("counts", pa.list_(pa.int64()), nullable=False),
        pa.field("created", pa.timestamp("us", "UTC"), nullable=False),
    ]
)
"""Schema of ``tables/stats``. ``slots`` are 32 bytes, bit ``slot % 8`` of byte ``slot // 8`` set for a tile counted;
``mean`` and ``std`` are of stored values and null without valid pixels; ``levels`` and ``counts`` are the histogram."""

_SHARDS_AT_ONCE = 64
"""Shards whose histograms are in memory together: about 100 MB."""

Entries = dict[tuple[int, str], set[int]]
"""Slots covered, as bit sets, of every entry by shard and modality."""


def slots_of(slots: Iterable[int]) -> int:
    """Slots as a bit set."""
    bits = 0
    for slot in slots:
        bits |= 1 << slot
    return bits


def group_statistics(
    shard: int,
    tiles: Mapping[int, Mapping[str, NDArray[Any]]],
    modalities: Sequence[str],
    splits: Mapping[int, str] | None = None,
) -> pa.Table:
    """Rows of ``tables/stats`` for tiles of one shard group: an entry a row of the table and split.

    Args:
        shard: number of the shard group.
        tiles: by slot, row name to ``(band, y, x)`` in the stored dtype; a row that a tile lacks has no valid pixel.
        modalities: the rows of the store.
        splits: by slot, where a split is known already.
    """
    by_split: dict[str | None, list[int]] = {}
    for slot in sorted(tiles):
        by_split.setdefault((splits or {}).get(slot), []).append(slot)
    tables = [STATS_SCHEMA.empty_table()]
    for split, slots in by_split.items():
        for name in modalities:
            counts = BandCounts(modality(name))
            counts.add_pixels([tiles[slot][name] for slot in slots if name in tiles[slot]])
            tables.append(entry_rows(shard, slots_of(slots), split, counts))
    return pa.concat_tables(tables)


def entry_rows(shard: int, slots: int, split: str | None, counts: BandCounts) -> pa.Table:
    """Rows of ``tables/stats`` for one entry: what was counted in one modality of these slots."""
    rows = []
    for band, name in enumerate(counts.row.bands):
        found = counts.histogram(band)
        rows.append(
            {
                "shard": shard,
                "modality": counts.row.name,
                "band": name,
                "producer": STATS_PRODUCER,
                "split": split,
                "slots": slots.to_bytes(GROUP_TILES // 8, "little"),
                "tiles": slots.bit_count(),
                "count": found.count,
                "mean": found.mean if found.count else None,
                "std": found.std if found.count else None,
                "levels": found.values,
                "counts": found.counts,
                "created": datetime.now(UTC),
            }
        )
    return pa.Table.from_pylist(rows, schema=STATS_SCHEMA)


def append_statistics(uri: str, rows: pa.Table) -> int:
    """Keep the rows of a group; the version of the side table that has them.

    Best done before the tiles are committed: a crash in between then leaves rows that nobody reads.

    Raises:
        StoreError: the table cannot be written.
    """
    return append_side_table(uri, STATS, rows)


def read_entries(table: DeltaTable) -> Entries:
    """What the table covers.

    Raises:
        StoreError: the table cannot be read.
    """
    sql = f"SELECT DISTINCT shard, modality, slots FROM {STATS} WHERE producer = '{STATS_PRODUCER}'"
    entries: Entries = {}
    for row in run_sql({STATS: table}, sql).to_pylist():
        entries.setdefault((row["shard"], row["modality"]), set()).add(int.from_bytes(row["slots"], "little"))
    return entries


def read_counts(table: DeltaTable, chosen: Entries, counts: Mapping[str, BandCounts]) -> None:
    """Add the histograms of the chosen entries, each once however often it was appended.

    Raises:
        StoreError: the table cannot be read.
    """
    shards = sorted({shard for shard, _ in chosen})
    for start in range(0, len(shards), _SHARDS_AT_ONCE):
        some = shards[start : start + _SHARDS_AT_ONCE]
        listed = ", ".join(str(shard) for shard in some)
        sql = (
            f"SELECT shard, modality, band, slots, levels, counts FROM {STATS} WHERE producer = '{STATS_PRODUCER}' "
            f"AND shard BETWEEN {some[0]} AND {some[-1]} AND shard IN ({listed})"
        )
        _add_rows(run_sql({STATS: table}, sql), chosen, counts)


def _add_rows(found: pa.Table, chosen: Entries, counts: Mapping[str, BandCounts]) -> None:
    done: set[tuple[int, str, int, str]] = set()
    for batch in found.to_batches():
        values, numbers = batch.column("levels"), batch.column("counts")
        keys = batch.select(["shard", "modality", "slots", "band"]).to_pylist()
        for i, key in enumerate(keys):
            slots = int.from_bytes(key["slots"], "little")
            known = (key["shard"], key["modality"], slots, key["band"])
            if slots not in chosen.get(known[:2], ()) or known in done:
                continue
            done.add(known)
            mine = counts[key["modality"]]
            mine.add_counts(
                mine.row.bands.index(key["band"]),
                values[i].values.to_numpy().astype(np.int64),
                numbers[i].values.to_numpy(),
            )
