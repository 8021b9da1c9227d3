"""All tiles of a version as one lazy dataset."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import xarray as xr

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import MODALITIES, modality
from geomeld_build.store.decode import decode, physical_attributes
from geomeld_build.store.layout import shard_tiles

__all__ = ["lazy_dataset"]


def lazy_dataset(store: Any, names: tuple[str, ...], tiles: pa.Table, chunks: int | None) -> xr.Dataset:
    """Tiles along one axis, read and decoded when they are needed.

    Args:
        store: where zarr reads the group from.
        names: rows of the store.
        tiles: tile_id, row (the place, ascending), lon, lat, datetime.
        chunks: tiles a Dask chunk; by default the smallest shard of the rows.

    Raises:
        ConfigError: a chunk of less than one tile.
    """
    size = chunks if chunks is not None else min((shard_tiles(modality(name)) for name in names), default=1)
    if size < 1:
        raise ConfigError(f"expected chunks of at least one tile, got {size}")
    places = tiles.column("row").to_numpy()
    variables = {}
    for name in names:
        row = modality(name)
        stored = _stored(store, name)
        # Chunks first, then the choice of rows: a chunk is one contiguous read, while zarr's own picking of scattered
        # rows is an order of magnitude slower.
        physical = xr.apply_ufunc(
            partial(decode, row),
            stored.chunk({"tile": size}).isel(tile=places),
            dask="parallelized",
            output_dtypes=[decode(row, np.zeros(0, row.dtype)).dtype],
        )
        physical.attrs = physical_attributes(row)
        variables[name] = physical
    return xr.Dataset(variables, _coordinates(names, tiles))


def _stored(store: Any, name: str) -> xr.Variable:
    # One array at a time: while a commit lengthens them, they differ in length for a moment, and xarray would refuse.
    others = [other for other in MODALITIES if other != name]
    dataset = xr.open_zarr(store, consolidated=False, chunks=None, decode_cf=False, drop_variables=others)
    variable: xr.Variable = dataset[name].variable
    return variable


def _coordinates(names: tuple[str, ...], tiles: pa.Table) -> dict[str, Any]:
    instants = tiles.column("datetime").cast(pa.timestamp("us")).to_numpy()
    return {
        "tile_id": ("tile", np.array(tiles.column("tile_id").to_pylist(), dtype=np.str_)),
        "lon": ("tile", tiles.column("lon").to_numpy(), {"units": "degrees_east", "standard_name": "longitude"}),
        "lat": ("tile", tiles.column("lat").to_numpy(), {"units": "degrees_north", "standard_name": "latitude"}),
        "datetime": ("tile", instants),
        **{f"{name}_band": list(modality(name).bands) for name in names},
    }
