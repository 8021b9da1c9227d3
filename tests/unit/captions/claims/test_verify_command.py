"""``caption verify`` on files as people have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from geomeld_build.cli import main
from tests.unit.captions.claims.test_verdicts import BASE

Capture = pytest.CaptureFixture[str]
LIE = "Forest covers 90 % of the tile, and a river runs through the south-east."


def write(path: Path, records: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(record) + "\n\n" for record in records), encoding="utf-8")
    return str(path)


def test_one_line_a_record(tmp_path: Path, capsys: Capture) -> None:
    truth = "Forest covers 40 % of the tile."
    records = [{"id": n, "caption": text, "signals": BASE} for n, text in enumerate((LIE, truth))]
    assert main(["caption", "verify", write(tmp_path / "captions.jsonl", records), "--json"]) == 0
    captured = capsys.readouterr()
    first, second = (json.loads(line) for line in captured.out.splitlines())
    assert (first["id"], second["id"]) == (0, 1)
    wrong = [claim for claim in first["claims"] if claim["label"] == "contradicted"]
    assert [LIE[claim["start"] : claim["end"]] for claim in wrong] == ["Forest covers 90 %"]
    assert wrong[0]["evidence"]["observed"] == 0.4
    assert first["revised"] == "Forest covers about 40 % of the tile, and a river runs through the south-east."
    assert first["edits"][0]["op"] == "replace"
    assert second["revised"] == truth
    assert second["edits"] == []
    assert "2 captions, 1 with something contradicted" in captured.err


def test_for_people(tmp_path: Path, capsys: Capture) -> None:
    path = write(tmp_path / "captions.jsonl", [{"id": "a", "caption": LIE, "signals": BASE}])
    assert main(["caption", "verify", path]) == 0
    told = capsys.readouterr().out
    assert "contradicted: 'Forest covers 90 %'" in told
    assert "revised: Forest covers about 40 %" in told


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "line 1 is not JSON"),
        ('{"id": 1, "signals": {}}', "line 1: caption"),
        ('{"id": 1, "caption": "Forest.", "signals": {"landcover": {"fractions": {"wood": 1}}}}', "'wood'"),
    ],
)
def test_wrong_lines_are_named(line: str, told: str, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "captions.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    assert main(["caption", "verify", str(path)]) == 2
    assert told in capsys.readouterr().err


def test_a_missing_file_is_usage(capsys: Capture) -> None:
    assert main(["caption", "verify", "nowhere.jsonl"]) == 2
    assert "nowhere.jsonl" in capsys.readouterr().err
