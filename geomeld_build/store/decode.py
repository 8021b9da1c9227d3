"""Stored integers to physical units, with coordinates and attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr
from affine import Affine
from numpy.typing import NDArray

from geomeld_build.modalities import TILE_GRID, Modality, band_dim, modality
from geomeld_build.store.layout import array_spec
from geomeld_build.store.schema import OUTCOMES_PRESENT

__all__ = ["decode", "physical_attributes", "tile_dataset"]


def decode(row: Modality, stored: NDArray[Any]) -> NDArray[Any]:
    """Physical values of stored ones, any axes.

    Classes stay integers, because a mean of class codes means nothing: nodata is still ``row.nodata``. Everything else
    becomes float32 in the row's units with NaN at nodata.
    """
    if row.classes is not None:
        return stored
    values = stored.astype(np.float32)
    values *= np.float32(row.scaling.scale)
    values += np.float32(row.scaling.offset)
    values[stored == row.nodata] = np.nan
    return values


def physical_attributes(row: Modality) -> dict[str, Any]:
    """CF attributes of decoded values: those of the stored array without its packing; bands are a coordinate."""
    attrs = array_spec(row)["attrs"]
    packing = {"scale_factor", "add_offset", "band_names"} | ({"_FillValue"} if row.classes is None else set())
    return {name: value for name, value in attrs.items() if name not in packing}


def tile_dataset(record: Mapping[str, Any], stored: Mapping[str, NDArray[Any]]) -> xr.Dataset:
    """One tile with names, metres and units.

    Args:
        record: the tile's catalog row.
        stored: row name to ``(band, y, x)`` in the stored dtype.

    Returns:
        A dataset with a variable a row, dims ``(<row>_band, y, x)`` (rows on another grid: their own y and x), band
        names and pixel centres in metres as coordinates, and the CRS where rioxarray looks for it.
    """
    tile = Affine(*record["proj_transform"])
    variables: dict[str, xr.DataArray] = {}
    for name, array in stored.items():
        row = modality(name)
        variables[name] = xr.DataArray(
            decode(row, array),
            dims=(band_dim(row), f"{row.grid.prefix}y", f"{row.grid.prefix}x"),
            coords=_coordinates(row, tile),
            attrs={**physical_attributes(row), **_provenance(record, name)},
        )
    dataset: xr.Dataset = xr.Dataset(variables, attrs=_tile_attributes(record)).rio.write_crs(record["proj_code"])
    for name in stored:
        row = modality(name)
        # A list of names here becomes the band descriptions of a GeoTIFF.
        dataset[name].attrs["long_name"] = row.bands
        dataset[name] = dataset[name].rio.write_nodata(row.nodata if row.classes is not None else np.nan, encoded=False)
    return dataset


def _coordinates(row: Modality, tile: Affine) -> dict[str, Any]:
    grid = row.grid
    # Every grid is centred on the tile; proj_transform is that of the tile grid.
    side = TILE_GRID.size * tile.a
    centre_x, centre_y = tile.c + side / 2, tile.f - side / 2
    steps = (np.arange(grid.size) + 0.5 - grid.size / 2) * grid.gsd_m
    axis = {"units": "metre"}
    return {
        band_dim(row): list(row.bands),
        f"{grid.prefix}y": (
            f"{grid.prefix}y",
            centre_y - steps,
            {**axis, "axis": "Y", "standard_name": "projection_y_coordinate"},
        ),
        f"{grid.prefix}x": (
            f"{grid.prefix}x",
            centre_x + steps,
            {**axis, "axis": "X", "standard_name": "projection_x_coordinate"},
        ),
    }


def _provenance(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    parts = [part for part in record["parts"] if part["row"] == name and part["outcome"] in OUTCOMES_PRESENT]
    scenes = [scene for part in parts for scene in part["scenes"]]
    return {
        "outcome": record[f"{name}_outcome"],
        "scenes": [scene["id"] for scene in scenes],
        "datetimes": ["" if scene["datetime"] is None else scene["datetime"].isoformat() for scene in scenes],
    }


def _tile_attributes(record: Mapping[str, Any]) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        name: record[name]
        for name in ("tile_id", "location_id", "lon", "lat", "proj_code", "stratum", "pool", "recipe", "run_id")
    }
    for name in ("datetime", "anchor_datetime"):
        if record[name] is not None:
            attributes[name] = record[name].isoformat()
    return attributes
