"""``tables/signals``: the signals of a store's tiles, measured once and kept beside them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from geomeld_build.captions.signals.footprint import Footprint
from geomeld_build.captions.signals.measure import ROWS, Place, measure
from geomeld_build.captions.signals.record import SIGNALS_VERSION, Signals
from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.modalities import TILE_GRID
from geomeld_build.store import ShardReader, append_side_table, open_store

__all__ = ["SIGNALS", "SIGNALS_SCHEMA", "SignalsSummary", "latest_rows", "measure_store", "signals_by_tile"]

SIGNALS = "signals"
_BLOCK = 64
"""Tiles that are read together, and kept by one commit."""
_AT_ONCE = 16_384
"""Tiles whose surroundings are read together: an extract of OpenStreetMap is read once for so many."""

SIGNALS_SCHEMA = pa.schema(
    [
        pa.field("tile_id", pa.string(), nullable=False),
        pa.field("signals_version", pa.int16(), nullable=False),
        pa.field("dominant", pa.string()),
        pa.field("terrain_class", pa.string()),
        pa.field("water", pa.bool_()),
        pa.field("season", pa.string(), nullable=False),
        pa.field("signals", pa.string(), nullable=False),
        pa.field("context", pa.string()),
        pa.field("measured", pa.timestamp("us", tz="UTC")),
    ]
)
"""Schema of ``tables/signals``: a few columns to query by, and the whole record as JSON (``schemas/signals.json``).

The newest row of a tile counts: another extract of OpenStreetMap adds a row. ``context`` is what extracts and layers it
stands on.
"""

Known = Mapping[str, tuple[str | None, str]]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class SignalsSummary:
    """What one run measured."""

    store: str
    catalog_version: int
    tiles: int
    """Tiles of the store."""
    measured: int
    already: int
    """Had signals of this version before."""
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The summary as plain data."""
        return asdict(self)


class Surroundings(Protocol):
    """What is known of tiles from elsewhere."""

    def add(self, signals: Sequence[Signals]) -> list[Signals]:
        """The signals with it."""
        ...


class Sources(Protocol):
    """Where it comes from."""

    def key(self) -> str:
        """What the sources are."""
        ...

    def read(self, tiles: Sequence[Footprint]) -> Surroundings:
        """Read what there is of tiles."""
        ...


@dataclass(frozen=True, slots=True)
class _Tile:
    place: Place
    row: int
    footprint: Footprint
    known: str | None = None
    """Its signals as JSON, where only the surroundings are to be added."""


def measure_store(
    uri: str,
    sources: Sources | None = None,
    *,
    again: bool = True,
    threads: int = 2,
    progress: Progress | None = None,
) -> SignalsSummary:
    """Measure the tiles that have no signals of this version yet. Stopped at any point, it goes on where it was.

    Args:
        uri: the store.
        sources: geography and OpenStreetMap to add.
        again: whether tiles that were measured with other sources get these; else they keep what they have.
        threads: that decode and measure.
        progress: called with how many tiles are done, and how many there are to do.

    Raises:
        ConfigError: there is no store, or a file of the sources cannot be read.
        StoreError: a table or a shard cannot be read or written.
    """
    started = time.monotonic()
    store = open_store(uri)
    tiles, known = _tiles(store), latest_rows(store)
    key = None if sources is None else sources.key()
    wanted = key if again else None
    missing = [_with_known(tile, known) for tile in tiles if not _is_known(tile, known, wanted)]
    names = [name for name in ROWS if name in store.modalities]
    if missing:
        reader = ShardReader(uri, names, threads=threads)
        done = 0
        with ThreadPoolExecutor(threads) as pool:
            for start in range(0, len(missing), _AT_ONCE):
                part = missing[start : start + _AT_ONCE]
                around = None if sources is None else sources.read([tile.footprint for tile in part])
                for found in _measured(reader, pool, part):
                    append_side_table(uri, SIGNALS, _rows(found if around is None else around.add(found), key))
                    done += len(found)
                    if progress is not None:
                        progress(done, len(missing))
        reader.close()
    return SignalsSummary(
        store=uri,
        catalog_version=store.version,
        tiles=len(tiles),
        measured=len(missing),
        already=len(tiles) - len(missing),
        seconds=round(time.monotonic() - started, 3),
    )


def _is_known(tile: _Tile, known: Known, key: str | None) -> bool:
    return tile.place.tile_id in known and key in {None, known[tile.place.tile_id][0]}


def _with_known(tile: _Tile, known: Known) -> _Tile:
    return replace(tile, known=known[tile.place.tile_id][1]) if tile.place.tile_id in known else tile


def _measured(reader: ShardReader, pool: ThreadPoolExecutor, tiles: list[_Tile]) -> Iterator[list[Signals]]:
    """The signals of tiles, block by block."""
    for start in range(0, len(tiles), _BLOCK):
        block = tiles[start : start + _BLOCK]
        found = [Signals.model_validate_json(tile.known) for tile in block if tile.known is not None]
        fresh = [tile for tile in block if tile.known is None]
        if fresh:
            arrays = reader.read(np.array([tile.row for tile in fresh]))
            jobs = [
                pool.submit(measure, tile.place, {name: stack[at] for name, stack in arrays.items()})
                for at, tile in enumerate(fresh)
            ]
            found += [job.result() for job in jobs]
        yield found


def _rows(found: list[Signals], context: str | None) -> pa.Table:
    now = datetime.now(UTC)
    rows = [
        {
            "tile_id": one.tile_id,
            "signals_version": one.schema_version,
            "dominant": None if one.landcover is None else one.landcover.dominant,
            "terrain_class": None if one.terrain is None else one.terrain.terrain_class,
            "water": None if one.water_analysis is None else one.water_analysis.detected,
            "season": one.season,
            "signals": one.model_dump_json(),
            "context": context,
            "measured": now,
        }
        for one in found
    ]
    return pa.Table.from_pylist(rows, schema=SIGNALS_SCHEMA)


def _tiles(store: Any) -> list[_Tile]:
    sql = (
        "SELECT tile_id, lon, lat, datetime, row, proj_code, proj_transform FROM tiles WHERE status = 'ok' ORDER BY row"
    )
    side = float(TILE_GRID.size * TILE_GRID.gsd_m)
    found = []
    for row in store.query(sql).to_pylist():
        place = Place(row["tile_id"], row["lon"], row["lat"], row["datetime"])
        _, _, left, _, _, top = row["proj_transform"][:6]
        found.append(_Tile(place, int(row["row"]), Footprint(row["tile_id"], row["proj_code"], left, top, side)))
    return found


def latest_rows(store: Any) -> dict[str, tuple[str | None, str]]:
    """The newest signals of this version by tile: what sources they stand on, and the record as JSON.

    Args:
        store: an open store.
    """
    newest = "row_number() OVER (PARTITION BY tile_id ORDER BY measured DESC)"
    sql = (
        f"SELECT tile_id, context, signals FROM (SELECT *, {newest} AS age FROM {SIGNALS} "
        f"WHERE signals_version = {SIGNALS_VERSION}) AS rows WHERE age = 1"
    )
    try:
        rows = store.query(sql).to_pylist()
    except ConfigError:
        # The first run: there is no such table yet, or one of an older version without these columns.
        return {}
    return {row["tile_id"]: (row["context"], row["signals"]) for row in rows}


def signals_by_tile(uri: str, tile_ids: list[str] | None = None) -> dict[str, Signals]:
    """The signals of a store, by tile.

    Args:
        uri: the store.
        tile_ids: of these tiles only.

    Raises:
        StoreError: the store has no signals.
    """
    found = latest_rows(open_store(uri))
    if not found:
        raise StoreError(f"{uri} has no signals: run 'geomeld-build caption signals {uri}' first")
    wanted = found.keys() if tile_ids is None else set(tile_ids)
    return {tile: Signals.model_validate_json(text) for tile, (_, text) in found.items() if tile in wanted}
