"""The exception tree: shape, messages and the trip between processes."""

from __future__ import annotations

import pickle

import pytest

from geomeld_build import errors
from geomeld_build.errors import GeomeldError, SkipKind, TileSkipped

CLASSES = [getattr(errors, name) for name in errors.__all__ if name != "SkipKind"]


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_survive_pickling(kind: type[GeomeldError]) -> None:
    error = TileSkipped(SkipKind.CLOUDY, "30 %") if kind is TileSkipped else kind("what, which value, what to do")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (kind, str(error))


def test_the_tree() -> None:
    assert all(issubclass(kind, GeomeldError) for kind in CLASSES)
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.QuotaExceeded, errors.SourceError)
    assert issubclass(errors.CredentialsError, errors.SourceError)
    assert issubclass(errors.SchemaVersionError, errors.StoreError)


def test_a_skip_names_its_kind_and_detail() -> None:
    skipped = TileSkipped(SkipKind.ASSET_CHANGED, "X is gone")
    assert str(skipped) == "asset_changed: X is gone"
    assert str(TileSkipped(SkipKind.CLOUDY)) == "cloudy"
