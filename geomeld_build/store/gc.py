"""Deletes what no retained version of the catalog and no live reservation needs.

Kept are the newest version, every version that was the newest within the retention time, and every version that a
reader holds. Of shards, what a kept version references and what a reserved range may still be writing. The note of what
has expired is written before the first deletion; a crash at any point leaves garbage that the next run finds.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.modalities import Modality, modality
from geomeld_build.store.catalog import TILES, load_table, side_tables
from geomeld_build.store.compact import Compaction, compact
from geomeld_build.store.create import read_header
from geomeld_build.store.gc_expired import note_expired, read_expired
from geomeld_build.store.gc_tables import Commit, commits, referenced_keys, vacuum
from geomeld_build.store.layout import GROUP_TILES, shard_tiles
from geomeld_build.store.leases import drop_dead_leases, live_leases
from geomeld_build.store.objects import ObjectMissing, Objects, open_objects

__all__ = ["GcReport", "collect_garbage"]

logger = logging.getLogger(__name__)

_LEFTOVERS = timedelta(days=1)
"""Half-written files older than this have no writer any more."""


@dataclass(frozen=True, slots=True)
class GcReport:
    """What was deleted, or would be."""

    store: str
    dry_run: bool
    version: int
    """Newest catalog version."""
    expired: tuple[int, ...]
    """Versions that cannot be opened any more, those of earlier runs included."""
    held: tuple[int, ...]
    """Versions older than the retention time that a reader holds."""
    objects: int
    """Shard objects that were deleted."""
    bytes: int
    table_files: int
    """Data files of the tables that were deleted."""
    leftovers: int
    """Half-written files of killed writers that were deleted."""
    compacted: tuple[Compaction, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Versions:
    """The catalog's versions by their fate."""

    newest: int
    kept: tuple[Commit, ...]
    expired: frozenset[int]
    held: tuple[int, ...]
    """Of the kept ones, those that only a reader keeps."""

    @property
    def young(self) -> tuple[int, ...]:
        """The other kept ones."""
        return tuple(commit.version for commit in self.kept if commit.version not in self.held)


def collect_garbage(
    uri: str,
    *,
    retention: timedelta = timedelta(days=30),
    reservations: timedelta = timedelta(days=7),
    compaction: bool = False,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> GcReport:
    """Clean a store up.

    Args:
        uri: the store.
        retention: versions that were the newest within this time stay whole.
        reservations: a run may write into its reserved range for this long; what it has not committed by then is
            garbage.
        compaction: merge the small files of the tables first.
        dry_run: change nothing, and say what would be deleted.
        progress: called with objects deleted and objects to delete.

    Raises:
        ConfigError: there is no store, or a negative time.
        StoreError: the store cannot be read or written.
    """
    if retention < timedelta(0) or reservations < timedelta(0):
        raise ConfigError(f"expected times of at least 0, got retention {retention}, reservations {reservations}")
    names = read_header(uri).modalities
    rim = open_objects(uri)
    compacted = compact(uri) if compaction and not dry_run else ()
    now = datetime.now(UTC)
    versions = _decide(uri, rim, now - retention)
    if not dry_run:
        versions = _announce(uri, rim, now - retention, versions)
    garbage = list(_garbage(uri, rim, names, versions, now - reservations))
    size = sum(_size(rim, key) for key in garbage)
    for done, key in enumerate([] if dry_run else garbage, start=1):
        rim.delete(key)
        if progress is not None:
            progress(done, len(garbage))
    files = vacuum(uri, TILES, retention, versions.held, versions.young, dry_run=dry_run)
    files += sum(vacuum(uri, name, retention, (), (), dry_run=dry_run) for name in side_tables(uri))
    leftovers = rim.sweep(now - _LEFTOVERS, dry_run=dry_run)
    if not dry_run:
        drop_dead_leases(rim, now)
    logger.info("gc: %d objects, %d bytes, %d table files, %d leftovers", len(garbage), size, files, leftovers)
    return GcReport(
        store=uri,
        dry_run=dry_run,
        version=versions.newest,
        expired=tuple(sorted(versions.expired)),
        held=versions.held,
        objects=len(garbage),
        bytes=size,
        table_files=files,
        leftovers=leftovers,
        compacted=compacted,
    )


def _decide(uri: str, rim: Objects, since: datetime) -> _Versions:
    """Which versions stay: what is expired stays expired, the rest by age and leases."""
    table = load_table(uri, TILES)
    known = commits(table)
    gone = read_expired(rim)
    held = {lease.version for lease in live_leases(rim)}
    kept: list[Commit] = []
    saved: list[int] = []
    expired = set(range(known[0].version))
    for commit, following in zip(known, [*known[1:], None], strict=True):
        young = following is None or following.when >= since
        if commit.version in gone and following is not None:
            expired.add(commit.version)
        elif young or commit.version in held:
            kept.append(commit)
            saved.extend(() if young else (commit.version,))
        else:
            expired.add(commit.version)
    return _Versions(known[-1].version, tuple(kept), frozenset(expired), tuple(saved))


def _announce(uri: str, rim: Objects, since: datetime, planned: _Versions) -> _Versions:
    """Note what expires, then look for leases again: one that was taken in between keeps its version."""
    before = read_expired(rim)
    if planned.expired == before:
        return planned
    note_expired(rim, planned.expired | before)
    held = {lease.version for lease in live_leases(rim)} & (planned.expired - before)
    if not held:
        return planned
    note_expired(rim, (planned.expired | before) - held)
    return _decide(uri, rim, since)


def _garbage(uri: str, rim: Objects, names: Sequence[str], versions: _Versions, since: datetime) -> Iterator[str]:
    # In this order: an object that is listed was reserved before, and if its run commits meanwhile, the newest version
    # knows it. The other way round, a run that starts in between would lose what it writes.
    listed = [(modality(name), number) for name in names for number in rim.folders(f"{name}/c") if number.isdigit()]
    live = set(_reserved_groups(rim, since))
    needed = referenced_keys(uri, versions.kept, load_table(uri, TILES))
    for row, number in listed:
        key = f"{row.name}/c/{number}/0/0/0"
        if key not in needed and _group(row, int(number)) not in live and _size(rim, key) >= 0:
            yield key


def _group(row: Modality, number: int) -> int:
    return number * shard_tiles(row) // GROUP_TILES


def _size(rim: Objects, key: str) -> int:
    """Bytes of an object; -1 when it is not there, as in a folder whose writer was killed."""
    try:
        return rim.size(key)
    except ObjectMissing:
        return -1


def _reserved_groups(rim: Objects, since: datetime) -> Iterator[int]:
    for key in rim.keys("runs"):
        if not key.removeprefix("runs/")[:9].isdigit():
            continue
        try:
            note = json.loads(rim.get(key))
            if datetime.fromisoformat(note["created"]) >= since:
                yield from range(int(note["first_shard"]), int(note["first_shard"]) + int(note["n_groups"]))
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{rim.uri}/{key} is no reservation: {error}; move the file away") from error
