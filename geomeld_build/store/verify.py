"""Is every pixel that the catalog promises there, and as it was written?

Objects are compared with the size and the crc32c that the catalog keeps of them, arrays with the table of modalities,
and the catalog with itself. Nothing is changed; ``geomeld_build.build.repair`` mends what is found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import google_crc32c
from deltalake import DeltaTable

from geomeld_build.errors import StoreError
from geomeld_build.modalities import modality
from geomeld_build.store.catalog import TILES, load_table, run_sql
from geomeld_build.store.create import read_header
from geomeld_build.store.layout import array_key, object_key, shard_tiles
from geomeld_build.store.objects import ObjectMissing, Objects, open_objects
from geomeld_build.store.schema import OUTCOMES_PRESENT
from geomeld_build.store.verify_arrays import ArrayFault, array_fault, array_length, inner_codecs
from geomeld_build.store.verify_shard import broken_places

__all__ = ["Finding", "FindingKind", "VerifyReport", "verify_store"]

_THREADS = 4
"""Whole objects are held, up to 40 MB each."""


class FindingKind(StrEnum):
    """What is wrong. Append-only: programs read these."""

    MISSING_OBJECT = "missing_object"
    """The catalog names an object that is not there."""
    TRUNCATED_OBJECT = "truncated_object"
    """The object is shorter than it was when it was committed."""
    WRONG_SIZE = "wrong_size"
    """The object is longer than it was when it was committed."""
    WRONG_BYTES = "wrong_bytes"
    """The object has its size, but another crc32c: bits have flipped, or something else was written there."""
    UNREADABLE_OBJECT = "unreadable_object"
    """The object is there and cannot be read: a failing disk, or rights."""
    NO_OBJECT = "no_object"
    """The catalog says that a tile has pixels of a row, and names no object that holds them."""
    WRONG_PLACE = "wrong_place"
    """The catalog names an object of another place than the tile's."""
    CONTRADICTION = "contradiction"
    """Tiles disagree about size or checksum of one object, or two tiles share a place."""
    MISSING_ARRAY = "missing_array"
    """The metadata of an array is gone, so that no reader finds its pixels."""
    FOREIGN_ARRAY = "foreign_array"
    """The metadata of an array is not that of its row: type, shape, chunks or nodata differ."""
    SHORT_ARRAY = "short_array"
    """The array ends before the last committed place, or before another array, which xarray refuses to open together;
    the next commit or repair lengthens it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and which tiles of which row it concerns."""

    kind: FindingKind
    modality: str
    """Row of the table."""
    key: str
    """The object or the array's metadata; empty when the catalog names none."""
    first_place: int | None
    """First committed place along ``tile`` that is concerned."""
    last_place: int | None
    tiles: int
    """Committed tiles that are concerned."""
    broken: tuple[int, ...] | None
    """Places whose pixels are proven broken, all others of the object being proven whole; None when this cannot be
    told, and then every tile of the object is suspect."""
    detail: str

    def __str__(self) -> str:
        where = "" if self.first_place is None else f", tiles at places {self.first_place}..{self.last_place}"
        return f"{self.kind}: row {self.modality}{where}: {self.detail}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was checked and what was found."""

    store: str
    version: int
    tiles: int
    objects: int
    bytes: int
    """Bytes of the checked objects, as the catalog gives them."""
    seconds: float
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "clean": self.clean}


@dataclass(frozen=True, slots=True)
class _Reference:
    """What the catalog says of one object."""

    key: str
    modality: str
    bytes: int
    crc32c: int
    first: int
    last: int
    tiles: int


def verify_store(
    uri: str, version: int | None = None, *, threads: int = _THREADS, progress: Callable[[int, int], None] | None = None
) -> VerifyReport:
    """Check every object that a catalog version references, and the arrays around them.

    Args:
        uri: the store.
        version: catalog version, the newest by default.
        threads: objects in memory at once, up to 40 MB each.
        progress: called with objects done and objects in all, from any thread.

    Raises:
        ConfigError: there is no store: a foreign Zarr, or a folder without ``zarr.json``.
        StoreError: the catalog itself cannot be read.
    """
    started = time.monotonic()
    header = read_header(uri)
    table = load_table(uri, TILES, version)
    rim = open_objects(uri)
    references = _references(table)
    end = _scalar(table, "SELECT max(row) AS n FROM tiles") if references else None
    findings = [*_array_findings(rim, header.modalities, end), *_catalog_findings(table, header.modalities, references)]
    metadata = {name: inner_codecs(rim, name) for name in header.modalities}
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="verify") as pool:
        checked = pool.map(lambda item: _object_finding(rim, item, metadata.get(item.modality, ())), references)
        for done, finding in enumerate(checked, start=1):
            findings.extend(() if finding is None else (finding,))
            if progress is not None:
                progress(done, len(references))
    return VerifyReport(
        store=uri,
        version=int(table.version()),
        tiles=_scalar(table, "SELECT count(*) AS n FROM tiles WHERE status = 'ok'"),
        objects=len(references),
        bytes=sum(item.bytes for item in references),
        seconds=time.monotonic() - started,
        findings=tuple(findings),
    )


_UNNESTED = "(SELECT tile_id, row, unnest(objects) AS o FROM tiles WHERE status = 'ok')"


def _references(table: DeltaTable) -> list[_Reference]:
    columns = "o['key'], o['modality'], o['bytes'], o['crc32c']"
    found = run_sql(
        {TILES: table},
        "SELECT o['key'] AS key, o['modality'] AS modality, o['bytes'] AS bytes, o['crc32c'] AS crc32c, "
        f"min(row) AS first, max(row) AS last, count(*) AS tiles FROM {_UNNESTED} GROUP BY {columns} ORDER BY 1, 3, 4",
    )
    return [_Reference(**row) for row in found.to_pylist()]


def _scalar(table: DeltaTable, sql: str) -> int:
    return int(run_sql({TILES: table}, sql).column("n")[0].as_py())


def _array_findings(rim: Objects, names: Sequence[str], end: int | None) -> Iterator[Finding]:
    kinds = {
        ArrayFault.MISSING: FindingKind.MISSING_ARRAY,
        ArrayFault.FOREIGN: FindingKind.FOREIGN_ARRAY,
        ArrayFault.SHORT: FindingKind.SHORT_ARRAY,
    }
    needed = max([0 if end is None else end + 1, *(array_length(rim, name) for name in names)])
    for name in names:
        fault = array_fault(rim, modality(name), needed)
        if fault is not None:
            what, detail = fault
            yield Finding(kinds[what], name, array_key(name), None, None, 0, None, detail)


def _catalog_findings(table: DeltaTable, names: Sequence[str], references: Sequence[_Reference]) -> Iterator[Finding]:
    yield from _shared_places(table)
    by_key: dict[str, int] = {}
    for item in references:
        by_key[item.key] = by_key.get(item.key, 0) + 1
        row = modality(item.modality)
        if {object_key(row, item.first), object_key(row, item.last)} != {item.key}:
            detail = f"places {item.first}..{item.last} name {item.key}, which holds {shard_tiles(row)} other places"
            yield _about(FindingKind.WRONG_PLACE, item, detail)
    for item in references:
        if by_key[item.key] > 1:
            detail = f"tiles disagree about {item.key}: some say {item.bytes} bytes with crc32c {item.crc32c:08x}"
            yield _about(FindingKind.CONTRADICTION, item, detail)
    for name in names:
        yield from _without_object(table, name)


def _shared_places(table: DeltaTable) -> Iterator[Finding]:
    for column in ("row", "tile_id"):
        found = run_sql(
            {TILES: table},
            f"SELECT {column} AS what, min(row) AS first, max(row) AS last, count(*) AS n FROM tiles "
            f"WHERE status = 'ok' GROUP BY {column} HAVING count(*) > 1 ORDER BY 1",
        )
        for hit in found.to_pylist():
            detail = f"{hit['n']} catalog rows have {column} {hit['what']}"
            yield Finding(FindingKind.CONTRADICTION, "-", "", hit["first"], hit["last"], hit["n"], None, detail)


def _without_object(table: DeltaTable, name: str) -> Iterator[Finding]:
    present = ", ".join(f"'{outcome}'" for outcome in OUTCOMES_PRESENT)
    found = run_sql(
        {TILES: table},
        f"SELECT tile_id, row FROM tiles WHERE status = 'ok' AND {name}_outcome IN ({present}) "
        f"AND row NOT IN (SELECT row FROM {_UNNESTED} WHERE o['modality'] = '{name}') ORDER BY row",
    )
    for hit in found.to_pylist():
        detail = f"tile {hit['tile_id']} has pixels by its outcome, but no object by its catalog row"
        yield Finding(FindingKind.NO_OBJECT, name, "", hit["row"], hit["row"], 1, (hit["row"],), detail)


def _object_finding(rim: Objects, item: _Reference, codecs: Sequence[str]) -> Finding | None:
    expected = f"expected {item.bytes} bytes with crc32c {item.crc32c:08x}"
    try:
        data = rim.get(item.key)
    except ObjectMissing:
        return _about(FindingKind.MISSING_OBJECT, item, f"{item.key} is gone: {expected}")
    except StoreError as error:
        return _about(FindingKind.UNREADABLE_OBJECT, item, str(error))
    if len(data) < item.bytes:
        return _about(FindingKind.TRUNCATED_OBJECT, item, f"{item.key} has {len(data)} bytes: {expected}")
    if len(data) > item.bytes:
        return _about(FindingKind.WRONG_SIZE, item, f"{item.key} has {len(data)} bytes: {expected}")
    checksum = google_crc32c.value(data)
    if checksum == item.crc32c:
        return None
    row = modality(item.modality)
    start = item.first - item.first % shard_tiles(row)
    broken, told = broken_places(data, shard_tiles(row), start, codecs)
    return _about(FindingKind.WRONG_BYTES, item, f"{item.key} has crc32c {checksum:08x}: {expected}; {told}", broken)


def _about(kind: FindingKind, item: _Reference, detail: str, broken: tuple[int, ...] | None = None) -> Finding:
    first, last, tiles = (broken[0], broken[-1], len(broken)) if broken else (item.first, item.last, item.tiles)
    return Finding(kind, item.modality, item.key, first, last, tiles, broken, detail)
