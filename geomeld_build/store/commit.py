"""The moment at which tiles begin to exist."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import google_crc32c
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from geomeld_build.errors import StoreError
from geomeld_build.modalities import modality
from geomeld_build.store.catalog import NO_REBASE, TILES, delta_errors, load_table, run_sql
from geomeld_build.store.create import read_header
from geomeld_build.store.layout import GROUP_TILES, array_key, object_key, row_count, with_rows
from geomeld_build.store.objects import ObjectMissing, open_objects
from geomeld_build.store.schema import OUTCOMES_PRESENT, TILES_SCHEMA
from geomeld_build.store.writer import ShardObject

__all__ = ["CommitResult", "commit", "verify_group"]

logger = logging.getLogger(__name__)

_ATTEMPTS = 200
_LONGEST_WAIT_S = 0.5
_STUCK = 5
"""Failures on top of one version after which it is no race that is lost."""


@dataclass(frozen=True, slots=True)
class CommitResult:
    """What a commit changed."""

    version: int
    """Catalog version that has the rows."""
    added: int
    """Anchors that the catalog did not have."""
    replaced: int
    """Anchors whose failure (or skip) gave way to this outcome."""
    duplicates: int
    """Rows left out, because the anchor is already there: the first commit wins."""


def verify_group(uri: str, objects: Sequence[ShardObject]) -> None:
    """Check that objects are stored as they were written: size and crc32c of the bytes read back.

    Raises:
        StoreError: an object is missing, or its bytes are others.
    """
    rim = open_objects(uri)
    for item in objects:
        try:
            data = rim.get(item.key)
        except ObjectMissing:
            raise StoreError(f"{uri}/{item.key} was written but is not there: write the group again") from None
        checksum = google_crc32c.value(data)
        if len(data) != item.bytes or checksum != item.crc32c:
            raise StoreError(
                f"{uri}/{item.key} is damaged: expected {item.bytes} bytes with crc32c {item.crc32c:08x}, "
                f"found {len(data)} with {checksum:08x}; write the group again"
            )


def commit(uri: str, rows: pa.Table, objects: Sequence[ShardObject]) -> CommitResult:
    """Make rows visible, in one Delta commit. Any number of committers may run; doing it again changes nothing.

    Verifies the objects as stored, makes them durable, grows the arrays, then appends. An anchor that is there already
    keeps its row: the first commit wins. Only a failure gives way to a new outcome, and a skip to a tile.

    Args:
        uri: the store.
        rows: from ``records_to_table``.
        objects: what ``write_group`` returned for the groups of these rows.

    Raises:
        StoreError: an object is not as written, a row has no object for its pixels, a place is taken by another tile,
            or the store cannot be written.
    """
    header = read_header(uri)
    rows = _attach_objects(_checked(rows), {item.key: item for item in objects}, header.modalities)
    verify_group(uri, objects)
    rim = open_objects(uri)
    for item in objects:
        rim.sync(item.key)
    _grow_arrays(uri, rows, header.modalities)
    result = _append(uri, rows)
    logger.info("commit: version %d, %d added, %d replaced, %d duplicates", *_figures(result))
    return result


def _figures(result: CommitResult) -> tuple[int, int, int, int]:
    return result.version, result.added, result.replaced, result.duplicates


def _checked(rows: pa.Table) -> pa.Table:
    if not rows.schema.equals(TILES_SCHEMA):
        raise StoreError("rows to commit do not have the schema of the tiles table: make them with records_to_table")
    ids = rows.column("tile_id").to_pylist()
    if len(set(ids)) != len(ids):
        twice = sorted({name for name in ids if ids.count(name) > 1})[:3]
        raise StoreError(f"rows to commit name a tile twice: {', '.join(twice)}")
    places = [place for place in rows.column("row").to_pylist() if place is not None]
    if len(set(places)) != len(places):
        raise StoreError("rows to commit put two tiles in one place: every slot of a shard group holds one tile")
    return rows


def _attach_objects(rows: pa.Table, objects: Mapping[str, ShardObject], modalities: Sequence[str]) -> pa.Table:
    table_rows = [modality(name) for name in modalities]
    outcomes = {row.name: rows.column(f"{row.name}_outcome").to_pylist() for row in table_rows}
    attached: list[list[dict[str, Any]]] = []
    for i, (tile_id, place) in enumerate(
        zip(rows.column("tile_id").to_pylist(), rows.column("row").to_pylist(), strict=True)
    ):
        mine: list[dict[str, Any]] = []
        for row in table_rows if place is not None else ():
            key = object_key(row, place)
            if (item := objects.get(key)) is not None:
                mine.append({"modality": row.name, "key": key, "bytes": item.bytes, "crc32c": item.crc32c})
            elif outcomes[row.name][i] in OUTCOMES_PRESENT:
                raise StoreError(f"tile {tile_id} has pixels of {row.name}, but {key} is not among the objects written")
        attached.append(mine)
    index = rows.schema.get_field_index("objects")
    field = TILES_SCHEMA.field("objects")
    return rows.set_column(index, field, pa.array(attached, field.type))


def _grow_arrays(uri: str, rows: pa.Table, modalities: Sequence[str]) -> None:
    shards = [shard for shard in rows.column("shard").to_pylist() if shard is not None]
    needed = (max(shards, default=-1) + 1) * GROUP_TILES

    def grow(stored: list[bytes]) -> list[bytes]:
        # As long as the longest: this also evens out what a committer left that was killed between two arrays.
        longest = max(needed, *(row_count(item) for item in stored))
        return [with_rows(item, longest) for item in stored]

    open_objects(uri).update([array_key(name) for name in modalities], grow)


def _append(uri: str, rows: pa.Table) -> CommitResult:
    # Only on top of the version in which duplicates were looked for: two committers never both add one tile.
    wait = random.SystemRandom()
    read: list[int] = []
    for attempt in range(_ATTEMPTS):
        table = load_table(uri, TILES)
        read.append(int(table.version()))
        known = _known(table, rows)
        accepted, replaced = _accept(rows, known)
        duplicates = rows.num_rows - accepted.num_rows
        if accepted.num_rows == 0:
            return CommitResult(int(table.version()), 0, 0, duplicates)
        _check_places(table, accepted)
        try:
            with delta_errors(f"commit to {uri}"):
                _write(table, accepted, merge=replaced > 0)
        except CommitFailedError as error:
            if read[-_STUCK:] == [read[-1]] * _STUCK:
                raise StoreError(
                    f"cannot commit to {uri}: no new version since {read[-1]}, and still {error}"
                ) from error
            logger.debug("commit to %s lost a race, try %d", uri, attempt + 1)
            time.sleep(wait.uniform(0.0, min(_LONGEST_WAIT_S, 0.01 * 2 ** min(attempt, 6))))
            continue
        return CommitResult(int(table.version()), accepted.num_rows - replaced, replaced, duplicates)
    raise StoreError(f"could not commit to {uri}: others committed {_ATTEMPTS} times meanwhile; run the commit again")


def _known(table: DeltaTable, rows: pa.Table) -> dict[str, tuple[str, str]]:
    """Status and run of those anchors that the catalog has."""
    if rows.num_rows == 0:
        return {}
    ids = ", ".join(_quoted(name) for name in rows.column("tile_id").to_pylist())
    found = run_sql({TILES: table}, f"SELECT tile_id, status, run_id FROM tiles WHERE tile_id IN ({ids})")
    columns = (found.column(name).to_pylist() for name in ("tile_id", "status", "run_id"))
    return {tile_id: (status, run_id) for tile_id, status, run_id in zip(*columns, strict=True)}


def _accept(rows: pa.Table, known: Mapping[str, tuple[str, str]]) -> tuple[pa.Table, int]:
    """Rows that change the catalog, and how many of them replace one."""
    keep = []
    replaced = 0
    columns = (rows.column(name).to_pylist() for name in ("tile_id", "status", "run_id"))
    for tile_id, status, run_id in zip(*columns, strict=True):
        before = known.get(tile_id)
        gives_way = before is not None and _gives_way(before, (status, run_id))
        replaced += gives_way
        keep.append(before is None or gives_way)
    return rows.filter(pa.array(keep, pa.bool_())), replaced


def _gives_way(before: tuple[str, str], after: tuple[str, str]) -> bool:
    if before[0] == "failed":
        # The same run's failure once more is the same commit once more.
        return after[0] != "failed" or before[1] != after[1]
    return before[0] == "skipped" and after[0] == "ok"


def _check_places(table: DeltaTable, rows: pa.Table) -> None:
    places = [place for place in rows.column("row").to_pylist() if place is not None]
    if not places:
        return
    listed = ", ".join(str(place) for place in places)
    span = f"row BETWEEN {min(places)} AND {max(places)}"
    taken = run_sql({TILES: table}, f"SELECT tile_id, row FROM tiles WHERE {span} AND row IN ({listed}) LIMIT 1")
    if taken.num_rows:
        tile_id, place = taken.column("tile_id")[0].as_py(), taken.column("row")[0].as_py()
        raise StoreError(
            f"place {place} (shard {place // GROUP_TILES}, slot {place % GROUP_TILES}) is taken by tile {tile_id}: "
            "write to a shard group from reserve()"
        )


def _write(table: DeltaTable, rows: pa.Table, *, merge: bool) -> None:
    if not merge:
        write_deltalake(table, rows, mode="append", commit_properties=NO_REBASE)
        return
    (
        table.merge(
            rows, "old.tile_id = new.tile_id", source_alias="new", target_alias="old", commit_properties=NO_REBASE
        )
        .when_matched_update_all()
        .when_not_matched_insert_all()
        .execute()
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
