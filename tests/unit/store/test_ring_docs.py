"""The code of docs/loading.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.unit.store.making import new_store, put_group

_PAGE = Path(__file__).parents[3] / "docs" / "loading.md"


def test_the_page_runs(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put_group(uri, 0, range(9))
    space: dict[str, object] = {"uri": uri}
    blocks = re.findall(r"```python\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, str(_PAGE), "exec"), space)
    assert space["rest"] == []
