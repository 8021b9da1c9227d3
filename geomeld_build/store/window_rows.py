"""Which tiles a loader gives out: a SQL condition over catalog and side tables; samples of several dates a place."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geomeld_build.draws import mixed
from geomeld_build.errors import ConfigError
from geomeld_build.store.catalog import load_table, side_tables
from geomeld_build.store.schema import OUTCOMES_PRESENT, TILES_SCHEMA

__all__ = ["SelectedTiles", "TilesView", "select_tiles"]

_ALWAYS = ("tile_id", "location_id", "row", "datetime")
_KEYS = ("tile_id", "location_id")
_WORD = re.compile(r"'(?:[^']|'')*'|\"([^\"]+)\"|([A-Za-z_][A-Za-z0-9_]*)")


class TilesView(Protocol):
    """What is asked of a store here; ``Store`` has it."""

    @property
    def uri(self) -> str: ...

    @property
    def version(self) -> int: ...

    def query(self, sql: str) -> pa.Table:
        """SQL over ``tiles`` and the side tables."""


@dataclass(frozen=True, slots=True)
class SelectedTiles:
    """Tiles of one catalog version, and how they form samples."""

    table: pa.Table
    """One line a tile, in the order of places: tile_id, location_id, row, datetime and what else was asked for."""
    rows: NDArray[np.int64]
    """Place of every tile along ``tile``, ascending."""
    present: dict[str, NDArray[np.bool_]]
    """By row of the table of modalities: whether the catalog says that the tile has pixels of it."""
    dates: int
    """Tiles a sample."""
    groups: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
    """With several dates: tiles by place and time, and where each place begins among them (and the end)."""

    @property
    def samples(self) -> int:
        """Samples an epoch: tiles, or places that have enough dates."""
        return len(self.rows) if self.groups is None else len(self.groups[1]) - 1

    def tiles_of(self, samples: NDArray[np.int32], *, key: int) -> NDArray[np.int64]:
        """Lines of the tiles of samples.

        Args:
            samples: their numbers.
            key: of the epoch: which dates of a place that has more than enough.

        Returns:
            ``(sample, date)`` int64, dates in the order of time.
        """
        if self.groups is None:
            return samples.astype(np.int64)[:, None]
        members, starts = self.groups
        lines = np.empty((len(samples), self.dates), np.int64)
        for at, sample in enumerate(samples.tolist()):
            mine = members[starts[sample] : starts[sample + 1]]
            with np.errstate(over="ignore"):
                numbers = mixed(mine.astype(np.uint64) + np.uint64(key))
            lines[at] = mine[np.sort(np.argsort(numbers, kind="stable")[: self.dates])]
        return lines

    def identity(self) -> str:
        """A short digest of the places and of how they form samples: two equal ones give equal epochs."""
        digest = hashlib.blake2b(self.rows.tobytes(), digest_size=8)
        digest.update(f"dates={self.dates}".encode())
        return digest.hexdigest()


def select_tiles(
    store: TilesView, *, where: str = "", names: Sequence[str], columns: Sequence[str] = (), dates: int = 1
) -> SelectedTiles:
    """Tiles of a store's version that meet a condition.

    Args:
        store: the store at a version.
        where: SQL condition on the columns of ``tiles`` and of the side tables that go by ``tile_id`` or
            ``location_id``: ``"split = 'train' AND sentinel2_valid > 0.9"``. Of side-table rows with a column
            ``created`` the newest counts.
        names: rows whose presence matters.
        columns: columns of ``tiles`` or of those side tables to keep.
        dates: tiles a sample; places with fewer are left out.

    Raises:
        ConfigError: the condition is wrong, a column is unknown or ambiguous, or no tile meets the condition.
    """
    if dates < 1:
        raise ConfigError(f"expected at least one date a sample, got {dates}")
    kept = [name for name in dict.fromkeys(columns) if name not in _ALWAYS]
    sources = _side_sources(store, {*kept, *_words(where)})
    if unknown := [name for name in kept if name not in TILES_SCHEMA.names and name not in sources]:
        raise ConfigError(
            f"no column {', '.join(unknown)} in {store.uri}: expected some of those of tiles and of its side tables"
        )
    present = ", ".join(f"{name}_outcome IN {OUTCOMES_PRESENT} AS has_{name}" for name in names)
    fields = ", ".join(["t.tile_id", "t.location_id", "t.row", "t.datetime", *kept, *([present] if present else [])])
    condition = f" AND ({where})" if where.strip() else ""
    table = store.query(
        f"SELECT {fields} FROM tiles t{_joins(sources)} WHERE t.status = 'ok'{condition} ORDER BY t.row"
    )
    if table.num_rows == 0:
        raise ConfigError(f"no tile of {store.uri} at version {store.version} meets the condition {where or 'none'!r}")
    table = table.combine_chunks()
    rows = table.column("row").to_numpy().astype(np.int64)
    has = {name: table.column(f"has_{name}").to_numpy().astype(np.bool_) for name in names}
    groups = None if dates == 1 else _groups(table, dates)
    return SelectedTiles(table.drop_columns([f"has_{name}" for name in names]), rows, has, dates, groups)


def _words(where: str) -> set[str]:
    """Names in a condition; text in single quotes is none."""
    return {quoted or bare for quoted, bare in _WORD.findall(where) if quoted or bare}


def _side_sources(store: TilesView, wanted: set[str]) -> dict[str, tuple[str, str, bool]]:
    """Columns that only a side table has: its name, its key, and whether its rows have a date."""
    outside = wanted - set(TILES_SCHEMA.names)
    found: dict[str, tuple[str, str, bool]] = {}
    for table in side_tables(store.uri) if outside else ():
        columns = [field.name for field in load_table(store.uri, table).schema().fields]
        keys = [key for key in _KEYS if key in columns]
        for column in sorted(outside.intersection(columns)) if keys else ():
            if column in found:
                raise ConfigError(
                    f"column {column} is in the side tables {found[column][0]} and {table}: "
                    f"write tile_id IN (SELECT tile_id FROM {table} WHERE ...) in the condition"
                )
            found[column] = (table, keys[0], "created" in columns)
    return found


def _joins(sources: Mapping[str, tuple[str, str, bool]]) -> str:
    text = ""
    for number, side in enumerate(dict.fromkeys(sources.values())):
        table, key, dated = side
        values = [column for column, source in sources.items() if source == side]
        chosen = ", ".join(
            f"last_value({value} ORDER BY created) AS {value}" if dated else f"max({value}) AS {value}"
            for value in values
        )
        text += (
            f" LEFT JOIN (SELECT {key} AS side_key_{number}, {chosen} FROM {table} GROUP BY {key}) side_{number}"
            f" ON t.{key} = side_{number}.side_key_{number}"
        )
    return text


def _groups(table: pa.Table, dates: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    places = table.column("location_id").dictionary_encode().combine_chunks().indices.to_numpy()
    times = table.column("datetime").cast(pa.timestamp("us")).to_numpy().astype(np.int64)
    order = np.lexsort((times, places))
    starts = np.flatnonzero(np.diff(places[order], prepend=-1))
    counts = np.diff(starts, append=len(order))
    enough = counts >= dates
    if not enough.any():
        raise ConfigError(f"no place has {dates} dates: the most is {counts.max()}")
    members = order[np.repeat(enough, counts)].astype(np.int64)
    return members, np.concatenate([[0], np.cumsum(counts[enough])]).astype(np.int64)
