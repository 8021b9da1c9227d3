"""Fewer, larger files in the Delta tables. Rows do not change, and older versions keep the files that they have."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from deltalake.exceptions import CommitFailedError

from geomeld_build.errors import StoreError
from geomeld_build.store.catalog import TILES, delta_errors, load_table, side_tables

__all__ = ["Compaction", "compact"]

_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Compaction:
    """What became of one table's files."""

    table: str
    version: int
    """Version that has the new files; the same as before when nothing was to do."""
    files_before: int
    files_after: int


def compact(uri: str) -> tuple[Compaction, ...]:
    """Merge the small files of every table, and write a checkpoint of each that changed.

    Appends may go on meanwhile; a merge that was faster makes it look again.

    Raises:
        StoreError: a table cannot be read or written.
    """
    return tuple(_compact_table(uri, name) for name in (TILES, *side_tables(uri)))


def _compact_table(uri: str, name: str) -> Compaction:
    for attempt in range(_ATTEMPTS):
        table = load_table(uri, name)
        try:
            with delta_errors(f"compact table {name} of {uri}"):
                done = table.optimize.compact()
                if done["numFilesRemoved"]:
                    table.create_checkpoint()
        except CommitFailedError:
            time.sleep(random.SystemRandom().uniform(0.0, 0.02 * 2 ** min(attempt, 5)))
            continue
        after = len(table.file_uris())
        before = after + int(done["numFilesRemoved"]) - int(done["numFilesAdded"])
        return Compaction(name, int(table.version()), before, after)
    raise StoreError(f"could not compact table {name} of {uri}: others changed it {_ATTEMPTS} times; try again later")
