"""Where the real sample data is, and how a test says that it needs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["data_dir", "needs_real_data", "real_data_problem"]

VARIABLE = "GEOMELD_TEST_DATA"


def data_dir() -> Path:
    """The folder of real sample data: ``$GEOMELD_TEST_DATA``, else ``../shared/data`` next to the repository."""
    stated = os.environ.get(VARIABLE)
    return Path(stated) if stated else Path(__file__).resolve().parents[2].parent / "shared" / "data"


def real_data_problem() -> str:
    """Why the real sample data cannot be used; an empty string when it can."""
    folder = data_dir()
    if not (folder / "tile_punjab_pk").is_dir():
        return f"real sample data not found: no tile_punjab_pk in {folder}; set {VARIABLE} to the data folder"
    return ""


needs_real_data = pytest.mark.skipif(bool(real_data_problem()), reason=real_data_problem() or "data present")
"""Mark of tests that read the real sample data."""
