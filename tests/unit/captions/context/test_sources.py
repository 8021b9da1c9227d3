"""Surroundings in the table of signals: added once, added again for another extract, exported."""

from __future__ import annotations

import json
from pathlib import Path

import osmium
import pytest
import shapely

from geomeld_build.captions.context.geography import Atlas
from geomeld_build.captions.context.sources import ContextSources
from geomeld_build.captions.signals.table import measure_store, signals_by_tile
from geomeld_build.cli import main
from geomeld_build.store import open_store
from tests.support.small_store import make_store


@pytest.fixture
def store(tmp_path: Path) -> str:
    make_store(tmp_path / "store")
    return str(tmp_path / "store")


def write_extract(path: Path, store: str) -> Path:
    """A tower at the middle of every tile, and a box around all of them."""
    places = open_store(store).query("SELECT lon, lat FROM tiles").to_pylist()
    west, south, east, north = shapely.MultiPoint([(one["lon"], one["lat"]) for one in places]).buffer(1.0).bounds
    header = osmium.io.Header()
    header.add_box(osmium.osm.Box(west, south, east, north))
    with osmium.SimpleWriter(str(path), header=header) as writer:
        for number, one in enumerate(places, start=1):
            tags = {"man_made": "tower", "name": f"Tower {number}"}
            writer.add_node(osmium.osm.mutable.Node(id=number, location=(one["lon"], one["lat"]), tags=tags))
    return path


def test_another_extract_adds_to_what_was_measured(store: str, tmp_path: Path) -> None:
    first = measure_store(store)
    bare = signals_by_tile(store)
    assert all(one.osm is None and one.geo is None for one in bare.values())
    sources = ContextSources((write_extract(tmp_path / "towers.osm.pbf", store),))
    second = measure_store(store, sources)
    assert (first.measured, second.measured) == (first.tiles, first.tiles)
    found = signals_by_tile(store)
    for tile_id, one in found.items():
        assert one.osm is not None
        assert (one.osm.status, one.osm.centre) == ("ok", ({"man_made": "tower"},))
        assert one.osm.names[0].startswith("Tower")
        added = {"osm": None, "geo": None, "provenance": None}
        assert one.model_copy(update=added) == bare[tile_id], "what was measured stays"
    assert measure_store(store, sources).measured == 0
    assert measure_store(store).measured == 0, "without sources, tiles keep what they have"


def test_sources_are_told_apart(store: str, tmp_path: Path) -> None:
    extract = write_extract(tmp_path / "towers.osm.pbf", store)
    keys = {
        ContextSources().key(),
        ContextSources((extract,)).key(),
        ContextSources((extract,), osm_complete=True).key(),
        ContextSources(atlas=Atlas(countries=extract)).key(),
    }
    assert len(keys) == 4


def test_the_command_adds_shows_and_exports(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extract = write_extract(tmp_path / "towers.osm.pbf", store)
    tile = open_store(store).tile_ids()[0]
    out = tmp_path / "released.jsonl"
    assert main(["caption", "signals", store, "--osm", str(extract), "--tile", tile, "--released", str(out)]) == 0
    assert "1 features, ok" in capsys.readouterr().out
    assert main(["caption", "signals", store, "--tile", tile]) == 0
    assert "1 features, ok" in capsys.readouterr().out, "a look does not take away what was added"
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(records) == len(open_store(store).tile_ids())
    one = next(record for record in records if record["tile_id"] == int(tile, 16))
    assert set(one) == {
        "tile_id", "lat", "long", "acquisition_date", "terrain_class", "file_type_naip", "osm_tags", "water_analysis",
    }  # fmt: skip
    assert one["osm_tags"] == {"man_made": "tower"}
    assert main(["caption", "signals", store, "--osm", str(tmp_path / "none.pbf")]) == 2
    assert "none.pbf" in capsys.readouterr().err
