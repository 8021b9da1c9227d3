"""``tables/signals``: the signals of a store's tiles, measured once and kept beside them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from geomeld_build.captions.signals.measure import ROWS, Place, measure
from geomeld_build.captions.signals.record import SIGNALS_VERSION, Signals
from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.store import ShardReader, append_side_table, open_store

__all__ = ["SIGNALS", "SIGNALS_SCHEMA", "SignalsSummary", "measure_store", "signals_by_tile"]

SIGNALS = "signals"
_BLOCK = 64
"""Tiles that are read together, and kept by one commit."""

SIGNALS_SCHEMA = pa.schema(
    [
        pa.field("tile_id", pa.string(), nullable=False),
        pa.field("signals_version", pa.int16(), nullable=False),
        pa.field("dominant", pa.string()),
        pa.field("terrain_class", pa.string()),
        pa.field("water", pa.bool_()),
        pa.field("season", pa.string(), nullable=False),
        pa.field("signals", pa.string(), nullable=False),
    ]
)
"""Schema of ``tables/signals``: a few columns to query by, and the whole record as JSON (``schemas/signals.json``)."""

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


def measure_store(uri: str, *, threads: int = 2, progress: Progress | None = None) -> SignalsSummary:
    """Measure the tiles that have no signals of this version yet. Stopped at any point, it goes on where it was.

    Args:
        uri: the store.
        threads: that decode and measure.
        progress: called with how many tiles are done, and how many there are to do.

    Raises:
        ConfigError: there is no store.
        StoreError: a table or a shard cannot be read or written.
    """
    started = time.monotonic()
    store = open_store(uri)
    places = _places(store.query("SELECT tile_id, lon, lat, datetime, row FROM tiles WHERE status = 'ok' ORDER BY row"))
    known = _known(store)
    missing = [(place, row) for place, row in places if place.tile_id not in known]
    names = [name for name in ROWS if name in store.modalities]
    if missing:
        reader = ShardReader(uri, names, threads=threads)
        with ThreadPoolExecutor(threads) as pool:
            for done, rows in _measured(reader, pool, missing):
                append_side_table(uri, SIGNALS, rows)
                if progress is not None:
                    progress(done, len(missing))
        reader.close()
    return SignalsSummary(
        store=uri,
        catalog_version=store.version,
        tiles=len(places),
        measured=len(missing),
        already=len(places) - len(missing),
        seconds=round(time.monotonic() - started, 3),
    )


def _measured(
    reader: ShardReader, pool: ThreadPoolExecutor, tiles: list[tuple[Place, int]]
) -> Iterator[tuple[int, pa.Table]]:
    """How many tiles are done, and the rows of the last block of them."""
    for start in range(0, len(tiles), _BLOCK):
        block = tiles[start : start + _BLOCK]
        arrays = reader.read(np.array([row for _, row in block]))
        jobs = [
            pool.submit(measure, place, {name: stack[at] for name, stack in arrays.items()})
            for at, (place, _) in enumerate(block)
        ]
        yield start + len(block), _rows([job.result() for job in jobs])


def _rows(found: list[Signals]) -> pa.Table:
    rows = [
        {
            "tile_id": one.tile_id,
            "signals_version": one.schema_version,
            "dominant": None if one.landcover is None else one.landcover.dominant,
            "terrain_class": None if one.terrain is None else one.terrain.terrain_class,
            "water": None if one.water_analysis is None else one.water_analysis.detected,
            "season": one.season,
            "signals": one.model_dump_json(),
        }
        for one in found
    ]
    return pa.Table.from_pylist(rows, schema=SIGNALS_SCHEMA)


def _places(table: pa.Table) -> list[tuple[Place, int]]:
    return [
        (Place(row["tile_id"], row["lon"], row["lat"], row["datetime"]), int(row["row"])) for row in table.to_pylist()
    ]


def _known(store: Any) -> set[str]:
    """Tiles with signals of this version."""
    try:
        sql = f"SELECT tile_id FROM {SIGNALS} WHERE signals_version = {SIGNALS_VERSION}"
        return set(store.query(sql).column("tile_id").to_pylist())
    except ConfigError:
        # The first run: there is no such table yet.
        return set()


def signals_by_tile(uri: str, tile_ids: list[str] | None = None) -> dict[str, Signals]:
    """The signals of a store, by tile.

    Args:
        uri: the store.
        tile_ids: of these tiles only.

    Raises:
        StoreError: the store has no signals.
    """
    store = open_store(uri)
    try:
        table = store.query(f"SELECT tile_id, signals FROM {SIGNALS} WHERE signals_version = {SIGNALS_VERSION}")
    except ConfigError as error:
        raise StoreError(f"{uri} has no signals: run 'geomeld-build caption signals {uri}' first") from error
    wanted = None if tile_ids is None else set(tile_ids)
    return {
        row["tile_id"]: Signals.model_validate_json(row["signals"])
        for row in table.to_pylist()
        if wanted is None or row["tile_id"] in wanted
    }
