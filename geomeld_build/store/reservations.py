"""Create-only reservations of shard groups, so that runs never write the same keys.

The file name is the first group of the range alone: two runs that want the same place then want the same key, and the
create-only put lets one of them have it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.store.catalog import TILES, load_table, run_sql
from geomeld_build.store.objects import ObjectExists, Objects, open_objects

__all__ = ["reserve"]

_FOLDER = "runs"
_ATTEMPTS = 1000


def reserve(uri: str, n_groups: int, run_id: str) -> int:
    """Reserve shard groups for a run; a lost race takes the next range.

    A range that its run never uses stays empty, which costs nothing but numbers.

    Returns:
        The first shard group; the range is this one and the ``n_groups - 1`` after it.

    Raises:
        ConfigError: fewer than one group is asked for.
        StoreError: this is no store, or it cannot be written.
    """
    if n_groups < 1:
        raise ConfigError(f"expected to reserve at least one shard group, got {n_groups}")
    objects = open_objects(uri)
    committed = _end_of_committed(uri)
    for _ in range(_ATTEMPTS):
        first = max(committed, _end_of_reserved(objects))
        note = {"first_shard": first, "n_groups": n_groups, "run_id": run_id, "created": datetime.now(UTC).isoformat()}
        try:
            objects.create(f"{_FOLDER}/{first:09d}.json", json.dumps(note, indent=2).encode())
        except ObjectExists:
            continue
        return first
    raise StoreError(f"could not reserve shard groups in {uri}: lost {_ATTEMPTS} races")


def _end_of_committed(uri: str) -> int:
    found = run_sql({TILES: load_table(uri, TILES)}, "SELECT max(shard) AS last FROM tiles")
    last = found.column("last")[0].as_py()
    return 0 if last is None else int(last) + 1


def _end_of_reserved(objects: Objects) -> int:
    # Every range starts at or after the end of those before it, so the last name has the largest end.
    names = [key for key in objects.keys(_FOLDER) if key.rsplit("/", 1)[-1][:9].isdigit()]
    if not names:
        return 0
    try:
        note = json.loads(objects.get(names[-1]))
        return int(note["first_shard"]) + int(note["n_groups"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{objects.uri}/{names[-1]} is no reservation: {error}; move the file away") from error
