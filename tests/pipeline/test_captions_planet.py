"""Captions of two thousand tiles of the simulated planet: varied, without a contradiction, and true of the ground.

``GEOMELD_SOAK_TILES`` sets another number of tiles; the bars on numbers of texts and words are for 2,030 and more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from geomeld_build.captions.agents.table import captions_of
from geomeld_build.captions.classes import WORLDCOVER
from geomeld_build.captions.report.diversity import diversity_of, proper_names
from geomeld_build.captions.signals.table import signals_by_tile
from geomeld_build.cli import main
from geomeld_build.cli.commands.planet import context_options
from geomeld_build.store import open_store
from tests.support.caption_truth import COVER, GROUND, TruthRates, read_truth, truth_rates

pytestmark = [pytest.mark.soak, pytest.mark.timeout(4 * 3600)]
TILES = int(os.environ.get("GEOMELD_SOAK_TILES", "2030"))
WITHOUT_ERRORS = max(100, TILES // 4)
"""Tiles of the second store, whose maps are the truth."""
FRAME = f"own:\n  count: {TILES}\n  by: biome\n  allocation: equal\nreserve: 4.0\n"
_CLI = [sys.executable, "-m", "geomeld_build.cli"]


def _run(*args: str) -> None:
    begun = time.monotonic()
    code = main(args)
    print(f"{' '.join(args[:2])}: exit code {code}, {time.monotonic() - begun:.1f} s")
    assert code in {0, 3}, args


@contextmanager
def _planet(*more: str) -> Iterator[str]:
    """An emulator in a process of its own; yields its URL."""
    command = [*_CLI, "emulator", "--world", "planet", "--port", "0", "--no-quota", *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = os.environ.get("GEOMELD_SOAK_FOLDER")
    return Path(kept) if kept else tmp_path_factory.mktemp("captions")


@pytest.fixture(scope="module")
def captioned(folder: Path) -> str:
    """A store of tiles in equal numbers of every biome, with what surrounds them and captions."""
    store, frame, around = folder / "tiles.store", folder / "frame", folder / "around"
    (folder / "frame.yaml").write_text(FRAME, encoding="utf-8")
    if not frame.exists():
        with _planet() as url:
            _run("anchors", "sample", "--frame", str(folder / "frame.yaml"), "--out", str(frame), "--url", url)
    if not store.exists():
        with _planet() as url:
            _run("build", "--store", str(store), "--anchors", str(frame), "--url", url)
    if not (around / "facts.jsonl").exists():
        _run("planet", str(store), "--out", str(around))
    _run("caption", "signals", str(store), *context_options(around))
    _run("caption", "run", str(store))
    return str(store)


def _told(store: str, facts: Path) -> TruthRates:
    days = {tile: str(one.acquisition_date) for tile, one in signals_by_tile(store).items()}
    rates = truth_rates(captions_of(store), read_truth(facts), days)
    print({kind: f"{rates.true[kind]}/{rates.told[kind]}" for kind in sorted(rates.told)})
    for wrong in rates.wrong[:20]:
        print(wrong)
    return rates


def _apart(store: str, facts: Path) -> float:
    """Half the summed difference of the shares of the map and of the ground, the mean over tiles."""
    truth, apart = read_truth(facts), []
    for tile, one in signals_by_tile(store).items():
        mapped = {} if one.landcover is None else one.landcover.fractions
        real = {WORLDCOVER[int(code)]: share for code, share in truth[tile]["classes"].items()}
        apart.append(0.5 * sum(abs(mapped.get(name, 0.0) - share) for name, share in real.items()))
    return sum(apart) / len(apart)


def test_varied_and_without_a_contradiction(captioned: str) -> None:
    signals = signals_by_tile(captioned)
    records = captions_of(captioned)
    texts = [record.caption for record in records if record.caption is not None]
    assert len(texts) == len(open_store(captioned).tile_ids()) >= 0.95 * TILES
    verdicts = [claim.label for one in records if one.verification for claim in one.verification.claims]
    assert verdicts.count("contradicted") == 0
    names = [name for one in signals.values() for name in proper_names(one.model_dump(mode="json"))]
    found = diversity_of(texts, names)
    assert found is not None
    print(found)
    assert found.unique >= 0.98 * len(texts)
    assert found.distinct_3 >= 0.10
    assert found.commonest_run_share <= 0.05
    assert found.words_min >= 20
    assert found.words_max <= 45
    assert found.vocabulary >= (600 if TILES >= 2030 else 300)


def test_what_stands_on_the_ground_is_true(captioned: str, folder: Path) -> None:
    rates = _told(captioned, folder / "around" / "facts.jsonl")
    told = [kind for kind in GROUND if rates.told[kind]]
    assert {"elevation", "slope", "biome", "geo"} <= set(told)
    assert rates.rate(GROUND) >= 0.99
    assert all(rates.rate([kind]) >= 0.97 for kind in told if rates.told[kind] >= 100), (
        "no type hides behind the others"
    )
    apart = _apart(captioned, folder / "around" / "facts.jsonl")
    print(f"the map of land cover differs from the truth on {apart:.3f} of a tile, the mean over tiles")
    print(f"captions of it: {rates.rate(COVER):.3f} of the claims that stand on maps are true")


def test_where_the_maps_are_the_truth_so_are_the_captions(captioned: str, folder: Path) -> None:
    """The same frame of a planet whose maps have no errors: what is left is the captions' own."""
    store, around = folder / "exact.store", folder / "around"
    if not store.exists():
        limit = ("--limit", str(WITHOUT_ERRORS))
        with _planet("--map-error", "0") as url:
            _run("build", "--store", str(store), "--anchors", str(folder / "frame"), "--url", url, *limit)
    _run("caption", "signals", str(store), *context_options(around))
    _run("caption", "run", str(store))
    rates = _told(str(store), around / "facts.jsonl")
    assert rates.told.total() > 0
    assert rates.rate(COVER) >= 0.99
