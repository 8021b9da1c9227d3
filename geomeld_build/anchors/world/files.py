"""Biome layers from files, and the one of Earth Engine, fetched once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import rasterio
import shapely

from geomeld_build.anchors.world.biomes import BiomeLayer, biomes_from_pixels, biomes_from_table
from geomeld_build.errors import ConfigError

__all__ = ["RESOLVE_COLUMNS", "RESOLVE_TABLE", "cached_biomes", "load_biomes", "read_vector"]

RESOLVE_TABLE = "RESOLVE/ECOREGIONS/2017"
"""Earth Engine's collection of ecoregions, 847 rows. CC BY 4.0."""
RESOLVE_COLUMNS = ("BIOME_NUM", "BIOME_NAME", "ECO_NAME", "ECO_ID")
"""What to ask of it."""
_RASTERS = {".tif", ".tiff"}
_PARQUET = {".parquet", ".geoparquet"}
_LONLAT = (4326, "OGC:CRS84")


def load_biomes(path: Path, *, mend: bool = False) -> BiomeLayer:
    """A layer from a user's file.

    Args:
        path: GeoTIFF of biome numbers; or polygons with RESOLVE's columns as GeoParquet, GeoPackage, GeoJSON,
            shapefile or anything else that GDAL reads. Longitude and latitude in degrees.
        mend: repair broken polygons instead of refusing them.

    Raises:
        ConfigError: the file cannot be read or is not in lon/lat, or as :func:`biomes_from_table` says.
    """
    if not path.exists():
        raise ConfigError(f"biome layer {path} does not exist")
    if path.suffix.lower() in _RASTERS:
        return _read_raster(path)
    return biomes_from_table(read_vector(path), source=str(path), mend=mend)


def cached_biomes(fetch: Callable[[], pa.Table], folder: Path, *, origin: str = "earthengine") -> BiomeLayer:
    """Earth Engine's ecoregions, fetched at the first call and kept as GeoParquet.

    Broken polygons are repaired: nobody but the service could repair them there.

    Args:
        fetch: gives ``RESOLVE_COLUMNS`` of ``RESOLVE_TABLE`` and ``geometry`` (WKB), as ``Source.table`` does.
        folder: where to keep it.
        origin: who answers. A simulated planet is not the Earth: give each its own name.

    Raises:
        ConfigError: the table is not as :func:`biomes_from_table` expects it.
        SourceError: as ``fetch`` does.
    """
    text = "|".join((origin, RESOLVE_TABLE, *RESOLVE_COLUMNS))
    key = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    path = folder / f"resolve2017-{key}.parquet"
    if not path.exists():
        table = fetch()
        # What cannot be used is not kept.
        layer = biomes_from_table(table, source=f"{RESOLVE_TABLE} of {origin}", mend=True)
        _write(table, path, text)
        return layer
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"cannot read {path} ({reason}): delete it, and it is fetched again") from error
    return biomes_from_table(table, source=str(path), mend=True)


def _write(table: pa.Table, path: Path, key: str) -> None:
    geo = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "geometry_types": []}},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        stamped = table.replace_schema_metadata({"geo": json.dumps(geo), "key": key})
        pq.write_table(stamped, partial, compression="zstd")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_vector(path: Path) -> pa.Table:
    """Columns and WKB ``geometry``, in lon/lat degrees, of any file that GDAL reads as vectors.

    Raises:
        ConfigError: it cannot be read, has no geometry, or is not in lon/lat.
    """
    import geopandas

    try:
        if path.suffix.lower() in _PARQUET:
            return _read_parquet(path)
        frame = geopandas.read_file(path)
    except ConfigError:
        raise
    except Exception as error:  # drivers raise many kinds; all mean "not a readable vector file"
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"cannot read {path} (expected polygons, or a GeoTIFF of biomes): {reason}") from error
    if not isinstance(frame, geopandas.GeoDataFrame):
        raise ConfigError(f"{path} holds no polygons: it is a table without geometry")
    _check_crs(frame.crs is None or frame.crs.equals(_LONLAT[0]) or frame.crs.equals(_LONLAT[1]), frame.crs, path)
    geometry = pa.array(shapely.to_wkb(frame.geometry.to_numpy()).tolist(), pa.binary())
    table = pa.Table.from_pandas(frame.drop(columns=frame.geometry.name), preserve_index=False)
    return table.append_column("geometry", geometry)


def _read_parquet(path: Path) -> pa.Table:
    """GeoParquet as it is, so that a broken geometry is found with its row."""
    table = pq.read_table(path)
    geo = json.loads((table.schema.metadata or {}).get(b"geo", b"{}"))
    name = geo.get("primary_column", "geometry")
    about = geo.get("columns", {}).get(name, {})
    if about.get("encoding", "WKB") != "WKB":
        raise ConfigError(f"{path} encodes its geometry as {about['encoding']}: expected WKB")
    if about.get("crs") is not None:
        crs = pyproj.CRS.from_user_input(about["crs"])
        _check_crs(any(crs.equals(known, ignore_axis_order=True) for known in _LONLAT), crs.name, path)
    if name not in table.column_names:
        raise ConfigError(f"{path} holds no polygons: it has no column {name}")
    return table.rename_columns(["geometry" if column == name else column for column in table.column_names])


def _check_crs(lonlat: bool, crs: object, path: Path) -> None:
    if not lonlat:
        raise ConfigError(f"{path} is in {str(crs)[:80]}: expected longitude and latitude, EPSG:4326")


def _read_raster(path: Path) -> BiomeLayer:
    try:
        with rasterio.open(path) as file:
            crs, transform, pixels = file.crs, file.transform, file.read(1)
    except rasterio.errors.RasterioError as error:
        raise ConfigError(f"cannot read biomes from {path}: {str(error).splitlines()[0]}") from error
    _check_crs(crs is None or crs.to_epsg() == _LONLAT[0], crs, path)
    if pixels.dtype.kind not in "iu":
        raise ConfigError(f"{path} has pixels of type {pixels.dtype}: expected whole numbers, biomes 1..14")
    if transform.b or transform.d or transform.a <= 0 or transform.e >= 0:
        raise ConfigError(f"{path} is not north up: expected a raster whose rows run south and columns east")
    return biomes_from_pixels(pixels, transform.c, transform.f, transform.a, -transform.e, source=str(path))
