"""``planet``: what surrounds tiles on the simulated planet, in the form of the Earth's files."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas
import pytest

from geomeld_build.captions.signals.table import signals_by_tile
from geomeld_build.cli import main
from geomeld_build.store import open_store
from tests.support.small_store import make_store

Capture = pytest.CaptureFixture[str]


def test_what_it_writes_is_what_signals_take(tmp_path: Path, capsys: Capture) -> None:
    make_store(tmp_path / "store")
    store, out = str(tmp_path / "store"), tmp_path / "around"
    assert main(["planet", store, "--out", str(out), "--json"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert told["tiles"] == 3
    facts = {one["tile_id"]: one for one in map(json.loads, (out / "facts.jsonl").read_text().splitlines())}
    assert sorted(facts) == sorted(open_store(store).tile_ids())
    assert len(geopandas.read_file(out / "countries.gpkg")) == told["countries"] > 100
    files = ["--countries", str(out / "countries.gpkg"), "--ecoregions", str(out / "biomes.gpkg")]
    files += ["--osm", str(out / "planet.osm.pbf")]
    assert f"next: geomeld-build caption signals {store} {' '.join(files)}" in said.err
    assert main(["caption", "signals", store, *files]) == 0
    for tile_id, signals in signals_by_tile(store).items():
        truth = facts[tile_id]["geography"]
        assert signals.geo is not None
        assert (signals.geo.country, signals.geo.continent) == (truth["country"], truth["continent"])
        assert signals.geo.biome == truth["biome"] or truth["biome"] in signals.geo.biomes_near
        assert signals.osm is not None
        assert signals.osm.status in {"ok", "empty"}


def test_a_store_that_is_not_there(tmp_path: Path, capsys: Capture) -> None:
    assert main(["planet", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
    assert "none" in capsys.readouterr().err
