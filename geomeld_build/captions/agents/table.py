"""``tables/captions``: a row a tile, producer and settings. Nothing is overwritten; producers stand side by side."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from geomeld_build.captions.agents.record import CAPTIONS_VERSION, CaptionRecord
from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.store import open_store

__all__ = ["CAPTIONS", "CAPTIONS_SCHEMA", "captions_of", "known_captions", "producers_of", "rows_of"]

CAPTIONS = "captions"

CAPTIONS_SCHEMA = pa.schema(
    [
        pa.field("tile_id", pa.string(), nullable=False),
        pa.field("producer", pa.string(), nullable=False),
        pa.field("captions_version", pa.int16(), nullable=False),
        pa.field("caption", pa.string()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("groundedness", pa.float64()),
        pa.field("coverage", pa.float64()),
        pa.field("unverifiable", pa.float64()),
        pa.field("words", pa.int32(), nullable=False),
        pa.field("rounds", pa.int16(), nullable=False),
        pa.field("signals_sha", pa.string(), nullable=False),
        pa.field("config_sha", pa.string(), nullable=False),
        pa.field("written", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("record", pa.string(), nullable=False),
    ]
)
"""The caption and a few columns to query by; the whole record as JSON (``schemas/caption.json``)."""


def rows_of(records: Sequence[CaptionRecord]) -> pa.Table:
    """Records as rows of the table."""
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    rows = [
        {
            "tile_id": one.tile_id,
            "producer": one.producer,
            "captions_version": one.schema_version,
            "caption": one.caption,
            "status": one.status,
            "groundedness": None if one.verification is None else one.verification.groundedness,
            "coverage": None if one.verification is None else one.verification.coverage,
            "unverifiable": None if one.verification is None else one.verification.unverifiable,
            "words": len((one.caption or "").split()),
            "rounds": one.rounds,
            "signals_sha": one.signals_sha,
            "config_sha": one.config_sha,
            "written": now,
            "record": one.model_dump_json(),
        }
        for one in records
    ]
    return pa.Table.from_pylist(rows, schema=CAPTIONS_SCHEMA)


def known_captions(uri: str, producer: str, config_sha: str, *, fallbacks: bool = True) -> set[tuple[str, str]]:
    """Tile and hash of the signals of captions that are there already.

    Args:
        uri: the store.
        producer: whose.
        config_sha: hash of the settings.
        fallbacks: whether those count for which the grammar stood in.
    """
    where = f"producer = {_quoted(producer)} AND config_sha = {_quoted(config_sha)}"
    if not fallbacks:
        where += " AND status <> 'fallback'"
    sql = f"SELECT tile_id, signals_sha FROM {CAPTIONS} WHERE {where}"
    try:
        rows = open_store(uri).query(sql).to_pylist()
    except ConfigError:
        # The first run: there is no such table yet.
        return set()
    return {(row["tile_id"], row["signals_sha"]) for row in rows}


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def producers_of(uri: str) -> dict[str, int]:
    """Producers of a store's captions and of how many tiles.

    Raises:
        StoreError: the store has no captions.
    """
    sql = f"SELECT producer, count(DISTINCT tile_id) AS tiles FROM {CAPTIONS} GROUP BY producer ORDER BY producer"
    try:
        rows = open_store(uri).query(sql).to_pylist()
    except ConfigError as error:
        raise StoreError(f"{uri} has no captions: run 'geomeld-build caption run {uri}' first") from error
    return {row["producer"]: row["tiles"] for row in rows}


def captions_of(uri: str, producer: str | None = None) -> list[CaptionRecord]:
    """The newest caption of each tile by one producer, in the order of the shards.

    Args:
        uri: the store.
        producer: whose; None where there is only one.

    Raises:
        ConfigError: there are several producers and none was named, or it has written nothing.
        StoreError: the store has no captions.
    """
    known = producers_of(uri)
    if producer is None:
        if len(known) > 1:
            raise ConfigError(f"{uri} has captions of {', '.join(known)}: name one by --producer")
        producer = next(iter(known))
    if producer not in known:
        raise ConfigError(f"{uri} has no captions of {producer!r}: it has those of {', '.join(known)}")
    store = open_store(uri)
    sql = (
        f"SELECT tile_id, record FROM {CAPTIONS} WHERE producer = {_quoted(producer)} "
        f"AND captions_version = {CAPTIONS_VERSION} ORDER BY written"
    )
    newest = {row["tile_id"]: row["record"] for row in store.query(sql).to_pylist()}
    return [CaptionRecord.model_validate_json(newest[name]) for name in store.tile_ids() if name in newest]
