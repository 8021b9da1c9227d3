"""Vector tables: a feature collection, page after page, as Arrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ee
import pyarrow as pa
import shapely
from shapely.geometry import shape

from geomeld_build.errors import SourceError
from geomeld_build.sources.earthengine_session import Session

__all__ = ["PAGE_ROWS", "read_table"]

PAGE_ROWS = 1000
"""Rows asked for in one page; the service may send fewer."""


def read_table(session: Session, name: str, columns: Sequence[str], *, page_rows: int = PAGE_ROWS) -> pa.Table:
    """All rows of a feature collection: the asked columns and ``geometry`` (WKB, lon/lat; null where a row has none).

    Runs inside :meth:`Session.run`.

    Raises:
        SourceError: no row has one of the columns, or a column mixes types.
    """
    rows: dict[str, list[Any]] = {column: [] for column in columns}
    outlines: list[bytes | None] = []
    collection = ee.FeatureCollection(name).select(list(columns))
    for feature in session.features(collection, page_rows):
        properties = feature.get("properties") or {}
        for column in columns:
            rows[column].append(properties.get(column))
        geometry = feature.get("geometry")
        outlines.append(None if geometry is None else shapely.to_wkb(shape(geometry)))
    empty = [column for column in columns if outlines and all(value is None for value in rows[column])]
    if empty:
        raise SourceError(f"table {name} has no values in the columns {empty}: check their names")
    try:
        arrays = [pa.array(_same_kind(rows[column])) for column in columns]
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SourceError(f"table {name} mixes types in a column: {error}") from error
    return pa.table([*arrays, pa.array(outlines, pa.binary())], names=[*columns, "geometry"])


def _same_kind(values: list[Any]) -> list[Any]:
    """JSON writes 1.0 as 1: numbers of a column that has fractions are all fractional."""
    if any(isinstance(value, float) for value in values):
        return [float(value) if isinstance(value, int) else value for value in values]
    return values
