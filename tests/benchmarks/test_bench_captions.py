"""How long signals and captions take, on tiles of the simulated planet, one core."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geomeld_build.build import BuildConfig, SourceConfig, build_tiles
from geomeld_build.captions.agents.machine import run_tile
from geomeld_build.captions.agents.run import CaptionTask, caption_task
from geomeld_build.captions.agents.settings import CaptionSettings, agents_of
from geomeld_build.captions.agents.state import TileJob
from geomeld_build.captions.claims.facts import facts_of
from geomeld_build.captions.claims.verify import check_text
from geomeld_build.captions.signals.geomorphons import geomorphons
from geomeld_build.captions.signals.measure import ROWS, Place, measure
from geomeld_build.captions.signals.terrain import SIGHT
from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.modalities import modality
from geomeld_build.store import Store, open_store
from tests.support.bench_tiles import REGIONS
from tests.support.made_signals import made_signals

FULL = "GEOMELD_BENCH" in os.environ
OUT = Path(os.environ.get("GEOMELD_BENCH_OUT", tempfile.gettempdir()))
TILES, CAPTIONS, TURNS = (64, 500, 5) if FULL else (2, 4, 1)

Job = tuple[Place, dict[str, Any]]


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> list[Job]:
    """Tiles as they are stored, and where they are."""
    found = []
    with EmulatorServer(PlanetWorld()) as server:
        for number, region in enumerate(REGIONS[: TILES // 2]):
            uri = str(tmp_path_factory.mktemp("bench") / f"region-{number}")
            source, limit = SourceConfig(url=server.url, project="local"), max(1, TILES // len(REGIONS))
            build_tiles(BuildConfig(store=uri, region=region, limit=limit, modalities=ROWS, source=source))
            found += _jobs(open_store(uri))
    return found


def _jobs(store: Store) -> list[Job]:
    rows = store.query("SELECT tile_id, lon, lat, datetime FROM tiles WHERE status = 'ok'").to_pylist()
    return [
        (Place(row["tile_id"], row["lon"], row["lat"], row["datetime"]), store.raw(row["tile_id"], ROWS))
        for row in rows
    ]


def _ms_each(work: Callable[[], object], count: int) -> float:
    """Milliseconds of processor time, the median of some turns after a first."""
    work()
    spent = []
    for _ in range(TURNS):
        started = time.process_time()
        work()
        spent.append((time.process_time() - started) / count * 1000)
    return statistics.median(spent)


def _per_second(settings: CaptionSettings, given: tuple[tuple[str, str], ...]) -> float:
    return 1000 / _ms_each(lambda: caption_task(CaptionTask(settings, given, None)), len(given))


def _around_ms(jobs: list[TileJob]) -> float:
    """What a tile costs beside the agents' own work: the captioner's, which checks what it writes, and the scorer's."""
    agents = agents_of(CaptionSettings(count=1))
    proposed = {job.tile_id: agents.captioner.propose(job, 1) for job in jobs}
    scored = {job.tile_id: agents.scorer.score(job, proposed[job.tile_id].candidates) for job in jobs}

    class Known:
        kind = agents.captioner.kind

        def propose(self, job: TileJob, count: int) -> Any:
            return proposed[job.tile_id]

        def score(self, job: TileJob, candidates: Any) -> Any:
            return scored[job.tile_id]

    known: Any = Known()
    idle = replace(agents, captioner=known, scorer=known)
    assert [run_tile(job, idle) for job in jobs] == [run_tile(job, agents) for job in jobs]
    return _ms_each(lambda: [run_tile(job, idle) for job in jobs], len(jobs))


def test_signals_and_captions(tiles: list[Job]) -> None:
    assert tiles
    row = modality("dem_context")
    contexts = [arrays["dem_context"][0].astype(np.float64) for _, arrays in tiles]
    margin = (contexts[0].shape[0] - 1280 // int(row.grid.gsd_m)) // 2
    records = [made_signals(number) for number in range(CAPTIONS)]
    given = tuple((one["tile_id"], json.dumps(one)) for one in records)
    texts = caption_task(CaptionTask(CaptionSettings(count=1), given, None)).records
    assert all(record.caption for record in texts)
    facts = [facts_of(record) for record in records]
    checked = [(record.caption or "", known) for record, known in zip(texts, facts, strict=True)]
    jobs = [TileJob(one["tile_id"], known, one, None) for one, known in zip(records, facts, strict=True)]
    figures = {
        "tiles": len(tiles),
        "captions": CAPTIONS,
        "signals_ms": _ms_each(lambda: [measure(place, arrays) for place, arrays in tiles], len(tiles)),
        "geomorphons_ms": _ms_each(
            lambda: [geomorphons(one, float(row.grid.gsd_m), SIGHT, margin) for one in contexts], len(tiles)
        ),
        "verify_ms": _ms_each(lambda: [check_text(*one) for one in checked], CAPTIONS),
        "orchestration_ms": _around_ms(jobs),
        **{f"captions_per_s_k{count}": _per_second(CaptionSettings(count=count), given) for count in (1, 5)},
    }
    if FULL:
        (OUT / "captions.json").write_text(json.dumps(figures, indent=2))
        print(json.dumps(figures, indent=2))
