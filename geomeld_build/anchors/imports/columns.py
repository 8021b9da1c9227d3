"""Columns of CSV and Parquet files that other people named: numbers, ids, dates, with the row that is broken."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from geomeld_build.errors import ConfigError

__all__ = ["CSV_SUFFIXES", "PARQUET_SUFFIXES", "TableFile", "to_dates", "to_ids", "to_numbers"]

CSV_SUFFIXES = (".csv", ".txt", ".tsv")
PARQUET_SUFFIXES = (".parquet", ".geoparquet", ".pq")
_ZONED = r"[T ].*(Z|[+-]\d\d(:?\d\d)?)$"


class TableFile:
    """A table whose columns are known and not read yet.

    Raises:
        ConfigError: missing, neither CSV nor Parquet, or broken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_csv = path.suffix.lower() in CSV_SUFFIXES
        self.metadata: Mapping[bytes, bytes] = {}
        try:
            if self.is_csv:
                self._parse = pacsv.ParseOptions(delimiter=_delimiter(path), newlines_in_values=True)
                self.names: list[str] = self._header()
            else:
                schema = pq.read_schema(path)
                self.names, self.metadata = schema.names, schema.metadata or {}
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error
        self._actual = {name.strip().lower(): name for name in reversed(self.names)}

    def find(self, aliases: Sequence[str]) -> str | None:
        """The first of these names that is a column, in whatever case."""
        return next((self._actual[alias] for alias in aliases if alias in self._actual), None)

    def read(self, names: Sequence[str], numbers: Sequence[str] = ()) -> pa.Table:
        """Some columns. Of a CSV, ``numbers`` come as float64 where all their cells are numbers, the rest as text."""
        wanted = list(dict.fromkeys(names))
        try:
            if not self.is_csv:
                return pq.read_table(self.path, columns=wanted)
            try:
                return self._csv(wanted, {name: pa.float64() if name in numbers else pa.string() for name in wanted})
            except pa.ArrowInvalid:
                return self._csv(wanted, dict.fromkeys(wanted, pa.string()), threads=False)
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error

    def where(self, row: int) -> str:
        """Names a row for people."""
        return f"{self.path}, row {row + 1}"

    def _header(self) -> list[str]:
        try:
            with pacsv.open_csv(self.path, parse_options=self._parse) as reader:
                names: list[str] = reader.schema.names
        except pa.ArrowInvalid:
            # The same again in one thread, for then Arrow tells the row.
            names = pacsv.read_csv(
                self.path, read_options=pacsv.ReadOptions(use_threads=False), parse_options=self._parse
            ).column_names
        return names

    def _csv(self, names: list[str], types: dict[str, pa.DataType], *, threads: bool = True) -> pa.Table:
        return pacsv.read_csv(
            self.path,
            read_options=pacsv.ReadOptions(use_threads=threads),
            parse_options=self._parse,
            convert_options=pacsv.ConvertOptions(include_columns=names, column_types=types),
        )

    def _unreadable(self, error: BaseException) -> ConfigError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        numbered = re.search(r"Row #(\d+)", reason)
        place = f", row {int(numbered[1]) - 1}" if numbered else ""  # Arrow counts the header too
        return ConfigError(f"cannot read {self.path}{place} (expected CSV or Parquet): {reason}")


def _delimiter(path: Path) -> str:
    with path.open("rb") as file:
        header = file.readline(1 << 16)
    return max(",;\t", key=lambda mark: header.count(mark.encode()))


def to_numbers(column: pa.ChunkedArray, what: str, file: TableFile) -> NDArray[np.float64]:
    """A column as float64, NaN where it is empty.

    Raises:
        ConfigError: not numbers; the message has the row.
    """
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = pc.utf8_trim_whitespace(column)
        column = pc.if_else(pc.equal(column, ""), pa.scalar(None, kind), column)
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise ConfigError(f"{file.path}: column {what} has type {kind}, expected numbers in degrees")
    try:
        numbers: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy()
    except pa.ArrowInvalid:
        row, value = _first(column, pa.float64())
        raise ConfigError(f"{file.where(row)}: {what} is {value!r}, expected a number in degrees") from None
    return numbers


def to_ids(column: pa.ChunkedArray | None, rows: int) -> pa.StringArray:
    """A column as text; "" where it is empty, or where there is none."""
    if column is None:
        return pa.array(np.full(rows, ""), pa.string())
    return pc.fill_null(column.cast(pa.string()), "").combine_chunks()


def to_dates(column: pa.ChunkedArray, file: TableFile) -> NDArray[np.datetime64]:
    """A column as datetime64[us] in UTC, NaT where it is empty; times without a zone are taken as UTC.

    Raises:
        ConfigError: not dates; the message has the row.
    """
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _parsed(column, file)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        typed = column.cast(pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False)
        dates: NDArray[np.datetime64] = typed.to_numpy().astype("M8[us]")
        return dates
    raise ConfigError(f"{file.path}: its date column has type {kind}, expected dates or ISO 8601 text")


def _parsed(column: pa.ChunkedArray, file: TableFile) -> NDArray[np.datetime64]:
    text = pc.utf8_trim_whitespace(column.combine_chunks())
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text)
    zoned = pc.fill_null(pc.match_substring_regex(text, _ZONED), False)
    nothing = pa.scalar(None, text.type)
    result = np.full(len(text), np.datetime64("NaT", "us"))
    for some, zone in ((zoned, "UTC"), (pc.invert(zoned), None)):
        part = pc.if_else(some, text, nothing)
        try:
            parsed = part.cast(pa.timestamp("us", tz=zone)).to_numpy(zero_copy_only=False).astype("M8[us]")
        except pa.ArrowInvalid:
            row, value = _first(pa.chunked_array([part]), pa.timestamp("us", tz=zone))
            raise ConfigError(
                f"{file.where(row)}: date {value!r} is not a date: expected ISO 8601 such as 2020-06-04"
            ) from None
        result = np.where(np.isnat(parsed), result, parsed)
    return result


def _first(column: pa.ChunkedArray, kind: pa.DataType) -> tuple[int, str]:
    """Row and text of the first cell that cannot be cast: halve until one is left."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            column.slice(low, middle - low).cast(kind)
        except pa.ArrowInvalid:
            high = middle
        else:
            low = middle
    return low, str(column[low].as_py())
