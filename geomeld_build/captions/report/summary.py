"""The figures of a report on the captions of a store."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from geomeld_build.captions.agents.record import CaptionRecord
from geomeld_build.captions.agents.table import captions_of
from geomeld_build.captions.report.diversity import Diversity, diversity_of, proper_names
from geomeld_build.captions.report.truth import TruthFigures, claims_by_type, truth_of
from geomeld_build.captions.signals.table import latest_rows
from geomeld_build.store import open_store

__all__ = ["CaptionReport", "report_of"]


@dataclass(frozen=True, slots=True)
class CaptionReport:
    """What is known of the captions of one producer."""

    store: str
    producer: str
    records: tuple[CaptionRecord, ...]
    signals: Mapping[str, dict[str, Any]]
    """By tile."""
    captioner: dict[str, Any]
    evaluator: dict[str, Any]
    statuses: dict[str, int]
    captions: TruthFigures
    """Of the captions as they are kept."""
    proposed: TruthFigures
    """Of the first candidates, before any revision: what the captioner makes up."""
    edits: dict[str, int]
    by_type: dict[str, dict[str, int]]
    groups: dict[str, dict[str, TruthFigures]]
    """By biome, stratum, dominant class and landform."""
    diversity: Diversity | None

    def to_json(self) -> dict[str, Any]:
        """Plain values, without records and signals."""
        return {
            "store": self.store,
            "producer": self.producer,
            "captioner": self.captioner,
            "evaluator": self.evaluator,
            "statuses": self.statuses,
            "captions": self.captions.to_json(),
            "proposed": self.proposed.to_json(),
            "edits": self.edits,
            "claims_by_type": self.by_type,
            "groups": {
                kind: {name: figures.to_json() for name, figures in group.items()}
                for kind, group in self.groups.items()
            },
            "diversity": None if self.diversity is None else self.diversity.to_json(),
        }


def report_of(uri: str, producer: str | None = None) -> CaptionReport:
    """Measure the captions of a store.

    Args:
        uri: the store.
        producer: whose captions; None where there is only one.

    Raises:
        ConfigError: there are several producers and none was named, or it has written nothing.
        StoreError: the store has no captions.
    """
    records = captions_of(uri, producer)
    store = open_store(uri)
    signals = {tile: json.loads(text) for tile, (_, text) in latest_rows(store).items()}
    strata = {row["tile_id"]: row["stratum"] for row in store.query("SELECT tile_id, stratum FROM tiles").to_pylist()}
    written = [one for one in records if one.verification is not None]
    texts = [one.caption for one in written if one.caption is not None]
    names = {name for one in written for name in proper_names(signals.get(one.tile_id, {}))}
    return CaptionReport(
        store=uri,
        producer=records[0].producer,
        records=tuple(records),
        signals=signals,
        captioner=records[0].captioner,
        evaluator=records[0].evaluator,
        statuses=dict(Counter(one.status for one in records)),
        captions=_kept(written),
        proposed=truth_of([one.candidates[0].claims for one in records if one.candidates]),
        edits=dict(Counter(edit.op for one in records for edit in one.edits)),
        by_type=claims_by_type(written),
        groups={
            "biome": _grouped(written, lambda one: _biome(signals.get(one.tile_id, {}))),
            "stratum": _grouped(written, lambda one: strata.get(one.tile_id)),
            "dominant class": _grouped(written, lambda one: _dominant(signals.get(one.tile_id, {}))),
            "landform": _grouped(written, lambda one: _landform(signals.get(one.tile_id, {}))),
        },
        diversity=diversity_of(texts, names),
    )


def _kept(records: Sequence[CaptionRecord]) -> TruthFigures:
    verified = [one.verification for one in records if one.verification is not None]
    return truth_of([one.claims for one in verified], [one.coverage for one in verified])


def _grouped(records: Sequence[CaptionRecord], key: Callable[[CaptionRecord], str | None]) -> dict[str, TruthFigures]:
    """The largest group first; tiles without a key are in none."""
    found: dict[str, list[CaptionRecord]] = defaultdict(list)
    for one in records:
        name = key(one)
        if name is not None:
            found[name].append(one)
    return {name: _kept(group) for name, group in sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))}


def _biome(signals: Mapping[str, Any]) -> str | None:
    biome: str | None = (signals.get("geo") or {}).get("biome")
    return biome


def _dominant(signals: Mapping[str, Any]) -> str | None:
    dominant: str | None = (signals.get("landcover") or {}).get("dominant")
    return dominant


def _landform(signals: Mapping[str, Any]) -> str | None:
    landform: str | None = (signals.get("terrain") or {}).get("terrain_class")
    return landform
