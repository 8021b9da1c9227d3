"""The code of docs/store.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from geomeld_build.store import TileRecord
from tests.unit.store.making import FEW, RECIPE, new_store, put_group, record_of, tile_of

_PAGE = Path(__file__).parents[3] / "docs" / "store.md"


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    uri = new_store(tmp_path)
    put_group(uri, 0, [0, 1])

    def records(shard: int) -> list[TileRecord]:
        return [record_of(5, shard, 0)]

    names = {"uri": uri, "new_uri": str(tmp_path / "new"), "names": FEW, "recipe": RECIPE, "records": records}
    space: dict[str, object] = {**names, "tiles": [tile_of(5)]}
    blocks = re.findall(r"```python\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, str(_PAGE), "exec"), space)
    assert (tmp_path / "elevation.tif").stat().st_size > 0
    assert space["result"].added == 1  # type: ignore[attr-defined]
