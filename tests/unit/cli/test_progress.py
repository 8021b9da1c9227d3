"""Plain progress lines: the end of a stage is said once, and again when there turned out to be more to do."""

from __future__ import annotations

import pytest

from geomeld_build.cli.output import Bars


def test_a_stage_that_grows_says_its_end_again(capsys: pytest.CaptureFixture[str]) -> None:
    bars = Bars(None)
    for done, total in ((1, 2), (2, 2), (2, 2), (2, 3), (3, 3), (3, 3)):
        bars("reserves", done, total)
    bars("tiles", 5, 5)
    assert capsys.readouterr().err.splitlines() == ["reserves: 1/2", "reserves: 2/2", "reserves: 3/3", "tiles: 5/5"]
