"""Mended tiles into the catalog: new places and new objects for rows that exist, in one commit.

Shards never change, so a tile whose pixels were mended lies in another shard group than before. Readers pinned at an
older version keep the old place; whoever opens the store later sees the new one.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from geomeld_build.errors import StoreError
from geomeld_build.store.catalog import TILES, delta_errors, load_table, run_sql
from geomeld_build.store.commit import (
    _attach_objects,
    _check_places,
    _checked,
    _grow_arrays,
    _quoted,
    _write,
    verify_group,
)
from geomeld_build.store.create import read_header
from geomeld_build.store.objects import open_objects
from geomeld_build.store.writer import ShardObject

__all__ = ["SwapResult", "even_out", "swap"]

logger = logging.getLogger(__name__)

_ATTEMPTS = 200
_LONGEST_WAIT_S = 0.5


@dataclass(frozen=True, slots=True)
class SwapResult:
    """What a swap changed."""

    version: int
    """Catalog version that has the new rows."""
    swapped: int
    stale: int
    """Rows left out, because the tile lies elsewhere than was said: somebody else swapped it meanwhile."""


def swap(uri: str, rows: pa.Table, objects: Sequence[ShardObject], replaces: Mapping[str, int]) -> SwapResult:
    """Replace rows of tiles that exist, in one merge commit. Doing it again changes nothing.

    Args:
        uri: the store.
        rows: the new rows under the schema of the tiles table; their ``objects`` are filled in here. A row that is
            not ``ok`` takes the tile away.
        objects: what ``write_group`` returned for the new places.
        replaces: place of each tile as it was read; a tile that lies elsewhere by now is left alone.

    Raises:
        StoreError: an object is not as written, a row has no object for its pixels, a new place is taken, or the store
            cannot be written.
    """
    header = read_header(uri)
    rows = _attach_objects(_checked(rows), {item.key: item for item in objects}, header.modalities)
    verify_group(uri, objects)
    rim = open_objects(uri)
    for item in objects:
        rim.sync(item.key)
    _grow_arrays(uri, rows, header.modalities)
    wait = random.SystemRandom()
    for attempt in range(_ATTEMPTS):
        table = load_table(uri, TILES)
        fresh = _still_there(table, rows, replaces)
        stale = rows.num_rows - fresh.num_rows
        if fresh.num_rows == 0:
            return SwapResult(int(table.version()), 0, stale)
        _check_places(table, fresh)
        try:
            with delta_errors(f"commit to {uri}"):
                _write(table, fresh, merge=True)
        except CommitFailedError:
            logger.debug("swap in %s lost a race, try %d", uri, attempt + 1)
            time.sleep(wait.uniform(0.0, min(_LONGEST_WAIT_S, 0.01 * 2 ** min(attempt, 6))))
            continue
        logger.info("swap: version %d, %d swapped, %d stale", table.version(), fresh.num_rows, stale)
        return SwapResult(int(table.version()), fresh.num_rows, stale)
    raise StoreError(f"could not commit to {uri}: others committed {_ATTEMPTS} times meanwhile; run the repair again")


def even_out(uri: str) -> None:
    """Make all arrays as long as the longest of them and as the catalog needs.

    Raises:
        StoreError: an array's metadata is gone, or the store cannot be written.
    """
    found = run_sql({TILES: load_table(uri, TILES)}, "SELECT max(shard) AS shard FROM tiles")
    _grow_arrays(uri, found, read_header(uri).modalities)


def _still_there(table: DeltaTable, rows: pa.Table, replaces: Mapping[str, int]) -> pa.Table:
    ids = rows.column("tile_id").to_pylist()
    listed = ", ".join(_quoted(name) for name in ids)
    found = run_sql({TILES: table}, f"SELECT tile_id, row FROM tiles WHERE tile_id IN ({listed}) AND status = 'ok'")
    places = dict(zip(found.column("tile_id").to_pylist(), found.column("row").to_pylist(), strict=True))
    return rows.filter(pa.array([places.get(name) == replaces[name] for name in ids], pa.bool_()))
