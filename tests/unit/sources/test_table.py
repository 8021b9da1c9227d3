"""Vector tables: all pages, typed columns, geometry as WKB."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
import shapely

from geomeld_build.errors import SourceError
from geomeld_build.sources.wire import Request
from tests.unit.sources.fake_service import FakeService, Reply, fake_source, ok, refusal


def _row(n: int, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": [n, 1.5]}, "properties": properties}


def test_pages_are_followed_to_the_end() -> None:
    rows = [_row(n, ECO_ID=n, ECO_NAME=f"e{n}", SHAPE_AREA=n / 2 if n % 2 else n) for n in range(5)]

    def reply(request: Request) -> Reply:
        start = int(json.loads(request.body).get("pageToken", "0"))
        page: dict[str, Any] = {"type": "FeatureCollection", "features": rows[start : start + 2]}
        return ok(page if start + 2 >= len(rows) else {**page, "nextPageToken": str(start + 2)})

    service = FakeService(reply)
    table = fake_source(service).table("RESOLVE/ECOREGIONS/2017", ["ECO_ID", "ECO_NAME", "SHAPE_AREA"])
    assert len(service.asked) == 3
    assert table.column_names == ["ECO_ID", "ECO_NAME", "SHAPE_AREA", "geometry"]
    assert [field.type for field in table.schema] == [pa.int64(), pa.string(), pa.float64(), pa.binary()]
    assert table["ECO_NAME"].to_pylist() == [f"e{n}" for n in range(5)]
    assert [point.x for point in shapely.from_wkb(table["geometry"].to_pylist())] == [0, 1, 2, 3, 4]


def test_rows_without_a_value_or_geometry_are_null() -> None:
    rows = [_row(1, A=1), {"type": "Feature", "geometry": None, "properties": {"A": None}}]
    table = fake_source(FakeService([ok({"features": rows})])).table("T", ["A"])
    assert table.to_pylist()[1] == {"A": None, "geometry": None}


@pytest.mark.parametrize("rows", [[_row(1, B=1)], [_row(1, A="x"), _row(2, A=3)]])
def test_unknown_and_mixed_columns_are_errors(rows: list[Any]) -> None:
    with pytest.raises(SourceError, match="T"):
        fake_source(FakeService([ok({"features": rows})])).table("T", ["A"])


def test_a_missing_table_is_an_error() -> None:
    message = "Collection.loadTable: Collection asset 'T' not found (does not exist or caller does not have access)."
    with pytest.raises(SourceError, match="'T' not found"):
        fake_source(FakeService([refusal(400, message)])).table("T", ["A"])
