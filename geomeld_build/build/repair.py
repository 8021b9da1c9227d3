"""Damaged tiles anew: verified, read again from their pinned scenes, written to new places, swapped in one commit.

Shards never change, and a tile has one place in all arrays. So every tile of a damaged object moves to a new shard
group: its damaged rows are read again, the others are copied. What was there stays until ``gc`` finds that no version
needs it.
"""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa

from geomeld_build.build.config import SourceConfig
from geomeld_build.build.executor import open_configured
from geomeld_build.build.repair_tiles import Mended, Record, mend
from geomeld_build.errors import CredentialsError, SourceError, StoreError
from geomeld_build.modalities import modality
from geomeld_build.sources import Source
from geomeld_build.store import GROUP_TILES, RunRecord, Store, append_run, open_store, reserve, write_group
from geomeld_build.store.layout import array_key, array_metadata, code_version
from geomeld_build.store.objects import open_objects
from geomeld_build.store.schema import OUTCOMES_PRESENT, TILES_SCHEMA
from geomeld_build.store.swap import even_out, swap
from geomeld_build.store.verify import Finding, FindingKind, VerifyReport, verify_store
from geomeld_build.store.writer import ShardObject

__all__ = ["RepairSummary", "repair_store"]

logger = logging.getLogger(__name__)

_IN_OBJECTS = frozenset(
    {
        FindingKind.MISSING_OBJECT,
        FindingKind.TRUNCATED_OBJECT,
        FindingKind.WRONG_SIZE,
        FindingKind.WRONG_BYTES,
        FindingKind.UNREADABLE_OBJECT,
        FindingKind.NO_OBJECT,
    }
)
_IN_ARRAYS = frozenset({FindingKind.MISSING_ARRAY, FindingKind.SHORT_ARRAY})
Progress = Callable[[Literal["verify", "repair"], int, int], None]
"""Told the step, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class RepairSummary:
    """What a repair did."""

    store: str
    run_id: str
    catalog_version: int
    """Newest version after the repair."""
    findings: int
    """What ``verify`` had found."""
    tiles: int
    """Tiles with a place in damaged objects."""
    moved: int
    """Tiles that lie in new objects now."""
    ended: int
    """Tiles that ended as ``failed``, because the asset of their reference has changed: the next build plans them."""
    left: int
    """Tiles that stay damaged, because the source failed or another repair was faster: repair again."""
    outcomes: Mapping[str, Mapping[str, int]]
    """Row to outcome to tiles, of the rows that were read again."""
    unmendable: tuple[str, ...]
    """Findings that a repair cannot mend."""
    requests: int
    seconds: float

    @property
    def exit_code(self) -> int:
        """0 = nothing damaged is left; 3 = something is."""
        return 3 if self.left or self.unmendable else 0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "exit_code": self.exit_code}


def repair_store(
    uri: str, source: SourceConfig, *, workers: int = 16, progress: Progress | None = None
) -> RepairSummary:
    """Verify a store and mend what is damaged.

    Args:
        uri: the store.
        source: where the scenes are that the catalog pins.
        workers: threads that wait for pixels.
        progress: called as the work goes on.

    Raises:
        ConfigError: there is no store.
        CredentialsError: nobody is logged in.
        StoreError: the store cannot be read or written.
    """
    tell = progress or _silent
    report = verify_store(uri, progress=lambda done, total: tell("verify", done, total))
    return _Repair(uri, source, workers, tell).execute(report)


def _silent(step: str, done: int, total: int) -> None:
    """No progress wanted."""


class _Repair:
    """State of one repair."""

    def __init__(self, uri: str, config: SourceConfig, workers: int, progress: Progress) -> None:
        self.uri = uri
        self.config = config
        self.workers = workers
        self.progress = progress
        self.started = datetime.now(UTC)
        self.run_id = f"repair-{self.started:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
        self.rows: list[Record] = []
        self.objects: list[ShardObject] = []
        self.replaces: dict[str, int] = {}
        self.outcomes: dict[str, Counter[str]] = {}
        self.left = 0
        self.done = 0

    def execute(self, report: VerifyReport) -> RepairSummary:
        _mend_arrays(self.uri, report.findings)
        store = open_store(self.uri)
        damage = _damage(store, report.findings)
        requests = self._mend_tiles(store, damage) if damage else 0
        moved = ended = 0
        if self.rows:
            table = pa.Table.from_pylist(self.rows, schema=TILES_SCHEMA)
            result = swap(self.uri, table, self.objects, self.replaces)
            self.left += result.stale
            ended = sum(row["status"] != "ok" for row in self.rows)
            moved = result.swapped - ended
        if damage:
            self._keep_run(requests, moved, ended)
        mendable = _IN_OBJECTS | _IN_ARRAYS
        return RepairSummary(
            store=self.uri,
            run_id=self.run_id,
            catalog_version=open_store(self.uri).version,
            findings=len(report.findings),
            tiles=len(damage),
            moved=moved,
            ended=ended,
            left=self.left,
            outcomes={name: dict(sorted(counts.items())) for name, counts in sorted(self.outcomes.items())},
            unmendable=tuple(str(finding) for finding in report.findings if finding.kind not in mendable),
            requests=requests,
            seconds=(datetime.now(UTC) - self.started).total_seconds(),
        )

    def _mend_tiles(self, store: Store, damage: Mapping[int, Collection[str]]) -> int:
        """All groups, one after the other; what the source was asked."""
        places = sorted(damage)
        groups = [places[start : start + GROUP_TILES] for start in range(0, len(places), GROUP_TILES)]
        first = reserve(self.uri, len(groups), self.run_id)
        source = open_configured(self.config)
        try:
            before = source.counters()
            for number, group in enumerate(groups):
                self._mend_group(store, source, first + number, {place: damage[place] for place in group}, len(places))
            return (source.counters() - before).requests
        finally:
            source.close()

    def _mend_group(
        self, store: Store, source: Source, shard: int, damage: Mapping[int, Collection[str]], total: int
    ) -> None:
        listed = ", ".join(str(place) for place in damage)
        records = store.query(f"SELECT * FROM tiles WHERE status = 'ok' AND row IN ({listed})").to_pylist()
        with ThreadPoolExecutor(max_workers=self.workers, thread_name_prefix="repair") as pool:
            mended = []
            for tile in pool.map(lambda record: _mend_one(record, damage[record["row"]], source), records):
                mended.append(tile)
                self.done += 1
                self.progress("repair", self.done, total)
        kept: list[Mapping[str, Any]] = []
        for record, tile in zip(records, mended, strict=True):
            if tile is None:
                self.left += 1
                continue
            self._count(tile)
            self.replaces[record["tile_id"]] = record["row"]
            if not tile.is_tile:
                self.rows.append(self._signed(tile.record))
                continue
            place = {"shard": shard, "slot": len(kept), "row": shard * GROUP_TILES + len(kept)}
            self.rows.append(self._signed(tile.record) | place)
            kept.append(self._pixels(store, tile))
        if kept:
            self.objects.extend(write_group(self.uri, shard, kept, store.modalities))

    def _pixels(self, store: Store, tile: Mended) -> dict[str, Any]:
        """All rows of a tile: those that were read again, and copies of those that are whole."""
        record = tile.record
        others = [
            name
            for name in store.modalities
            if name not in tile.outcomes and record[f"{name}_outcome"] in OUTCOMES_PRESENT
        ]
        copies = store.raw(record["tile_id"], others) if others else {}
        for name, array in copies.items():
            if (array == modality(name).nodata).all():
                raise StoreError(
                    f"tile {record['tile_id']}: {name} was whole a moment ago and is gone now: repair again"
                )
        return {**copies, **tile.arrays}

    def _signed(self, record: Record) -> Record:
        """A row as this run made it; ``swap`` fills in its objects."""
        made = {"run_id": self.run_id, "created": self.started, "code_version": code_version(), "objects": []}
        return {**record, **made}

    def _count(self, tile: Mended) -> None:
        for name, outcome in tile.outcomes.items():
            self.outcomes.setdefault(name, Counter())[outcome] += 1

    def _keep_run(self, requests: int, moved: int, ended: int) -> None:
        record = RunRecord(
            run_id=self.run_id,
            what="repair",
            started=self.started,
            finished=datetime.now(UTC),
            requests=requests,
            tiles_ok=moved,
            tiles_failed=ended + self.left,
        )
        append_run(self.uri, record)


def _mend_one(record: Record, rows: Collection[str], source: Source) -> Mended | None:
    """The mended tile; None when the source failed, and the tile stays as it is."""
    try:
        return mend(record, rows, source)
    except CredentialsError:
        raise
    except SourceError as error:
        logger.warning("tile %s stays damaged: %s", record["tile_id"], error)
        return None


def _mend_arrays(uri: str, findings: Sequence[Finding]) -> None:
    """Metadata that is gone is computed again from the table; arrays that are too short are lengthened."""
    mendable = [finding for finding in findings if finding.kind in _IN_ARRAYS]
    rim = open_objects(uri)
    for finding in mendable:
        if finding.kind is FindingKind.MISSING_ARRAY:
            rim.create(array_key(finding.modality), array_metadata(modality(finding.modality)))
    if mendable:
        even_out(uri)


def _damage(store: Store, findings: Sequence[Finding]) -> dict[int, set[str]]:
    """Places of the tiles that must move, each with its rows that must be read again."""
    damage: dict[int, set[str]] = {}
    for finding in findings:
        if finding.kind not in _IN_OBJECTS:
            continue
        name = finding.modality
        found = store.query(
            f"SELECT row, {name}_outcome AS outcome FROM tiles WHERE status = 'ok' "
            f"AND (row BETWEEN {finding.first_place} AND {finding.last_place} OR row IN "
            f"(SELECT row FROM (SELECT row, unnest(objects) AS o FROM tiles) WHERE o['key'] = '{finding.key}'))"
        )
        for place, outcome in zip(found.column("row").to_pylist(), found.column("outcome").to_pylist(), strict=True):
            rows = damage.setdefault(place, set())
            if outcome in OUTCOMES_PRESENT and (finding.broken is None or place in finding.broken):
                rows.add(name)
    return damage
