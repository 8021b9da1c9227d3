"""Reading a pool, whatever its file is."""

from __future__ import annotations

from pathlib import Path

from geomeld_build.anchors.imports.columns import CSV_SUFFIXES, PARQUET_SUFFIXES, TableFile
from geomeld_build.anchors.imports.mmearth import HDF5_SUFFIXES, read_mmearth
from geomeld_build.anchors.imports.pool import Pool, PoolFormat, Progress
from geomeld_build.anchors.imports.skyscript import read_skyscript
from geomeld_build.anchors.imports.tables import has_boxes, is_geomeld, read_boxes, read_table
from geomeld_build.errors import ConfigError

__all__ = ["read_pool"]

_JSON_SUFFIXES = (".json", ".geojson")


def read_pool(
    path: Path, *, format: PoolFormat | str = PoolFormat.AUTO, name: str | None = None, progress: Progress | None = None
) -> Pool:
    """The points of somebody else's file. Coordinates and ids are kept, of plain tables dates too, nothing else.

    Args:
        path: a file, or a folder of SkyScript's zips or of MMEarth.
        format: what the file is; told from its name and columns by default.
        name: of the pool; by default the format's, and of a plain table the file's.
        progress: called as the work goes on.

    Raises:
        ConfigError: missing, broken or foreign; no points; a point off the Earth; an id that occurs twice. The message
            names the file and the row (from 1 on, without the header) or the member.
    """
    if not path.exists():
        raise ConfigError(f"pool {path} does not exist")
    kind = _known(format)
    if kind is PoolFormat.AUTO:
        kind = _guess(path)
    label = name or (path.stem if kind is PoolFormat.TABLE else str(kind))
    is_csv = path.suffix.lower() in CSV_SUFFIXES
    match kind:
        case PoolFormat.MMEARTH:
            return read_mmearth(path, label, progress)
        case PoolFormat.SKYSCRIPT:
            return read_boxes(TableFile(path), label) if is_csv else read_skyscript(path, label, progress)
        case PoolFormat.GEOMELD:
            # Its dates are those of the scenes that its authors chose, which a new build chooses itself.
            return read_table(_table(path), label, dates=False)
        case _:
            return read_table(_table(path), label)


def _known(format: PoolFormat | str) -> PoolFormat:
    try:
        return PoolFormat(format)
    except ValueError as error:
        raise ConfigError(f"pool format {format!r} is unknown, expected one of {', '.join(PoolFormat)}") from error


def _table(path: Path) -> TableFile:
    if path.is_dir():
        raise ConfigError(f"pool {path} is a folder, expected a CSV or Parquet file")
    return TableFile(path)


def _guess(path: Path) -> PoolFormat:
    if path.is_dir():
        if any(path.glob("*_tile_info.json")):
            return PoolFormat.MMEARTH
        if any(path.glob("*.zip")):
            return PoolFormat.SKYSCRIPT
        raise ConfigError(f"folder {path} holds neither *_tile_info.json (MMEarth) nor *.zip (SkyScript)")
    suffix = path.suffix.lower()
    if suffix == ".zip":
        return PoolFormat.SKYSCRIPT
    if suffix in _JSON_SUFFIXES or suffix in HDF5_SUFFIXES:
        return PoolFormat.MMEARTH
    if suffix in CSV_SUFFIXES or suffix in PARQUET_SUFFIXES:
        file = TableFile(path)
        if is_geomeld(file):
            return PoolFormat.GEOMELD
        return PoolFormat.SKYSCRIPT if suffix in CSV_SUFFIXES and has_boxes(file) else PoolFormat.TABLE
    known = ", ".join((*CSV_SUFFIXES, *PARQUET_SUFFIXES, *_JSON_SUFFIXES, *HDF5_SUFFIXES, ".zip"))
    raise ConfigError(f"pool {path}: cannot tell its format from {suffix!r}, expected {known}, or state it")
