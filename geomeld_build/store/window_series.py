"""The tiles of one place through time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
import xarray as xr

from geomeld_build.errors import ConfigError, StoreError

__all__ = ["place_series"]


class _Tiles(Protocol):
    @property
    def uri(self) -> str: ...

    @property
    def version(self) -> int: ...

    def query(self, sql: str) -> pa.Table: ...

    def tile(self, tile_id: str, modalities: Sequence[str] | None = None) -> xr.Dataset: ...


def place_series(store: _Tiles, location_id: str, modalities: Sequence[str] | None = None) -> xr.Dataset:
    """All tiles of a place, in the order of their reference scenes.

    Args:
        store: at a version.
        location_id: of the place.
        modalities: rows, all of the store's by default.

    Returns:
        As ``Store.tile``, with ``time`` (UTC, without a zone) as the first dimension and ``tile_id`` along it.

    Raises:
        ConfigError: the version has no tile there, or the store no such row.
        StoreError: pixels are lost, or the tiles of the place have different grids.
    """
    quoted = location_id.replace("'", "''")
    sql = f"SELECT tile_id, datetime FROM tiles WHERE status = 'ok' AND location_id = '{quoted}' ORDER BY datetime, row"
    found = store.query(sql)
    if found.num_rows == 0:
        raise ConfigError(f"no tile of place {location_id!r} in {store.uri} at version {store.version}")
    ids: list[str] = found.column("tile_id").to_pylist()
    tiles = [store.tile(tile_id, modalities) for tile_id in ids]
    if len({tile.rio.crs for tile in tiles}) > 1:
        raise StoreError(f"the tiles of place {location_id!r} have different projections: {store.uri} is damaged")
    try:
        # All of these settings: what xarray would choose by itself changes between its releases.
        series: xr.Dataset = xr.concat(
            tiles,
            dim="time",
            data_vars="all",
            coords="minimal",
            compat="override",
            join="exact",
            combine_attrs="drop_conflicts",
        )
    except xr.AlignmentError as error:
        raise StoreError(f"the tiles of place {location_id!r} lie on different grids: {error}") from error
    times = found.column("datetime").cast(pa.timestamp("us")).to_numpy()
    return series.assign_coords(time=times, tile_id=("time", np.array(ids, dtype=np.str_)))
