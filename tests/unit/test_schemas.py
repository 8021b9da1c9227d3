"""The generated schemas are fresh, are JSON Schema, and describe what the package really reads and writes."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from geomeld_build.build.config import BuildConfig
from geomeld_build.cli.generated import generated_texts, stale
from geomeld_build.errors import ConfigError, SkipKind
from geomeld_build.modalities import MODALITIES
from geomeld_build.schemas import arrow_type_schema, catalog_schema, config_schema, modalities_document
from geomeld_build.store import open_store
from tests.support.small_store import make_store

ROOT = Path(__file__).parents[2]


def test_generated_files_are_fresh() -> None:
    names = stale(ROOT, generated_texts())
    assert not names, f"run 'geomeld-build schemas --write': {names}"


def test_nothing_else_lies_in_schemas() -> None:
    expected = {name for name in generated_texts() if name.startswith("schemas/")}
    assert {f"schemas/{path.name}" for path in (ROOT / "schemas").iterdir()} == expected


def test_stale_names_absent_and_changed_files(tmp_path: Path) -> None:
    (tmp_path / "same").write_text("a\n", encoding="utf-8")
    (tmp_path / "changed").write_text("b\n", encoding="utf-8")
    assert stale(tmp_path, {"same": "a\n", "changed": "a\n", "absent": "a\n"}) == ["changed", "absent"]


@pytest.mark.parametrize("name", ["config", "catalog", "world"])
def test_schemas_are_json_schema(name: str) -> None:
    document = json.loads(generated_texts()[f"schemas/{name}.json"])
    jsonschema.Draft202012Validator.check_schema(document)


def test_skip_kinds_are_append_only() -> None:
    committed = json.loads((ROOT / "schemas" / "skip_kinds.json").read_text(encoding="utf-8"))["skip_kinds"]
    now = [str(kind) for kind in SkipKind]
    assert now[: len(committed)] == committed, "codes stand in catalogs: only ever add at the end"


@pytest.mark.parametrize(
    "values",
    [
        {"store": "s", "anchors": "a.csv"},
        {"store": "s", "region": "1,2,3,4", "limit": 5, "dask": {"mode": "address", "address": "tcp://127.0.0.1:1"}},
        {"store": "s", "anchors": "a.csv", "workers": 0},
        {"store": "s", "anchors": "a.csv", "source": {"requests_per_second": -1}},
        {"store": "s", "anchors": "a.csv", "sorce": {}},
        {"anchors": "a.csv"},
    ],
)
def test_config_schema_agrees_with_the_model(values: dict[str, Any]) -> None:
    valid = jsonschema.Draft202012Validator(config_schema()).is_valid(values)
    try:
        BuildConfig.model_validate(values)
    except ValidationError:
        assert not valid
    else:
        assert valid


def as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, datetime) else value


def test_catalog_schema_accepts_the_rows_of_a_real_catalog(tmp_path: Path) -> None:
    make_store(tmp_path / "s", places=[(75.12, 30.13)])
    rows = open_store(str(tmp_path / "s")).query("SELECT * FROM tiles").to_pylist()
    validator = jsonschema.Draft202012Validator(catalog_schema())
    for row in rows:
        validator.validate(as_json(row))
        assert not validator.is_valid({key: value for key, value in as_json(row).items() if key != "tile_id"})
        assert not validator.is_valid({**as_json(row), "lon": "75"})


def test_modalities_document_is_the_table() -> None:
    document = json.loads(json.dumps(modalities_document()))
    assert list(document["modalities"]) == list(MODALITIES)
    for name, row in MODALITIES.items():
        told = document["modalities"][name]
        assert told["shape"] == [len(row.bands), row.grid.size, row.grid.size]
        assert np.dtype(told["dtype"]).itemsize == np.dtype(row.dtype).itemsize
        assert told["when"]["kind"] == type(row.when).__name__


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.list_(pa.float64()), [1.5, None]),
        (pa.struct([("a", pa.int16())]), {"a": 3}),
        (pa.map_(pa.string(), pa.int64()), {"x": 3}),
        (pa.bool_(), True),
        (pa.date32(), "2020-01-01"),
    ],
)
def test_arrow_types_become_json_types(kind: pa.DataType, value: Any) -> None:
    schema = arrow_type_schema(kind, nullable=True)
    jsonschema.validate(value, schema)
    jsonschema.validate(None, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(None, arrow_type_schema(kind, nullable=False))


def test_a_type_without_a_counterpart_is_refused() -> None:
    with pytest.raises(ConfigError, match="duration"):
        arrow_type_schema(pa.duration("s"), nullable=False)
