"""The Delta log for ``gc``: versions and their times, objects that versions reference, files that none needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from geomeld_build.errors import StoreError
from geomeld_build.store.catalog import TILES, delta_errors, load_table, run_sql, table_uri
from geomeld_build.store.objects import ObjectMissing, Objects, open_objects

__all__ = ["Commit", "commits", "referenced_keys", "vacuum"]

_KEEP_ROWS = frozenset({"CREATE TABLE", "OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES"})
_WEEK_H = 7 * 24
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Commit:
    """One version of a table."""

    version: int
    when: datetime
    only_adds: bool
    """Every object that the version before references is referenced by this one too."""


def commits(table: DeltaTable) -> list[Commit]:
    """The versions that the log still knows, oldest first.

    Raises:
        StoreError: the log cannot be read.
    """
    with delta_errors(f"read the history of {table.table_uri}"):
        history = table.history()
    found = []
    for entry in history:
        when = datetime.fromtimestamp(entry["timestamp"] / 1000, UTC)
        appends = entry["operation"] == "WRITE" and entry.get("operationParameters", {}).get("mode") == "Append"
        found.append(Commit(int(entry["version"]), when, appends or entry["operation"] in _KEEP_ROWS))
    return sorted(found, key=lambda commit: commit.version)


def referenced_keys(uri: str, kept: Sequence[Commit], newest: DeltaTable) -> set[str]:
    """Keys of the shard objects that any of these versions references, and the newest one.

    A version whose rows all live on in the next kept one is not read: with appends alone that is one scan in all.

    Raises:
        StoreError: a version cannot be read: nothing may be deleted then.
    """
    keys = _keys(newest)
    following = {commit.version: commit for commit in kept}
    for commit in kept:
        after = following.get(commit.version + 1)
        if commit.version != newest.version() and (after is None or not after.only_adds):
            keys |= _keys(load_table(uri, TILES, commit.version))
    return keys


def _keys(table: DeltaTable) -> set[str]:
    found = run_sql({TILES: table}, "SELECT DISTINCT o['key'] AS key FROM (SELECT unnest(objects) AS o FROM tiles)")
    return set(found.column("key").to_pylist())


def vacuum(
    uri: str, name: str, retention: timedelta, held: Sequence[int], young: Sequence[int], *, dry_run: bool
) -> int:
    """Delete the data files of a table that no version within the retention time and none that is held needs.

    Files that no version ever knew, of appends that were cut short, go when they are older than the retention time and
    that is at least a day: an append that is under way has files that no version knows yet.

    Args:
        uri: the store.
        name: the table.
        retention: files that a version lost within this time stay.
        held: older versions to keep.
        young: versions within the retention time; named to the library only where its clock of whole hours is too
            coarse to tell them.
        dry_run: only count.

    Returns:
        How many files.

    Raises:
        StoreError: the table cannot be read or written.
    """
    coarse = retention < _HOUR
    # One hour more: the library looks at the clock later than we did.
    hours = 0 if coarse else math.ceil(retention / _HOUR) + 1
    rim = open_objects(table_uri(uri, name))
    for _ in range(_ATTEMPTS):
        table = load_table(uri, name)
        keep = [version for version in (*held, *(young if coarse else ())) if version < table.version()]
        try:
            with delta_errors(f"clean up table {name} of {uri}"):
                return _clean(table, rim, hours, keep, retention >= _DAY, dry_run)
        except CommitFailedError:
            continue
    raise StoreError(f"could not clean up table {name} of {uri}: others changed it {_ATTEMPTS} times; try again later")


def _clean(table: DeltaTable, rim: Objects, hours: int, keep: list[int], untracked: bool, dry_run: bool) -> int:
    def clean(dry: bool) -> list[str]:
        return table.vacuum(
            hours,
            dry_run=dry,
            enforce_retention_duration=hours >= _WEEK_H,
            full=untracked,
            keep_versions=sorted(keep) or None,
        )

    # The log remembers deleted files for days, so the library names them again and again.
    there = sum(_is_there(rim, path) for path in clean(True))
    # Only where there is something to do: each cleaning is two versions of the table.
    if there and not dry_run:
        clean(False)
    return there


def _is_there(rim: Objects, path: str) -> bool:
    try:
        rim.size(path)
    except ObjectMissing:
        return False
    return True
