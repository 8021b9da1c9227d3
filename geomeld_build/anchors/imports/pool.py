"""A pool: the points of somebody else's file, and the checks that every pool passes."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from geomeld_build.errors import ConfigError

__all__ = ["Pool", "PoolFormat", "Progress", "Rows", "finish_pool"]

Progress = Callable[[int, int], None]
"""Called with how much of the input is done, and how much there is (bytes, members or rows)."""

Where = Callable[[int], str]
"""Names a point for people by its place in the columns, e.g. ``places.csv, row 3``."""

_FLUSH = 100_000


class PoolFormat(StrEnum):
    """What a pool's file is."""

    AUTO = "auto"
    """Told from the name and the first bytes or columns."""
    MMEARTH = "mmearth"
    """``*_tile_info.json``, the tiles as GeoJSON, or the HDF5 release of MMEarth."""
    SKYSCRIPT = "skyscript"
    """SkyScript's zips of metadata, a folder of them, or a CSV of their boxes."""
    GEOMELD = "geomeld"
    """``naip_metadata.parquet`` and ``non_naip_metadata.parquet`` of the released GeoMeld dataset."""
    TABLE = "table"
    """Anybody's CSV, Parquet or GeoParquet."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Points of one source, in the order of the file. All columns have one length."""

    name: str
    lon: NDArray[np.float64]
    """Degrees east, -180..180."""
    lat: NDArray[np.float64]
    """Degrees north, -90..90."""
    src_id: pa.StringArray
    """Id in the source's own file, unique; "" where the file has none."""
    date: NDArray[np.datetime64] | None
    """datetime64[us], UTC, NaT where a row has none; None where the file has no dates, or they are not taken."""
    path: Path

    def __len__(self) -> int:
        return len(self.lon)


class Rows:
    """Ids and numbers that come one by one, kept as columns: millions take 8 bytes a number, not an object."""

    __slots__ = ("_chunks", "_ids", "numbers", "width")

    def __init__(self, width: int) -> None:
        self.width = width
        self.numbers = array("d")
        self._ids: list[str] = []
        self._chunks: list[pa.Array] = []

    def __len__(self) -> int:
        return len(self.numbers) // self.width

    def add(self, name: str, *numbers: float) -> None:
        """One more row of ``width`` numbers."""
        self.numbers.extend(numbers)
        self._ids.append(name)
        if len(self._ids) >= _FLUSH:
            self._flush()

    def columns(self) -> NDArray[np.float64]:
        """``(row, width)`` float64."""
        return np.frombuffer(self.numbers, np.float64).reshape(-1, self.width)

    def ids(self) -> pa.StringArray:
        """The ids, in order."""
        self._flush()
        return pa.chunked_array(self._chunks, pa.string()).combine_chunks()

    def _flush(self) -> None:
        try:
            self._chunks.append(pa.array(self._ids, pa.string()))
        except UnicodeEncodeError as error:
            raise ConfigError(f"an id is no text: {error.object!r}, expected UTF-8") from error
        self._ids = []


def finish_pool(
    name: str,
    path: Path,
    columns: tuple[NDArray[np.float64], NDArray[np.float64], pa.StringArray],
    where: Where,
    date: NDArray[np.datetime64] | None = None,
) -> Pool:
    """Columns lon, lat and src_id as a pool, once they have passed the checks of every pool.

    Raises:
        ConfigError: no points, a point that is no place on Earth, or an id that occurs twice; the message names the
            rows.
    """
    lon, lat, src_id = columns
    if not len(lon):
        raise ConfigError(f"{path} holds no points: a pool needs at least one")
    off = np.flatnonzero(~((np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0)))
    if len(off):
        at = int(off[0])
        raise ConfigError(f"{where(at)}: {_fault(float(lon[at]), float(lat[at]))}")
    _refuse_duplicates(src_id, where)
    return Pool(name, np.ascontiguousarray(lon), np.ascontiguousarray(lat), src_id, date, path)


def _fault(lon: float, lat: float) -> str:
    if np.isnan(lon) or np.isnan(lat):
        missing = " and ".join(axis for axis, value in (("lon", lon), ("lat", lat)) if np.isnan(value))
        return f"{missing} is empty or not a number (lon {lon:g}, lat {lat:g}): expected two numbers in degrees"
    hint = ""
    if abs(lat) > 90 and abs(lon) <= 90:
        hint = " (swapped? this lat would do as a lon)"
    elif 180 < lon <= 360 and abs(lat) <= 90:
        hint = " (longitudes of 0..360? subtract 360 from those above 180)"
    elif abs(lon) > 360:
        hint = " (metres? give degrees, or geometry with its CRS)"
    return f"lon {lon:.10g}, lat {lat:.10g} is out of range: lon -180..180 and lat -90..90{hint}"


def _refuse_duplicates(src_id: pa.StringArray, where: Where) -> None:
    encoded = pc.dictionary_encode(src_id)
    if len(encoded.dictionary) == len(src_id):
        return
    codes = encoded.indices.to_numpy()
    first = np.full(len(encoded.dictionary), len(codes), np.int64)
    np.minimum.at(first, codes, np.arange(len(codes)))
    again = first[codes] < np.arange(len(codes))
    nameless = pc.index(encoded.dictionary, "").as_py()
    if nameless >= 0:
        again &= codes != nameless
    repeats = np.flatnonzero(again)
    if len(repeats):
        at = int(repeats[0])
        raise ConfigError(
            f"{where(at)}: id {src_id[at].as_py()!r} is also that of {where(int(first[codes[at]]))}: "
            f"expected every id once ({len(repeats)} repeated)"
        )
