"""The code of docs/maintenance.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from geomeld_build.store.leases import live_leases
from geomeld_build.store.objects import open_objects
from tests.unit.store.making import new_store, put_group

_PAGE = Path(__file__).parents[3] / "docs" / "maintenance.md"


def test_the_page_runs(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put_group(uri, 0, [0])
    space: dict[str, Any] = {"uri": uri}
    for block in re.findall(r"```python\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(_PAGE), "exec"), space)
    assert space["pixels"]["elevation"].shape == (1, 128, 128)
    assert live_leases(open_objects(uri)) == []
