"""The Delta tables of a store. ``tables/tiles`` alone says which tiles exist.

Reads go through ``QueryBuilder`` only: ``DeltaTable.to_pyarrow_table`` reads through Python callbacks, and was measured
to abort the interpreter at exit in about a third of small scripts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, QueryBuilder, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.store.gc_expired import refuse_expired
from geomeld_build.store.objects import join_uri, open_objects
from geomeld_build.store.records import RunRecord, runs_to_table
from geomeld_build.store.schema import TILES_SCHEMA

__all__ = [
    "TILES",
    "append_run",
    "append_side_table",
    "create_tiles",
    "load_table",
    "run_sql",
    "side_tables",
    "table_uri",
]

TILES = "tiles"
"""Name of the table that says what exists."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
NO_REBASE = CommitProperties(max_commit_retries=0)
"""A commit only on top of the very version that was read: whoever comes second looks again."""


def table_uri(uri: str, name: str) -> str:
    """Where a table of a store lies.

    Raises:
        ConfigError: the name is no table name.
    """
    if not _NAME.match(name):
        raise ConfigError(f"{name!r} is no table name: expected lower-case letters, digits and _, first a letter")
    return join_uri(uri, f"tables/{name}")


@contextmanager
def delta_errors(what: str) -> Iterator[None]:
    """Turn the library's errors into ours; a lost race stays a ``CommitFailedError``."""
    try:
        yield
    except CommitFailedError:
        raise
    except (DeltaError, OSError) as error:
        raise StoreError(f"cannot {what}: {error}") from error


def create_tiles(uri: str) -> None:
    """Make the empty tiles table, or leave the one that is there.

    Raises:
        StoreError: the place cannot be written.
    """
    _create(uri, TILES, TILES_SCHEMA)


def _create(uri: str, name: str, schema: pa.Schema) -> DeltaTable:
    place = table_uri(uri, name)
    with delta_errors(f"create table {place}"):
        try:
            return DeltaTable.create(place, schema, mode="ignore", name=name)
        except CommitFailedError:
            # Two creators at once: the table is there now.
            return DeltaTable(place)


def load_table(uri: str, name: str, version: int | None = None) -> DeltaTable:
    """A table at a version, the newest one by default.

    Raises:
        StoreError: there is no such table or no such version (any more).
    """
    place = table_uri(uri, name)
    try:
        newest = DeltaTable(place)
        if version is None or version == newest.version():
            return newest
        if not 0 <= version < newest.version():
            raise StoreError(f"{place} has no version {version}: expected 0..{newest.version()}")
        if name == TILES:
            refuse_expired(open_objects(uri), version)
        return DeltaTable(place, version=version)
    except TableNotFoundError as error:
        raise StoreError(f"no table at {place}: the store is incomplete") from error
    except (DeltaError, OSError) as error:
        which = "" if version is None else f" at version {version} (expired and cleaned up?)"
        raise StoreError(f"cannot open table {place}{which}: {error}") from error


def side_tables(uri: str) -> tuple[str, ...]:
    """Names of the tables besides the tiles table."""
    names = open_objects(uri).folders("tables")
    return tuple(name for name in names if name != TILES and DeltaTable.is_deltatable(table_uri(uri, name)))


def run_sql(tables: Mapping[str, DeltaTable], sql: str) -> pa.Table:
    """Run SQL over tables.

    Raises:
        ConfigError: the SQL is wrong; the message is the engine's, which lists the columns.
        StoreError: a table cannot be read, e.g. because the version has expired and its files are gone.
    """
    if not _IS_READ.match(sql):
        raise ConfigError(f"only queries run here: expected SELECT or WITH first, got {sql[:60]!r}")
    builder = QueryBuilder()
    for name, table in tables.items():
        builder.register(name, table)
    try:
        found = pa.table(builder.execute(sql).read_all())
    except Exception as error:  # the stream raises bare Exceptions
        message = str(error)
        if _IS_IO.search(message):
            versions = ", ".join(f"{name} at version {table.version()}" for name, table in tables.items())
            raise StoreError(f"cannot read {versions} (expired and cleaned up?): {message}") from error
        raise ConfigError(f"cannot run the query: {message}") from error
    return found.cast(_plain_schema(found.schema))


# The engine would also run COPY ... TO a file, and EXPLAIN ANALYZE runs what it explains. Comments may come first.
_IS_READ = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(select|with|values)\b", re.IGNORECASE | re.DOTALL)
_IS_IO = re.compile(r"object ?store error|object at location|no such file|parquet error|permission denied", re.I)


def append_side_table(uri: str, name: str, table: pa.Table) -> int:
    """Append rows to a side table, which is made by the first append; the version that has them.

    New columns that may be null are added to the table; its older rows have none of them.

    Raises:
        ConfigError: the name is none, or is that of the tiles table.
        StoreError: the columns differ otherwise from those of the table, or it cannot be written.
    """
    if name == TILES:
        raise ConfigError("the tiles table is written by commit() only; choose another name for a side table")
    target = _create(uri, name, table.schema)
    with delta_errors(f"append to table {table_uri(uri, name)}"):
        kept = {field.name for field in target.schema().fields}
        added = [field for field in table.schema if field.name not in kept]
        # Merging would also turn numbers into text and leave out columns.
        grows = kept <= set(table.column_names) and all(field.nullable for field in added)
        write_deltalake(target, table, mode="append", schema_mode="merge" if added and grows else None)
    return int(target.version())


def append_run(uri: str, record: RunRecord) -> int:
    """Note what one step of a run spent and made, in ``tables/runs``; the version that has it.

    Raises:
        StoreError: the table cannot be written.
    """
    return append_side_table(uri, "runs", runs_to_table([record]))


def _plain_schema(schema: pa.Schema) -> pa.Schema:
    return pa.schema([pa.field(field.name, _plain(field.type), field.nullable) for field in schema])


def _plain(kind: pa.DataType) -> pa.DataType:
    """The engine's view types as the types of our schemas."""
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_list(kind):
        return pa.list_(_plain(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(kind.field(i).name, _plain(kind.field(i).type)) for i in range(kind.num_fields)])
    return kind
