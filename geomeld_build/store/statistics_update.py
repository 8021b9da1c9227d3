"""Brings ``tables/stats`` up to the tiles and splits that a store has now."""

from __future__ import annotations

import pyarrow as pa

from geomeld_build.modalities import modality
from geomeld_build.store.reader import open_store
from geomeld_build.store.statistics_histogram import BandCounts
from geomeld_build.store.statistics_table import append_statistics, entry_rows
from geomeld_build.store.statistics_tiles import count_pixels, cover, known_entries, tiles_by_split

__all__ = ["update_statistics"]


def update_statistics(uri: str) -> int:
    """Count what ``tables/stats`` does not cover, by split, and keep it there; how many shard groups that were.

    Worth doing after splits were made or changed, and after tiles were replaced. Statistics are right without it too,
    but they read those pixels every time.

    Raises:
        ConfigError: there is no store.
        StoreError: a table or a shard object cannot be read or written.
    """
    view = open_store(uri).statistics_view()
    entries = known_entries(view.tables)
    updated = 0
    for shard, parts in tiles_by_split(view.tables).items():
        found: list[pa.Table] = []
        for split, slots in parts.items():
            _, missing = cover({shard: slots}, entries, view.modalities)
            for _, name in missing:
                counts = BandCounts(modality(name))
                count_pixels(view, shard, slots, counts)
                found.append(entry_rows(shard, slots, split, counts))
        if found:
            append_statistics(uri, pa.concat_tables(found))
            updated += 1
    return updated
