"""SkyScript's metadata: zips of one pickle an image, of which the centre of ``box`` is taken and nothing else.

Layout: README of wangzhecheng/SkyScript. ``meta2.zip`` to ``meta7.zip`` hold ``<id>_<source>_<year>.pickle``, each a
dict with ``box`` (west, south, east, north), ``time``, ``center_tags`` and ``surrounding_tags``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.anchors.imports.archive import Archive
from geomeld_build.anchors.imports.geometry import wrap_lon
from geomeld_build.anchors.imports.pickles import MAX_PICKLE_BYTES, PickleRefused, load_plain
from geomeld_build.anchors.imports.pool import Pool, Progress, Rows, finish_pool
from geomeld_build.errors import ConfigError

__all__ = ["box_centres", "read_skyscript"]

_SUFFIXES = (".pickle", ".pkl")
_REPORT_EVERY = 20_000


def read_skyscript(path: Path, name: str, progress: Progress | None = None) -> Pool:
    """A pool of SkyScript's images from one zip of metadata, or from a folder of such zips.

    Raises:
        ConfigError: no zip, a broken one, or a member that is not such a pickle; the message names file and member.
    """
    rows, files = Rows(4), []
    for file, members in _archives(path, progress):
        files.append((len(rows), file))
        for member, data in members:
            west, south, east, north = _box(data, file, member)
            rows.add(_stem(member), west, south, east, north)
    ids = rows.ids()
    starts = np.array([start for start, _ in files])

    def where(row: int) -> str:
        file = files[int(np.searchsorted(starts, row, side="right")) - 1][1]
        return f"{file}, member {ids[row].as_py()}.pickle"

    lon, lat = box_centres(rows.columns(), where)
    return finish_pool(name, path, (lon, lat, ids), where)


def box_centres(
    boxes: NDArray[np.float64], where: Callable[[int], str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres of ``(row, 4)`` boxes west, south, east, north in degrees; east before west crosses the antimeridian.

    So does a box of more than 180 degrees: no image is that wide, so its two edges were sorted.

    Raises:
        ConfigError: a box that is no box on Earth.
    """
    west, south, east, north = boxes.T
    low, high = np.minimum(west, east), np.maximum(west, east)
    # An edge may go on above 180 where the box reaches across; a box beyond 180 as a whole is no place.
    inside = (low <= 180.0) & (high >= -180.0) & (high - low <= 360.0) & (np.abs(boxes[:, 1::2]) <= 90.0).all(axis=1)
    bad = np.flatnonzero(~(inside & (south <= north)))
    if len(bad):
        at = int(bad[0])
        corners = ", ".join(f"{value:.10g}" for value in boxes[at])
        raise ConfigError(
            f"{where(at)}: box ({corners}) is no box: expected west, south, east, north with lon -180..180 and "
            "lat -90..90, south below north"
        )
    across = (east < west) | (high - low > 180.0)
    # The way round over the antimeridian begins at the greater longitude.
    first, last = np.where(across, high, west), np.where(across, low + 360.0, east)
    return wrap_lon((first + last) / 2), (south + north) / 2


def _archives(path: Path, progress: Progress | None) -> Iterator[tuple[Path, Iterator[tuple[str, bytes]]]]:
    files = sorted(path.glob("*.zip")) if path.is_dir() else [path]
    if not files:
        raise ConfigError(f"{path} holds no zip file: expected SkyScript's meta2.zip to meta7.zip")
    done, total = 0, 0
    for file in files:
        with Archive(file) as archive:
            total += archive.count
    for file in files:
        with Archive(file) as archive:
            yield file, _members(archive, done, total, progress)
            done += archive.count
    if progress is not None:
        progress(total, total)


def _members(archive: Archive, done: int, total: int, progress: Progress | None) -> Iterator[tuple[str, bytes]]:
    for number, member in enumerate(archive, start=1):
        if progress is not None and number % _REPORT_EVERY == 0:
            progress(done + number, total)
        if member.name.endswith(_SUFFIXES) and not member.name.startswith("__MACOSX/"):
            yield member.name, archive.read(member, MAX_PICKLE_BYTES)


def _stem(member: str) -> str:
    return member.rpartition("/")[2].rpartition(".")[0]


def _box(data: bytes, file: Path, member: str) -> tuple[float, float, float, float]:
    try:
        record = load_plain(data)
    except PickleRefused as error:
        raise ConfigError(f"{file}, member {member}: refused, {error}") from error
    box: Any = record.get("box") if type(record) is dict else None
    if type(box) in (tuple, list) and len(box) == 4 and all(type(value) in (float, int) for value in box):
        try:
            west, south, east, north = map(float, box)
        except OverflowError:  # an integer beyond any float
            return (math.nan,) * 4
        return west, south, east, north
    found = f"a dict with keys {_keys(record)}" if type(record) is dict else f"a {type(record).__name__}"
    raise ConfigError(f"{file}, member {member}: it holds {found}, expected a dict with a box of four numbers")


def _keys(record: dict[Any, Any]) -> str:
    return ", ".join(repr(key)[:40] for key in list(record)[:8] if type(key) is str) or "none"
