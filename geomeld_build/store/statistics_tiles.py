"""Which tiles statistics are of, which entries of ``tables/stats`` cover them, and the pixels of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from deltalake import DeltaTable
from numpy.typing import NDArray

from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.modalities import Modality
from geomeld_build.store.catalog import TILES, run_sql
from geomeld_build.store.layout import GROUP_TILES
from geomeld_build.store.schema import OUTCOMES_PRESENT
from geomeld_build.store.shard_reader import ShardReader
from geomeld_build.store.statistics_histogram import BandCounts
from geomeld_build.store.statistics_splits import SPLITS, split_key, splits_query
from geomeld_build.store.statistics_table import STATS, Entries, read_entries

__all__ = ["View", "count_pixels", "cover", "known_entries", "require_split", "tiles_by_split"]

_BLOCK = 32
"""Tiles read at once: 13 MB of the widest row of the tile grid."""


@dataclass(frozen=True)
class View:
    """What statistics need of an open store."""

    uri: str
    version: int
    modalities: tuple[str, ...]
    tables: Mapping[str, DeltaTable]

    @cached_property
    def reader(self) -> ShardReader:
        """Opened only where pixels have to be read."""
        return ShardReader(self.uri, self.modalities)


def tiles_by_split(
    tables: Mapping[str, DeltaTable], where: str | None = None, split: str | None = None
) -> dict[int, dict[str | None, int]]:
    """Slots of the wanted tiles as bit sets, by shard and split; all of split None where the store has no splits.

    Raises:
        ConfigError: the condition is wrong.
        StoreError: a table cannot be read, or the splits contradict each other.
    """
    source = f"SELECT * FROM {TILES}"
    if where is not None:
        # A condition that closes the bracket or ends in a comment is then the engine's syntax error.
        source += f" WHERE (\n{where}\n)"
    if SPLITS in tables:
        key = split_key(tables[SPLITS])
        columns = f"SELECT t.shard, t.slot, s.split FROM ({source}) AS t"
        sql = f"{columns} LEFT JOIN ({splits_query(tables[SPLITS])}) AS s ON t.{key} = s.{key} WHERE t.status = 'ok'"
    else:
        sql = f"SELECT t.shard, t.slot, CAST(NULL AS VARCHAR) AS split FROM ({source}) AS t WHERE t.status = 'ok'"
    found = run_sql(tables, f"{sql} ORDER BY shard, slot")
    columns_found = (found.column(name).to_pylist() for name in ("shard", "slot", "split"))
    tiles: dict[int, dict[str | None, int]] = {}
    for shard, slot, own in zip(*columns_found, strict=True):
        if split is None or own == split:
            parts = tiles.setdefault(shard, {})
            parts[own] = parts.get(own, 0) | 1 << slot
    return tiles


def require_split(tables: Mapping[str, DeltaTable], split: str) -> None:
    """Refuse a split that no tile can have.

    Raises:
        ConfigError: the side table does not name it, or there is none.
    """
    known: list[str] = []
    if SPLITS in tables:
        sql = f"SELECT DISTINCT split FROM ({splits_query(tables[SPLITS])}) AS s WHERE split IS NOT NULL ORDER BY split"
        known = run_sql({SPLITS: tables[SPLITS]}, sql).column("split").to_pylist()
    if split not in known:
        expected = f"expected one of {', '.join(known)}" if known else f"it has no side table {SPLITS}"
        raise ConfigError(f"no split {split!r} in the store: {expected}")


def cover(
    wanted: Mapping[int, int], entries: Entries, names: Sequence[str]
) -> tuple[Entries, dict[tuple[int, str], int]]:
    """Disjoint entries inside the wanted slots, and the slots that they leave."""
    chosen: Entries = {}
    missing: dict[tuple[int, str], int] = {}
    for shard, slots in wanted.items():
        for name in names:
            left = slots
            for entry in sorted(entries.get((shard, name), ()), key=lambda bits: (-bits.bit_count(), bits)):
                if entry & left == entry:
                    chosen.setdefault((shard, name), set()).add(entry)
                    left ^= entry
            if left:
                missing[shard, name] = left
    return chosen, missing


def known_entries(tables: Mapping[str, DeltaTable]) -> Entries:
    """What the side table covers; nothing where there is none.

    Raises:
        StoreError: it cannot be read.
    """
    return read_entries(tables[STATS]) if STATS in tables else {}


def count_pixels(view: View, shard: int, slots: int, counts: BandCounts) -> None:
    """Count the stored pixels of tiles in one row.

    Raises:
        StoreError: a tile has no pixels where the catalog says that it has.
    """
    name = counts.row.name
    sql = f"SELECT slot, tile_id, {name}_outcome AS outcome FROM {TILES} WHERE shard = {shard} AND status = 'ok'"
    facts = {row["slot"]: row for row in run_sql({TILES: view.tables[TILES]}, sql).to_pylist()}
    present = [slot for slot in _bits(slots) if facts[slot]["outcome"] in OUTCOMES_PRESENT]
    for start in range(0, len(present), _BLOCK):
        some = present[start : start + _BLOCK]
        block = view.reader.read([shard * GROUP_TILES + slot for slot in some], [name])[name]
        _require_pixels(view.uri, counts.row, block, [facts[slot]["tile_id"] for slot in some])
        counts.add_pixels(list(block))


def _require_pixels(uri: str, row: Modality, block: NDArray[Any], tile_ids: Sequence[str]) -> None:
    # A shard object that is lost reads as nodata, and would silently count for nothing.
    has_pixels = np.any(block != row.nodata, axis=(1, 2, 3))
    if not has_pixels.all():
        lost = tile_ids[int(np.argmin(has_pixels))]
        raise StoreError(
            f"tile {lost}: the catalog has pixels of {row.name}, but {uri} holds none of them: the shard object is lost"
        )


def _bits(slots: int) -> Iterator[int]:
    return (slot for slot in range(slots.bit_length()) if slots >> slot & 1)
