"""``tables/signals``: measured once, kept, resumed, shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from geomeld_build.captions.signals import table
from geomeld_build.captions.signals.measure import ROWS, Place, measure
from geomeld_build.captions.signals.record import SIGNALS_VERSION, Signals
from geomeld_build.captions.signals.table import measure_store, signals_by_tile
from geomeld_build.cli import main
from geomeld_build.errors import StoreError
from geomeld_build.modalities import MODALITIES
from geomeld_build.schemas import signals_schema
from geomeld_build.store import open_store
from tests.support.small_store import make_store

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def store(tmp_path: Path) -> str:
    make_store(tmp_path / "store")
    return str(tmp_path / "store")


def place_of(uri: str, tile_id: str) -> Place:
    record = open_store(uri).record(tile_id)
    return Place(tile_id, record["lon"], record["lat"], record["datetime"])


def test_every_tile_is_measured_once(store: str) -> None:
    with pytest.raises(StoreError, match="run 'geomeld-build caption signals"):
        signals_by_tile(store)
    seen: list[tuple[int, int]] = []
    first = measure_store(store, progress=lambda done, total: seen.append((done, total)))
    tiles = open_store(store).tile_ids()
    assert (first.tiles, first.measured, first.already) == (len(tiles), len(tiles), 0)
    assert seen[-1] == (len(tiles), len(tiles))
    again = measure_store(store)
    assert (again.measured, again.already) == (0, len(tiles))
    assert again.catalog_version == first.catalog_version
    rows = open_store(store).query("SELECT tile_id, count(*) AS n FROM signals GROUP BY tile_id").to_pylist()
    assert {row["tile_id"]: row["n"] for row in rows} == dict.fromkeys(tiles, 1)


def test_kept_signals_are_what_measuring_gives(store: str) -> None:
    measure_store(store, threads=1)
    found = signals_by_tile(store)
    opened = open_store(store)
    for tile_id, signals in found.items():
        arrays = opened.raw(tile_id, [name for name in ROWS if name in opened.modalities])
        assert signals == measure(place_of(store, tile_id), arrays)
    one = next(iter(found))
    assert set(signals_by_tile(store, [one])) == {one}


def test_a_run_that_was_stopped_goes_on(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_BLOCK", 1)
    calls = 0
    keep = table.append_side_table

    def stop_after_one(*args: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return keep(*args)

    monkeypatch.setattr(table, "append_side_table", stop_after_one)
    with pytest.raises(KeyboardInterrupt):
        measure_store(store)
    monkeypatch.setattr(table, "append_side_table", keep)
    resumed = measure_store(store)
    assert resumed.already == 1
    assert resumed.measured == resumed.tiles - 1


def test_records_fit_their_schema(store: str) -> None:
    measure_store(store)
    validator = Draft202012Validator(signals_schema())
    for text in open_store(store).query("SELECT signals FROM signals").column("signals").to_pylist():
        validator.validate(json.loads(text))
        assert Signals.model_validate_json(text).schema_version == SIGNALS_VERSION


def test_a_tile_without_pixels_has_no_signals() -> None:
    arrays = {
        name: np.full((len(row.bands), row.grid.size, row.grid.size), row.nodata, row.dtype)
        for name, row in MODALITIES.items()
        if name in ROWS
    }
    from datetime import UTC, datetime

    place = Place("x", 10.0, 50.0, datetime(2020, 7, 1, tzinfo=UTC))
    for given in (arrays, {}):
        found = measure(place, given)
        assert found.season == "summer"
        for name in ("landcover", "dynamic_world", "layout", "indices", "s1", "terrain", "canopy_height_m"):
            assert getattr(found, name) is None
    # Never under water and not covered by the map look alike there.
    water = measure(place, arrays).water_analysis
    assert water is not None
    assert water.status == "none"


def test_command(store: str, capsys: Capture) -> None:
    assert main(["caption", "signals", store, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["measured"] == told["tiles"] > 0
    tile_id = open_store(store).tile_ids()[0]
    assert main(["caption", "signals", store, "--tile", tile_id]) == 0
    out = capsys.readouterr().out
    assert tile_id in out
    assert "land cover" in out
    assert main(["caption", "signals", store, "--tile", tile_id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tile_id"] == tile_id
    assert main(["caption", "signals", store, "--tile", "nowhere"]) == 2
    assert "has no tile 'nowhere'" in capsys.readouterr().err
    assert main(["caption", "signals", store + "-not-there"]) == 2
