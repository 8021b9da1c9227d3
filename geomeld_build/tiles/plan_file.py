"""The plan as a lock file: one Parquet row per anchor and candidate, with every scene pinned to its version.

Writing is resumable: each planned batch lands in its own file beside the plan, and a rerun with the same inputs
continues after the last one. Replaying a plan needs nothing but this file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from geomeld_build.errors import ConfigError, SkipKind, StoreError
from geomeld_build.grid import Anchor, PartPlan, Scene, TilePlan
from geomeld_build.modalities import SCHEMA_VERSION

__all__ = ["PLAN_SCHEMA", "PlanWriter", "is_plan_of", "plan_fingerprint", "read_plan", "write_plan"]

_TIME = pa.timestamp("us", tz="UTC")
_SCENE = pa.struct(
    [
        ("id", pa.string()),
        ("version", pa.int64()),
        ("collection", pa.string()),
        ("datetime", _TIME),
        ("cloud_cover", pa.float64()),
        ("footprint", pa.binary()),
        ("missing_bands", pa.list_(pa.string())),
        ("platform", pa.string()),
        ("orbit_pass", pa.string()),
        ("relative_orbit", pa.int32()),
        ("datatake", pa.string()),
        ("polarisations", pa.list_(pa.string())),
        ("grid_code", pa.string()),
        ("baseline", pa.string()),
        ("sun_zenith", pa.float64()),
    ]
)
_PART = pa.struct(
    [
        ("row", pa.string()),
        ("part", pa.string()),
        ("scenes", pa.list_(_SCENE)),
        ("composite", pa.string()),
        ("offset_days", pa.float64()),
        ("skip", pa.string()),
        ("detail", pa.string()),
    ]
)
PLAN_SCHEMA = pa.schema(
    [
        ("tile_id", pa.string()),
        ("location_id", pa.string()),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        ("epsg", pa.int32()),
        ("left", pa.float64()),
        ("top", pa.float64()),
        ("datetime", _TIME),
        ("pool", pa.string()),
        ("stratum", pa.string()),
        ("rank", pa.int8()),
        ("reference", _SCENE),
        ("tier_days", pa.int16()),
        ("cross_zone", pa.bool_()),
        ("parts", pa.list_(_PART)),
    ]
)
_VERSION_KEY = b"geomeld_schema_version"
_FINGERPRINT_KEY = b"geomeld_fingerprint"
_ANCHOR_FIELDS = tuple(item.name for item in fields(Anchor))


def plan_fingerprint(anchors: Iterable[Anchor], *settings: object) -> str:
    """Names a planning job: same anchors and settings, same fingerprint."""
    digest = hashlib.blake2b(digest_size=8)
    digest.update(repr(settings).encode())
    for anchor in anchors:
        digest.update(anchor.tile_id.encode())
    return digest.hexdigest()


class PlanWriter:
    """Writes a plan batch by batch so that an interrupted planning run can go on.

    Args:
        path: the plan to write.
        fingerprint: of the job; batches of another job beside the plan are discarded.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path
        self._fingerprint = fingerprint
        self._parts = path.with_name(path.name + ".parts")
        self._parts.mkdir(parents=True, exist_ok=True)
        for stale in self._parts.glob("*.parquet"):
            if _metadata(stale).get(_FINGERPRINT_KEY) != fingerprint.encode():
                stale.unlink()

    def done(self, batch: int) -> bool:
        """Whether this batch was planned by an earlier, interrupted run."""
        return self._part(batch).exists()

    def write(self, batch: int, plans: Sequence[TilePlan]) -> None:
        """Keep one batch; it survives a crash from here on."""
        # Another run of the same job may have finished and cleared up meanwhile.
        self._parts.mkdir(parents=True, exist_ok=True)
        _write_atomic(_to_table(plans, self._fingerprint), self._part(batch))

    def finish(self, batches: int) -> None:
        """Join this many batches into the plan and remove them.

        Raises:
            StoreError: batches are gone, and no other run of the same job has finished the plan.
        """
        parts = sorted(self._parts.glob("*.parquet"))
        if len(parts) < batches:
            if is_plan_of(self.path, self._fingerprint):
                return
            raise StoreError(
                f"{self._parts} holds {len(parts)} of {batches} planned batches: run the same command again"
            )
        tables = [pq.read_table(part) for part in parts] or [_to_table((), self._fingerprint)]
        _write_atomic(pa.concat_tables(tables), self.path)
        # With everything in it: a run that was killed while it wrote a batch leaves a partial file behind.
        shutil.rmtree(self._parts, ignore_errors=True)

    def _part(self, batch: int) -> Path:
        return self._parts / f"{batch:06d}.parquet"


def is_plan_of(path: Path, fingerprint: str) -> bool:
    """Whether a finished plan of this very job lies here."""
    return path.exists() and _metadata(path).get(_FINGERPRINT_KEY) == fingerprint.encode()


def write_plan(path: Path, plans: Sequence[TilePlan]) -> None:
    """Write a whole plan at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_atomic(_to_table(plans, plan_fingerprint(plan.anchor for plan in plans)), path)


def read_plan(path: Path) -> list[TilePlan]:
    """Read a plan, grouped by tile in planned order, candidates best first.

    Raises:
        ConfigError: the file is not a plan of this schema version.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise ConfigError(f"cannot read the plan {path}: {error}") from error
    version = (table.schema.metadata or {}).get(_VERSION_KEY, b"none").decode()
    if version != str(SCHEMA_VERSION):
        raise ConfigError(f"{path} is a plan of schema version {version}, expected {SCHEMA_VERSION}: plan again")
    return [_plan(record) for record in table.to_pylist()]


def _metadata(path: Path) -> Mapping[bytes, bytes]:
    try:
        return dict(pq.read_schema(path).metadata or {})
    except (OSError, pa.ArrowInvalid):
        return {}


def _write_atomic(table: pa.Table, path: Path) -> None:
    if path.is_dir():
        raise ConfigError(f"cannot write the plan {path}: it is a folder, expected the name of a file")
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(table, partial, compression="zstd")
        with partial.open("rb") as handle:
            os.fsync(handle.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _to_table(plans: Sequence[TilePlan], fingerprint: str) -> pa.Table:
    schema = PLAN_SCHEMA.with_metadata(
        {_VERSION_KEY: str(SCHEMA_VERSION).encode(), _FINGERPRINT_KEY: fingerprint.encode()}
    )
    return pa.Table.from_pylist([_record(plan) for plan in plans], schema=schema)


def _record(plan: TilePlan) -> dict[str, Any]:
    record: dict[str, Any] = {name: getattr(plan.anchor, name) for name in _ANCHOR_FIELDS}
    record["rank"] = plan.rank
    record["reference"] = None if plan.reference is None else _scene_record(plan.reference)
    record["tier_days"] = plan.tier_days
    record["cross_zone"] = plan.cross_zone
    record["parts"] = [
        {
            "row": part.row,
            "part": part.part,
            "scenes": [_scene_record(scene) for scene in part.scenes],
            "composite": part.composite,
            "offset_days": part.offset_days,
            "skip": None if part.skip is None else str(part.skip),
            "detail": part.detail,
        }
        for part in plan.parts
    ]
    return record


def _scene_record(scene: Scene) -> dict[str, Any]:
    record = {item.name: getattr(scene, item.name) for item in fields(Scene)}
    record["footprint"] = None if scene.footprint is None else shapely.to_wkb(scene.footprint)
    return record


def _scene(record: Mapping[str, Any]) -> Scene:
    values = dict(record)
    footprint = values["footprint"]
    values["footprint"] = None if footprint is None else shapely.from_wkb(footprint)
    values["missing_bands"] = tuple(values["missing_bands"] or ())
    values["polarisations"] = tuple(values["polarisations"] or ())
    return Scene(**values)


def _plan(record: Mapping[str, Any]) -> TilePlan:
    when: datetime = record["datetime"]
    anchor = Anchor(**{name: record[name] for name in _ANCHOR_FIELDS if name != "datetime"}, datetime=when)
    parts = tuple(
        PartPlan(
            row=part["row"],
            part=part["part"],
            scenes=tuple(_scene(scene) for scene in part["scenes"] or ()),
            composite=part["composite"],
            offset_days=part["offset_days"],
            skip=None if part["skip"] is None else SkipKind(part["skip"]),
            detail=part["detail"] or "",
        )
        for part in record["parts"]
    )
    reference = None if record["reference"] is None else _scene(record["reference"])
    return TilePlan(anchor, record["rank"], reference, record["tier_days"], parts, bool(record["cross_zone"]))
