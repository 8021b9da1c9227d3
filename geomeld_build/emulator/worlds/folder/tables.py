"""Vector tables of a folder world."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geomeld_build.emulator.worlds.base import FeatureRecord
from geomeld_build.emulator.worlds.folder.errors import WorldError
from geomeld_build.emulator.worlds.folder.model import TableEntry, milliseconds
from geomeld_build.emulator.worlds.folder.naming import expand
from geomeld_build.emulator.worlds.folder.versions import ContentVersions

if TYPE_CHECKING:
    import geopandas

__all__ = ["FolderTable"]

_PARQUET = frozenset({".parquet", ".geoparquet", ".pq"})


class FolderTable:
    """A vector file served as a feature collection; rows are read on first use and kept."""

    def __init__(self, entry: TableEntry, folder: Path, versions: ContentVersions) -> None:
        """Args:
        entry: what ``world.json`` says.
        folder: folder of the world.
        versions: where the version is computed.

        Raises:
            WorldError: the file is missing, ambiguous or unreadable.
        """
        found = expand(folder, entry.file, entry.id)
        if len(found) > 1:
            raise WorldError(f"{entry.id}: file: {entry.file} matches {len(found)} files; expected one")
        self.id = entry.id
        told = entry.model_dump(mode="json", exclude={"file", "version"})
        self.version = entry.version if entry.version is not None else versions.of_files(found, told)
        self.properties: Mapping[str, Any] = {"system:index": entry.id.rsplit("/", 1)[-1], **entry.properties}
        self._entry = entry
        self._path = found[0]
        self._lock = threading.Lock()
        self._rows: tuple[FeatureRecord, ...] | None = None

    def features(self) -> Sequence[FeatureRecord]:
        """All rows in file order, geometries in lon/lat.

        Raises:
            WorldError: the file cannot be read, has no CRS, or has no or repeated ids.
        """
        with self._lock:
            if self._rows is None:
                self._rows = self._read()
            return self._rows

    def _read(self) -> tuple[FeatureRecord, ...]:
        frame = self._frame()
        columns = [name for name in frame.columns if name != frame.geometry.name]
        values = {name: frame[name].tolist() for name in columns}
        ids = self._ids(values, len(frame))
        geometries = [None if g is None or g.is_empty else g for g in frame.geometry]
        return tuple(
            FeatureRecord(
                id=ids[row],
                geometry=geometries[row],
                properties={
                    name: value
                    for name in columns
                    if (value := _plain(values[name][row], f"{self.id}: column {name}")) is not None
                },
            )
            for row in range(len(frame))
        )

    def _frame(self) -> geopandas.GeoDataFrame:
        # Imported here: geopandas takes most of a second, and many worlds have no table.
        import geopandas

        try:
            if self._path.suffix.lower() in _PARQUET:
                frame = geopandas.read_parquet(self._path)
            else:
                frame = geopandas.read_file(self._path, layer=self._entry.layer)
        except Exception as error:  # pyogrio, pyarrow and geopandas share no base class
            raise WorldError(f"{self.id}: {self._path} cannot be read as a vector table: {error}") from error
        if not isinstance(frame, geopandas.GeoDataFrame):
            raise WorldError(f"{self.id}: {self._path} has no geometry column")
        if self._entry.crs is not None:
            frame = frame.set_crs(self._entry.crs, allow_override=True)
        if frame.crs is None:
            raise WorldError(f'{self.id}: {self._path} has no CRS; state it as `crs`, e.g. "EPSG:4326"')
        return frame.to_crs("OGC:CRS84")

    def _ids(self, values: Mapping[str, Sequence[Any]], rows: int) -> list[str]:
        column = self._entry.id_column
        if column is None:
            return [f"{row:020d}" for row in range(rows)]
        if column not in values:
            raise WorldError(f"{self.id}: id_column: no column {column!r}; the table has {', '.join(values)}")
        ids = [str(value) for value in values[column]]
        if len(set(ids)) != len(ids):
            raise WorldError(f"{self.id}: id_column: {column!r} has repeated values; ids must be unique")
        return ids


def _plain(value: object, where: str) -> str | int | float | bool | list[Any] | None:
    """A cell as a JSON value; None = the feature lacks the property."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None or value.__class__.__name__ in ("NAType", "NaTType") or value != value:
        return None  # NaN and NaT equal nothing, not even themselves
    match value:
        case bool() | int() | str() | float():
            return value
        case datetime():
            return milliseconds(value if value.tzinfo is not None else value.replace(tzinfo=UTC))
        case date():
            return milliseconds(datetime(value.year, value.month, value.day, tzinfo=UTC))
        case list() | tuple():
            return [_plain(item, where) for item in value]
        case _:
            raise WorldError(f"{where}: values of type {type(value).__name__} cannot be served")
