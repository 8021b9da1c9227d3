"""Reserves stand in for anchors that have no tile, so that quotas hold in the store and not only in the frame.

A stratum is owed as many tiles as it has anchors. An anchor that ended as ``skipped`` (no reference scene, clouds,
masked or impossible pixels in every candidate) will never have one, so a reserve of its stratum is taken in its place;
one that ``failed`` keeps its claim, because the next run tries it again.

Which reserves are taken depends on the catalog and on their ranks alone: those of a stratum are taken in rank order,
and one only when those before it cannot make up what lacks, even if all of them that are still open become tiles. So an
interrupted run continues, and ends with the tiles of an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from geomeld_build.anchors.frame import FRAME_SCHEMA
from geomeld_build.anchors.frame_folder import ANCHORS, RESERVES
from geomeld_build.errors import ConfigError
from geomeld_build.grid import Anchor, make_tile_id

__all__ = [
    "Quotas",
    "Reserves",
    "StratumQuota",
    "frame_files",
    "quota_notes",
    "read_reserves",
    "strata_that_lack",
]

_FIELDS = tuple(item.name for item in fields(Anchor) if item.name != "tile_id")
_COLUMNS = (*_FIELDS, "rank")
_ORDER = ("stratum", "rank", "pool", "location_id", "datetime")
"""Ranks count within a stratum and pool; what follows them makes the order independent of that of the file."""
_BLOCK = 4096
"""Most rows that are looked at, as Python values, at a time."""


@dataclass(frozen=True, slots=True)
class StratumQuota:
    """How far the quota of one stratum is met in the store."""

    stratum: str
    wanted: int
    """Its anchors."""
    built: int
    """Tiles of its anchors and of the reserves that were taken for them."""
    reserves_used: int
    """Reserves among these tiles."""
    failed: int
    """Anchors and reserves that failed at the source; the next run tries them again."""
    lacking: int
    """Wanted and not built, those that failed included."""
    reserves_left: int
    """Reserves whose turn has not come."""

    @property
    def short(self) -> int:
        """Tiles that neither another run nor a reserve can make up for: the reserves are used up."""
        return self.lacking - min(self.lacking, self.failed)


def frame_files(anchors: Path, reserves: Path | None) -> tuple[Path, Path | None]:
    """The files of anchors and of reserves; the folder of a frame stands for what is in it.

    Args:
        anchors: file of anchors, or a frame's folder.
        reserves: file of reserves, or a frame's folder. Default: those of the folder of ``anchors``, if it has any.
    """
    if reserves is not None and reserves.is_dir():
        reserves = reserves / RESERVES
    if not (anchors / ANCHORS).is_file():
        return anchors, reserves
    if reserves is None and (anchors / RESERVES).is_file():
        reserves = anchors / RESERVES
    return anchors / ANCHORS, reserves


@dataclass(frozen=True, slots=True, eq=False)
class Reserves:
    """Reserves in columns, in the order in which they are taken. Millions of them cost no object each."""

    table: pa.Table
    lists: Mapping[str, NDArray[np.int64]]
    """Stratum to rows of the table, by rank."""
    recipe: str

    def walk(self, stratum: str, start: int) -> Iterator[Anchor]:
        """The reserves of a stratum from a position on, as anchors under the build's recipe."""
        rows = self.lists.get(stratum, np.empty(0, np.int64))
        size = 16
        while start < len(rows):
            for record in self.table.take(rows[start : start + size]).to_pylist():
                yield Anchor(**record, tile_id=make_tile_id(record["location_id"], record["datetime"], self.recipe))
            start, size = start + size, min(2 * size, _BLOCK)


def read_reserves(path: Path, *, recipe: str) -> Reserves:
    """Read the reserves of a frame.

    Args:
        path: Parquet with the columns of a frame.
        recipe: of the build, which is part of every tile id.

    Raises:
        ConfigError: unreadable, without a column of a frame, with empty values, a zone that is none, or a place and
            date given twice.
    """
    table = _read(path)
    for name in _COLUMNS:
        if table.column(name).null_count:
            raise ConfigError(f"{path}: the column {name} has empty values, expected one for every reserve")
    epsg = table.column("epsg").to_numpy()
    wrong = np.flatnonzero(~(((epsg > 32600) & (epsg <= 32660)) | ((epsg > 32700) & (epsg <= 32760))))
    if len(wrong):
        row = int(wrong[0])
        raise ConfigError(f"{path}, row {row + 1}: epsg {epsg[row]} is no UTM zone (32601..32660, 32701..32760)")
    _refuse_repeated(table, path)
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in _ORDER]).to_numpy().astype(np.int64)
    return Reserves(table.select(list(_FIELDS)).combine_chunks(), _by_stratum(table.column("stratum"), order), recipe)


def _read(path: Path) -> pa.Table:
    if not path.is_file():
        raise ConfigError(f"reserves file {path} does not exist")
    schema = pa.schema([FRAME_SCHEMA.field(name) for name in _COLUMNS])
    try:
        present = pq.read_schema(path).names
        if missing := [name for name in _COLUMNS if name not in present]:
            raise ConfigError(
                f"{path} has no column {', '.join(missing)}: expected the reserves of a frame, with stratum and rank"
            )
        return pq.read_table(path, columns=list(_COLUMNS)).select(list(_COLUMNS)).cast(schema)
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(
            f"cannot read reserves from {path} (expected Parquet): {str(error).splitlines()[0]}"
        ) from error


def _refuse_repeated(table: pa.Table, path: Path) -> None:
    """A reserve that is there twice would count twice."""
    if pc.count_distinct(table.column("location_id")).as_py() == table.num_rows:
        return
    counts = table.group_by(["location_id", "datetime"]).aggregate([([], "count_all")])
    twice = counts.filter(pc.greater(counts.column("count_all"), 1))
    if twice.num_rows:
        first = twice.sort_by("location_id").slice(0, 1).to_pylist()[0]
        raise ConfigError(
            f"{path}: {twice.num_rows} places are there more than once with the same date, the first is "
            f"{first['location_id']} at {first['datetime']:%Y-%m-%d}; expected each reserve once"
        )


def _by_stratum(column: pa.ChunkedArray, order: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    encoded = pc.dictionary_encode(column).combine_chunks()
    if not len(encoded):
        return {}
    codes = encoded.indices.to_numpy()[order]
    runs = np.split(order, np.flatnonzero(np.diff(codes)) + 1)
    return {column[int(rows[0])].as_py(): rows for rows in runs}


@dataclass(slots=True)
class _Stratum:
    """What is known of one stratum."""

    anchors: list[str] = field(default_factory=list)
    """Tile ids."""
    settled: int = 0
    """So many reserves at the front have their final outcome."""
    filled: int = 0
    """Tiles among these."""
    used: int = 0
    """Tiles among the reserves that are needed, as of the last look."""
    open: int = 0
    """Reserves in turn without a final outcome, as of the last look."""
    reached: int = 0
    """So many reserves at the front were in turn, as of the last look."""


class Quotas:
    """Which reserves are next, and how far every stratum is.

    Args:
        anchors: of the build; their numbers by stratum are the quotas.
        reserves: what stands by.
    """

    def __init__(self, anchors: Sequence[Anchor], reserves: Reserves) -> None:
        self._reserves = reserves
        self._strata: dict[str, _Stratum] = {}
        for anchor in anchors:
            self._strata.setdefault(anchor.stratum, _Stratum()).anchors.append(anchor.tile_id)
        # A frame that has grown may have made an anchor of what was a reserve.
        self._anchor_ids = frozenset(anchor.tile_id for anchor in anchors)
        self._handed_out: set[str] = set()

    def next_round(self, known: Mapping[str, str]) -> list[Anchor]:
        """The reserves to plan and build now: as many as tiles are missing, none that was handed out before.

        Args:
            known: tile id to status, of everything in the catalog. All anchors have been tried.

        Returns:
            No reserves when the quotas hold, when the reserves are used up, or when what lacks has failed in this run.
        """
        batch = [anchor for name in sorted(self._strata) for anchor in self._in_turn(name, known)]
        self._handed_out.update(anchor.tile_id for anchor in batch)
        return batch

    def _in_turn(self, name: str, known: Mapping[str, str]) -> list[Anchor]:
        stratum = self._strata[name]
        needed = sum(known.get(tile_id) == "skipped" for tile_id in stratum.anchors)
        stratum.used, stratum.open, stratum.reached = stratum.filled, 0, stratum.settled
        taken: list[Anchor] = []
        if stratum.used >= needed:
            return taken
        for reserve in self._reserves.walk(name, stratum.settled):
            status = "skipped" if reserve.tile_id in self._anchor_ids else known.get(reserve.tile_id)
            stratum.reached += 1
            if status == "ok":
                stratum.used += 1
            elif status != "skipped":
                stratum.open += 1
                if reserve.tile_id not in self._handed_out:
                    taken.append(reserve)
            if not stratum.open:
                stratum.settled, stratum.filled = stratum.reached, stratum.used
            if stratum.used + stratum.open >= needed:
                break
        return taken

    def report(self, known: Mapping[str, str]) -> tuple[StratumQuota, ...]:
        """Every stratum as of the last round, by name."""
        return tuple(self._report(name, known) for name in sorted(self._strata))

    def _report(self, name: str, known: Mapping[str, str]) -> StratumQuota:
        stratum = self._strata[name]
        ended = [known.get(tile_id) for tile_id in stratum.anchors]
        wanted, built = len(ended), ended.count("ok") + stratum.used
        return StratumQuota(
            stratum=name,
            wanted=wanted,
            built=built,
            reserves_used=stratum.used,
            failed=wanted - ended.count("ok") - ended.count("skipped") + stratum.open,
            lacking=wanted - built,
            reserves_left=len(self._reserves.lists.get(name, ())) - stratum.reached,
        )


def quota_notes(quotas: Collection[StratumQuota]) -> list[str]:
    """What there is to say of quotas in a line each: what lacks for good, and what another run may bring."""
    notes = []
    if short := [item for item in quotas if item.short]:
        tiles, names = sum(item.short for item in short), _few(strata_that_lack(short))
        notes.append(f"{tiles} tiles are lacking in {len(short)} strata, whose reserves are used up: {names}.")
    if waiting := sum(item.lacking - item.short for item in quotas):
        notes.append(f"{waiting} tiles are lacking because the source failed: run the same build again.")
    return notes or ["The quotas hold in every stratum."]


def _few(quotas: Sequence[StratumQuota], most: int = 5) -> str:
    named = [f"{item.stratum or '(none)'} lacks {item.short} of {item.wanted}" for item in quotas[:most]]
    return ", ".join(named) + (f" and {len(quotas) - most} more" if len(quotas) > most else "")


def strata_that_lack(quotas: Collection[StratumQuota]) -> list[StratumQuota]:
    """Those whose quota is not met, those that lack most first."""
    return sorted((item for item in quotas if item.lacking > 0), key=lambda item: (-item.lacking, item.stratum))
