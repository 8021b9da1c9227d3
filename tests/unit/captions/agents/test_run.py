"""``caption run``: every tile once, whatever the order and the workers; resumed, withheld, side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from geomeld_build.build.config import DaskConfig
from geomeld_build.captions.agents import run as runs
from geomeld_build.captions.agents.run import caption_store
from geomeld_build.captions.agents.settings import CaptionSettings
from geomeld_build.captions.agents.table import captions_of, known_captions, producers_of
from geomeld_build.captions.signals.table import measure_store
from geomeld_build.cli import main
from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.schemas import caption_schema
from geomeld_build.store import open_store
from tests.support.small_store import make_store

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def store(tmp_path: Path) -> str:
    make_store(tmp_path / "store")
    measure_store(str(tmp_path / "store"))
    return str(tmp_path / "store")


def test_every_tile_gets_one_caption(store: str) -> None:
    seen: list[tuple[int, int, str]] = []
    with pytest.raises(StoreError, match="caption run"):
        producers_of(store)
    first = caption_store(store, CaptionSettings(), progress=lambda *told: seen.append(told))
    tiles = open_store(store).tile_ids()
    assert (first.captioned, first.already) == (len(tiles), 0)
    assert seen[-1] == (len(tiles), len(tiles), "100.0% accepted")
    again = caption_store(store, CaptionSettings())
    assert (again.captioned, again.already) == (0, len(tiles))
    records = captions_of(store)
    assert [one.tile_id for one in records] == tiles
    validator = Draft202012Validator(caption_schema())
    for record in records:
        validator.validate(json.loads(record.model_dump_json()))
        assert record.caption is not None
        assert record.verification is not None
        assert record.verification.groundedness == 1.0
        assert record.evaluator["looks_at_image"] is False
        assert record.candidates[record.chosen or 0].text == record.caption
        for claim in record.verification.claims:
            assert record.caption[claim.start : claim.end] == claim.text


@pytest.mark.parametrize("mode", ["threads", "local"])
def test_workers_and_order_change_nothing(store: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    caption_store(store, CaptionSettings(producer="one"))
    monkeypatch.setattr(runs, "_BLOCK", 1)
    caption_store(store, CaptionSettings(producer="two"), DaskConfig(mode=mode))  # type: ignore[arg-type]
    one, two = (captions_of(store, name) for name in ("one", "two"))
    assert [record.model_copy(update={"producer": "one"}) for record in two] == one


def test_a_run_that_was_stopped_goes_on(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_BLOCK", 1)
    real, calls = runs.caption_task, []

    def dying(task: runs.CaptionTask) -> object:
        if calls:
            raise KeyboardInterrupt
        calls.append(task)
        return real(task)

    with monkeypatch.context() as patched:
        patched.setattr(runs, "caption_task", dying)
        with pytest.raises(KeyboardInterrupt):
            caption_store(store, CaptionSettings())
    left = caption_store(store, CaptionSettings())
    assert (left.captioned, left.already) == (len(open_store(store).tile_ids()) - 1, 1)
    assert len({record.tile_id for record in captions_of(store)}) == len(open_store(store).tile_ids())


def test_other_settings_are_other_captions(store: str) -> None:
    caption_store(store, CaptionSettings())
    other = caption_store(store, CaptionSettings(seed=1))
    assert other.already == 0
    shas = {record.config_sha for record in captions_of(store)}
    assert len(shas) == 1, "the newest wins"
    assert known_captions(store, "grammar", shas.pop())


def test_withheld_signals_are_in_no_caption(store: str) -> None:
    caption_store(store, CaptionSettings(producer="blind", withhold=("date", "terrain", "canopy")))
    for record in captions_of(store, "blind"):
        assert record.withheld == ("canopy", "date", "terrain")
        assert record.verification is not None
        kinds = {claim.type for candidate in record.candidates for claim in candidate.claims}
        assert not kinds & {"season", "date", "terrain", "slope", "elevation", "relief", "canopy_height"}
    with pytest.raises(ConfigError, match="cannot withhold weather"):
        caption_store(store, CaptionSettings(withhold=("weather",)))


def test_producers_stand_side_by_side(store: str) -> None:
    for name in ("a", "b"):
        caption_store(store, CaptionSettings(producer=name))
    assert set(producers_of(store)) == {"a", "b"}
    with pytest.raises(ConfigError, match="name one by --producer"):
        captions_of(store)
    with pytest.raises(ConfigError, match="no captions of 'c'"):
        captions_of(store, "c")


def test_the_command(store: str, capsys: Capture) -> None:
    assert main(["caption", "run", store, "--k", "2", "--json"]) == 0
    captured = capsys.readouterr()
    summary = json.loads(captured.out)
    assert summary["statuses"] == {"accepted": summary["tiles"]}
    tile = open_store(store).tile_ids()[0]
    assert main(["caption", "run", store, "--k", "2", "--tile", tile]) == 0
    assert "supported" in capsys.readouterr().out
    assert main(["caption", "run", store, "--k", "2", "--tile", tile, "--json", "--driver", "langgraph"]) == 0
    assert json.loads(capsys.readouterr().out)["tile_id"] == tile
    for wrong in (["--withhold", "weather"], ["--driver", "steam"], ["--dask", "magic"], ["--tile", "nowhere"]):
        assert main(["caption", "run", store, "--k", "2", *wrong]) == 2
        assert wrong[1] in capsys.readouterr().err
