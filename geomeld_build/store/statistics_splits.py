"""The split of a tile, from the side table ``splits`` where a store has one."""

from __future__ import annotations

from collections.abc import Mapping

from deltalake import DeltaTable

from geomeld_build.errors import StoreError
from geomeld_build.grid import Anchor
from geomeld_build.store.catalog import load_table, run_sql, table_uri

__all__ = ["SPLITS", "known_splits", "split_key", "splits_query"]

SPLITS = "splits"
"""Name of the side table: ``split`` by ``location_id`` (or by ``tile_id``), of rows with ``created`` the newest."""
_KEYS = ("location_id", "tile_id")


def split_key(table: DeltaTable) -> str:
    """The column that the table goes by.

    Raises:
        StoreError: it has no such column, or no column ``split``.
    """
    columns = {field.name for field in table.schema().fields}
    keys = [key for key in _KEYS if key in columns]
    if not keys or "split" not in columns:
        raise StoreError(
            f"the side table {SPLITS} has the columns {', '.join(sorted(columns))}: expected split and one of "
            f"{', '.join(_KEYS)}"
        )
    return keys[0]


def splits_query(table: DeltaTable) -> str:
    """A SELECT of one row a key: the key column and ``split``.

    Raises:
        StoreError: columns are missing, or a key has two splits and nothing says which is newer.
    """
    key = split_key(table)
    if "created" in {field.name for field in table.schema().fields}:
        return f"SELECT {key}, last_value(split ORDER BY created) AS split FROM {SPLITS} GROUP BY {key}"
    torn = f"SELECT {key} FROM {SPLITS} GROUP BY {key} HAVING count(DISTINCT split) > 1 LIMIT 1"
    found = run_sql({SPLITS: table}, torn)
    if found.num_rows:
        raise StoreError(
            f"the side table {SPLITS} has two splits for {key} {found.column(key)[0].as_py()!r}, and no column "
            "created that says which is newer"
        )
    return f"SELECT {key}, min(split) AS split FROM {SPLITS} GROUP BY {key}"


def known_splits(uri: str, anchors: Mapping[int, Anchor]) -> dict[int, str]:
    """Splits of anchors that have one, by the keys given; none where the store has no splits.

    Raises:
        StoreError: the side table is no table of splits.
    """
    if not anchors or not DeltaTable.is_deltatable(table_uri(uri, SPLITS)):
        return {}
    table = load_table(uri, SPLITS)
    key = split_key(table)
    names = {number: str(getattr(anchor, key)) for number, anchor in anchors.items()}
    listed = ", ".join("'" + name.replace("'", "''") + "'" for name in sorted(set(names.values())))
    sql = f"SELECT {key}, split FROM ({splits_query(table)}) AS known WHERE {key} IN ({listed})"
    found = run_sql({SPLITS: table}, sql)
    by_key = dict(zip(found.column(key).to_pylist(), found.column("split").to_pylist(), strict=True))
    return {number: by_key[name] for number, name in names.items() if by_key.get(name) is not None}
