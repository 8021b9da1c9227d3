"""The code of docs/statistics.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.small_store import made_up_arrays, make_store

_PAGE = Path(__file__).parents[3] / "docs" / "statistics.md"


def test_the_page_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_store(tmp_path / "store")
    blocks = re.findall(r"```python\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 1
    exec(compile(blocks[0], str(_PAGE), "exec"), {"uri": str(tmp_path / "store")})
    lines = capsys.readouterr().out.splitlines()
    red = [made_up_arrays(100 * number)["sentinel2"][3] for number in range(3)]
    assert lines[0].split()[0] == str(3 * 128 * 128)
    assert float(lines[1].split()[0]) == pytest.approx(sum(float(tile.mean()) for tile in red) / 3)
