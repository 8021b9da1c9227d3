"""``caption run`` with a model: answers are kept, tiles it had no answer for can be tried again, presets are honest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from geomeld_build.build.config import DaskConfig
from geomeld_build.captions.agents.run import caption_store
from geomeld_build.captions.agents.settings import CaptionSettings, ScorerSettings
from geomeld_build.captions.agents.table import captions_of
from geomeld_build.captions.signals.table import measure_store
from geomeld_build.captions.vision.settings import VisionSettings
from geomeld_build.cli import main
from geomeld_build.errors import ConfigError
from geomeld_build.store import open_store
from tests.support.small_store import make_store
from tests.support.vision_stub import MODEL, Stub, running_stub

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running_stub(Stub({})) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> str:
    make_store(tmp_path / "store")
    measure_store(str(tmp_path / "store"))
    return str(tmp_path / "store")


def settings(stub: Stub, tmp_path: Path, producer: str = "model", **values: Any) -> CaptionSettings:
    vision = VisionSettings(url=stub.url, model=MODEL, cache=str(tmp_path / "answers"), **values)
    return CaptionSettings(producer=producer, vision=vision, count=2)


def plain(store: str, producer: str) -> list[dict[str, Any]]:
    return [one.model_dump(exclude={"producer"}) for one in captions_of(store, producer)]


@pytest.mark.parametrize("dask", [DaskConfig(mode="sync"), DaskConfig(mode="local")])
def test_a_second_run_asks_nothing_and_writes_the_same(
    store: str, stub: Stub, tmp_path: Path, dask: DaskConfig
) -> None:
    first = caption_store(store, settings(stub, tmp_path, "one"), dask)
    assert first.account.requests > 0
    assert first.account.tokens_read == 700 * first.account.requests
    again = caption_store(store, settings(stub, tmp_path, "two"), dask)
    assert (again.account.requests, again.account.failures) == (0, 0)
    assert again.account.from_cache == first.account.requests
    assert plain(store, "one") == plain(store, "two")
    offline = caption_store(store, settings(stub, tmp_path, "three", offline=True), dask)
    assert offline.account.from_cache == first.account.requests
    assert plain(store, "three") == plain(store, "one")


def test_tiles_without_an_answer_are_tried_again_when_asked(store: str, stub: Stub, tmp_path: Path) -> None:
    stub.faults = {"refused": 1.0}
    first = caption_store(store, settings(stub, tmp_path))
    assert first.statuses == {"fallback": first.tiles}
    record = captions_of(store)[0]
    assert "not to our liking" in record.events[1]
    assert record.candidates[record.chosen or 0].source == "grammar"
    stub.faults = {}
    assert caption_store(store, settings(stub, tmp_path)).captioned == 0
    retried = caption_store(store, settings(stub, tmp_path), retry_fallbacks=True)
    assert retried.captioned == first.tiles
    assert "fallback" not in retried.statuses
    assert all(one.captioner["model"] == MODEL for one in captions_of(store))


def test_the_command_accounts_for_the_model(store: str, stub: Stub, tmp_path: Path, capsys: Capture) -> None:
    kept = str(tmp_path / "kept")
    call = ["caption", "run", store, "--url", stub.url, "--model", MODEL, "--answers", kept, "--k", "2"]
    assert main([*call, "--price", "1,10", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    account = told["account"]
    assert told["producer"] == MODEL
    assert told["cost_usd"] == pytest.approx((account["tokens_read"] + 10 * account["tokens_written"]) / 1e6)
    assert main(["caption", "run", store, "--url", stub.url, "--model", "other"]) == 2
    assert "no model 'other'" in capsys.readouterr().err
    assert main(["caption", "run", store, "--url", stub.url]) == 2
    assert "both --url and --model" in capsys.readouterr().err


def test_the_preset_of_the_paper_refuses_half_of_it(store: str, stub: Stub, capsys: Capture) -> None:
    assert main(["caption", "run", store, "--preset", "paper"]) == 2
    assert "needs a vision model" in capsys.readouterr().err
    assert main(["caption", "run", store, "--preset", "paper", "--url", stub.url, "--model", MODEL]) == 2
    assert "RemoteCLIP" in capsys.readouterr().err


class Longest:
    """Likes long texts, and wants to see the picture."""

    def __init__(self, sign: str = "1") -> None:
        self.sign = int(sign)

    def describe(self) -> dict[str, Any]:
        return {"kind": "longest", "sign": self.sign}

    def similarities(self, png: bytes, texts: Sequence[str]) -> list[float]:
        assert png.startswith(b"\x89PNG")
        return [self.sign * float(len(text)) for text in texts]


def test_a_scorer_of_ones_own_ranks(store: str, stub: Stub, tmp_path: Path) -> None:
    opener = f"{__name__}:Longest"
    for sign in ("1", "-1"):
        scorer = ScorerSettings(opener=opener, options=(("sign", sign),))
        caption_store(store, CaptionSettings(producer=f"by {sign}", image_scorer=scorer, count=4))
    for tile, (long, short) in enumerate(zip(captions_of(store, "by 1"), captions_of(store, "by -1"), strict=True)):
        assert long.evaluator == {**long.evaluator, "looks_at_image": True, "image": {"kind": "longest", "sign": 1}}
        assert [one.text for one in long.candidates] == [one.text for one in short.candidates], tile
        assert {"image"} <= set(long.candidates[0].scores)
    with pytest.raises(ConfigError, match="cannot open the scorer nowhere:none"):
        caption_store(store, CaptionSettings(image_scorer=ScorerSettings(opener="nowhere:none")))
    assert open_store(store).tile_ids() == [one.tile_id for one in captions_of(store, "by 1")]
