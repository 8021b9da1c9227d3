"""MMEarth's tiles: the centre of each and its id, and nothing else.

Layouts read, all of vishalned/MMEarth-data: ``*_tile_info.json`` (``utils/utils.py``: tile id -> lat, lon and more),
the GeoJSON of boxes that its sampling writes (``create_tiles_polygon.py``), and the HDF5 release
(``utils/convert_to_h5.py``: ``lat`` and ``lon`` as sine and cosine, ids in ``metadata``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from geomeld_build.anchors.imports.geometry import LONLAT, centroids
from geomeld_build.anchors.imports.json_stream import Entry, stream_object
from geomeld_build.anchors.imports.pool import Pool, Progress, Rows, finish_pool
from geomeld_build.errors import ConfigError

__all__ = ["HDF5_SUFFIXES", "read_mmearth"]

HDF5_SUFFIXES = (".h5", ".hdf5")
_HEADER = ("type", "name", "crs", "bbox", "features", "columns", "properties", "id")
_BATCH = 100_000


def read_mmearth(path: Path, name: str, progress: Progress | None = None) -> Pool:
    """A pool of MMEarth's tiles, from any of its three files, or from the folder that holds its tile info.

    Raises:
        ConfigError: not such a file, or a broken one; the message names the row.
    """
    if path.is_dir():
        found = sorted(path.glob("*_tile_info.json"))
        if len(found) != 1:
            raise ConfigError(f"{path} holds {len(found)} files *_tile_info.json, expected one: name the file instead")
        path = found[0]
    if path.suffix.lower() in HDF5_SUFFIXES:
        return _read_hdf5(path, name)
    return _read_json(path, name, progress)


def _read_json(path: Path, name: str, progress: Progress | None) -> Pool:
    tiles, features = Rows(2), _Features(path)
    for entry in stream_object(path, unroll="features", progress=progress):
        if entry.element is not None:
            features.add(entry)
        elif entry.key in _HEADER and not _is_tile(entry.value):
            _check_header(path, entry)
            features.seen = True
        else:
            tiles.add(entry.key, *_tile_place(path, entry, len(tiles) + 1))
    if features.seen and len(tiles):
        raise ConfigError(f"{path}: has both GeoJSON's members and others, expected MMEarth's tile info or GeoJSON")
    if features.seen:
        return features.pool(name)
    lon, lat = tiles.columns().T if len(tiles) else np.empty((2, 0))
    ids = tiles.ids()
    return finish_pool(name, path, (lon, lat, ids), lambda row: f"{path}, row {row + 1} (tile {ids[row].as_py()!r})")


def _is_tile(value: Any) -> bool:
    return type(value) is dict and "lat" in value and "lon" in value


def _tile_place(path: Path, entry: Entry, row: int) -> tuple[float, float]:
    if not _is_tile(entry.value):
        found = f"keys {', '.join(map(repr, list(entry.value)[:6]))}" if type(entry.value) is dict else "no object"
        raise ConfigError(
            f"{path}, row {row} ({entry.key!r}) has {found}: expected MMEarth's tile info, an object with lat and lon "
            "for every tile id, or GeoJSON"
        )
    return _number(entry.value["lon"]), _number(entry.value["lat"])


def _number(value: Any) -> float:
    """A float; NaN for what is no number, which the pool's checks then name."""
    try:
        return float(value) if type(value) in (float, int) else math.nan
    except OverflowError:
        return math.inf


def _check_header(path: Path, entry: Entry) -> None:
    if entry.key == "type" and entry.value != "FeatureCollection":
        raise ConfigError(f"{path}: GeoJSON of type {entry.value!r}, expected a FeatureCollection of tiles")
    if entry.key == "crs" and not any(known in str(entry.value) for known in ("CRS84", "EPSG::4326", "EPSG:4326")):
        raise ConfigError(f"{path}: crs {str(entry.value)[:80]}, expected lon/lat degrees as GeoJSON demands")


class _Features:
    """Centres of GeoJSON's boxes and points, a batch at a time."""

    def __init__(self, path: Path) -> None:
        self.path, self.seen = path, False
        self._names: list[str] = []
        self._shapes: list[Any] = []
        self._done: list[tuple[NDArray[np.float64], NDArray[np.float64], pa.Array]] = []
        self._count = 0

    def add(self, entry: Entry) -> None:
        self.seen = True
        feature = entry.value if type(entry.value) is dict else {}
        properties = feature.get("properties")
        # Features carry Earth Engine's own ids as well, which begin anew with every batch of 5,000.
        known = properties.get("tile_id") if type(properties) is dict else None
        self._names.append("" if known is None else str(known))
        try:
            self._shapes.append(shapely.geometry.shape(feature["geometry"]))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, shapely.errors.ShapelyError) as error:
            raise ConfigError(f"{self.path}, row {entry.element} has broken geometry: {error}") from error
        if len(self._shapes) >= _BATCH:
            self._flush()

    def pool(self, name: str) -> Pool:
        self._flush()
        lon, lat = (np.concatenate([part[axis] for part in self._done]) for axis in (0, 1))
        ids = pa.chunked_array([part[2] for part in self._done], pa.string()).combine_chunks()
        return finish_pool(name, self.path, (lon, lat, ids), self._where(0))

    def _where(self, first: int) -> Callable[[int], str]:
        return lambda row: f"{self.path}, row {first + row + 1}"

    def _flush(self) -> None:
        shapes = np.empty(len(self._shapes), object)
        shapes[:] = self._shapes
        lon, lat = centroids(shapes, LONLAT, self._where(self._count))
        self._done.append((lon, lat, pa.array(self._names, pa.string())))
        self._count += len(shapes)
        self._shapes, self._names = [], []


def _read_hdf5(path: Path, name: str) -> Pool:
    try:
        import h5py
    except ImportError as error:
        raise ConfigError(
            f"reading {path} needs h5py, which is not installed: pip install 'geomeld-build[dev]', or import the "
            "*_tile_info.json that comes with it"
        ) from error
    try:
        with h5py.File(path) as file:
            lon, lat = (_angle(path, file, axis) for axis in ("lon", "lat"))
            ids = _ids(path, file)
    except OSError as error:
        raise ConfigError(f"cannot read {path} as HDF5 (truncated?): {error}") from error
    if not len(lon) == len(lat) == len(ids):
        raise ConfigError(f"{path}: {len(lon)} lon, {len(lat)} lat and {len(ids)} metadata, expected as many of each")
    return finish_pool(name, path, (lon, lat, ids), lambda row: f"{path}, row {row + 1}")


def _angle(path: Path, file: Any, axis: str) -> NDArray[np.float64]:
    """Degrees from a dataset ``(tile, 2)`` of sine and cosine, float32: good to half a metre."""
    data = file.get(axis)
    shape = getattr(data, "shape", None)
    if shape is None or len(shape) != 2 or shape[1] != 2:
        raise ConfigError(f"{path}: dataset {axis!r} has shape {shape}, expected (tile, 2): sine and cosine")
    sine, cosine = np.asarray(data, np.float64).T
    # A row that was never written is (0, 0): no angle.
    return np.where(np.abs(np.hypot(sine, cosine) - 1.0) < 1e-3, np.degrees(np.arctan2(sine, cosine)), np.nan)


def _ids(path: Path, file: Any) -> pa.StringArray:
    data = file.get("metadata")
    fields = getattr(getattr(data, "dtype", None), "names", None)
    if not fields or "tile_id" not in fields:
        raise ConfigError(f"{path}: dataset 'metadata' has fields {fields}, expected MMEarth's tile_id among them")
    return pa.array(np.asarray(data.fields("tile_id")[:], "S").astype("U"), pa.string())
