"""The commands on a small store: report, form, answers, and the map that was not heard."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geomeld_build.captions.agents.record import ClaimRecord
from geomeld_build.captions.agents.run import caption_store
from geomeld_build.captions.agents.settings import CaptionSettings
from geomeld_build.captions.agents.table import captions_of
from geomeld_build.captions.signals.table import measure_store
from geomeld_build.cli import main
from geomeld_build.pictures.captions.spans import COLOURS, spans_of
from tests.support.small_store import make_store

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("captioned") / "store"
    make_store(folder)
    measure_store(str(folder))
    caption_store(str(folder), CaptionSettings(count=2))
    return str(folder)


def test_the_report(store: str, tmp_path: Path, capsys: Capture) -> None:
    assert main(["caption", "report", store, "--out", str(tmp_path / "r"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    records = captions_of(store)
    claims = [claim for one in records if one.verification for claim in one.verification.claims]
    assert told["captions"]["claims"] == len(claims)
    assert (told["captions"]["groundedness"], told["captions"]["h1"]) == (1.0, 0.0)
    assert told["diversity"]["unique"] == len(records)
    assert sum(sum(labels.values()) for labels in told["claims_by_type"].values()) == len(claims)
    page = (tmp_path / "r" / "report.html").read_text()
    for record in records:
        assert record.caption is not None
        shown = re.sub(r"<[^>]+>", "", page)
        assert record.caption in shown.replace("&#x27;", "'")
    assert "http" not in re.sub(r"<small>.*?</small>", "", page.replace("http-equiv", ""))
    assert json.loads((tmp_path / "r" / "summary.json").read_text()) == told
    sheet = np.asarray(Image.open(tmp_path / "r" / "captions.png").convert("RGB"))
    green = (np.abs(sheet.astype(int) - [0, 112, 77]).sum(axis=-1) < 40).sum()
    assert green > 500, "supported claims are written in green"


def test_a_producer_has_to_be_clear(store: str, capsys: Capture) -> None:
    assert main(["caption", "report", store, "--producer", "nobody"]) == 2
    assert "no captions of 'nobody'" in capsys.readouterr().err


def test_the_form_hides_what_the_key_has(store: str, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "audit"
    assert main(["caption", "audit", store, "--out", str(out), "--n", "3"]) == 0
    key, page = json.loads((out / "key.json").read_text()), (out / "form.html").read_text()
    real = [one for one in key["items"] if one["control_of"] is None]
    assert sorted(one["tile_id"] for one in real) == sorted(one.tile_id for one in captions_of(store))
    assert len(key["items"]) == 4, "with a control"
    assert [one["item"] for one in key["items"]] == sorted(one["item"] for one in key["items"]), "controls lie anywhere"
    for one in key["items"]:
        assert one["tile_id"] not in page
        assert page.count(f'data-item="{one["item"]}"') == len(one["claims"])
    assert "supported" not in page
    assert main(["caption", "audit", store, "--out", str(out)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main(["caption", "audit", store, "--out", str(tmp_path / "many"), "--n", "50"]) == 2
    assert "fewer than the 50" in capsys.readouterr().err

    judged = {one["item"]: {str(at): "true" for at in range(len(one["claims"]))} for one in key["items"]}
    first = real[0]["item"]
    judged[first]["0"] = "false"
    (tmp_path / "ann.json").write_text(json.dumps({"annotator": "ann", "answers": judged}))
    assert main(["caption", "answers", str(out / "key.json"), str(tmp_path / "ann.json"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    total = sum(len(one["claims"]) for one in real)
    assert (told["claims"]["hits"], told["claims"]["of"]) == (total - 1, total)
    assert (told["captions"]["hits"], told["captions"]["of"]) == (2, 3)
    assert main(["caption", "answers", str(out / "key.json"), str(tmp_path / "ann.json")]) == 0
    assert "claims that hold" in capsys.readouterr().out


def test_the_map_that_was_not_heard(store: str, capsys: Capture) -> None:
    assert main(["caption", "held-out", store, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tiles"] == 3
    assert told["claims"]["of"] >= 3
    assert 0.0 <= told["claims"]["low"] <= told["claims"]["share"] <= told["claims"]["high"] <= 1.0
    assert 0.0 < told["maps_agree"] <= 1.0


def test_spans_are_the_text_and_the_worst_counts() -> None:
    text = "Forest covers half of it, and cars."
    claims = [
        ClaimRecord(start=0, end=24, text=text[0:24], type="landcover_fraction", label="supported", evidence={}),
        ClaimRecord(start=0, end=6, text=text[0:6], type="landcover_presence", label="contradicted", evidence={}),
        ClaimRecord(start=30, end=34, text=text[30:34], type="other", label="unverifiable", evidence={"signal": "x"}),
    ]
    spans = spans_of(text, claims)
    assert "".join(span.text for span in spans) == text
    assert [span.label for span in spans] == ["contradicted", "supported", "", "unverifiable", ""]
    assert spans[3].note == "other, x"
    assert {span.label for span in spans} <= set(COLOURS)
