"""Data goes to stdout, talk to stderr. Bars on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

__all__ = ["Bars", "amount", "bars", "print_json", "print_outcomes", "print_table", "say"]

Stage = Literal["anchors", "plan", "tiles", "reserves", "verify", "repair", "gc", "signals", "captions", "train"]

_EVERY_S = 5.0
"""Seconds between two plain progress lines."""


def say(message: str) -> None:
    """A line for people, on stderr."""
    print(message, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """One JSON document on stdout; dates and paths as text, NaN and infinities, which JSON lacks, as null."""
    print(json.dumps(_finite(value), indent=2, default=str, ensure_ascii=False, allow_nan=False), flush=True)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """A table on stdout: as wide as it needs to be when piped, folded into the window on a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=10_000)
        text = _without_trailing_space(console, table)
        print(text, flush=True)
        return
    console.print(table)


def _without_trailing_space(console: Any, table: Any) -> str:
    with console.capture() as capture:
        console.print(table)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    return "\n".join(line for line in lines if line)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def print_outcomes(outcomes: Mapping[str, Mapping[str, int]]) -> None:
    """Typed outcomes as a table: one line a row of the table of modalities, one column a kind."""
    kinds = sorted({kind for counts in outcomes.values() for kind in counts}, key=lambda kind: (kind != "ok", kind))
    print_table(("row", *kinds), [(row, *(counts.get(kind) for kind in kinds)) for row, counts in outcomes.items()])


def amount(size: float) -> str:
    """Bytes for people: ``1.2 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


class Bars:
    """Progress of a run; called from worker threads, so every method is quick and safe to share."""

    def __init__(self, rich: RichProgress | None) -> None:
        self._rich = rich
        self._tasks: dict[str, TaskID] = {}
        self._last: dict[str, float] = {}
        self._ended: dict[str, int] = {}
        self._lock = threading.Lock()

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Report that ``done`` of ``total`` of a stage are finished."""
        with self._lock:
            if self._rich is not None:
                self._draw(stage, done, total, note)
            elif self._due(stage, done, total):
                say(f"{stage}: {done}/{total}{' ' + note if note else ''}")

    def _draw(self, stage: str, done: int, total: int, note: str) -> None:
        assert self._rich is not None
        if stage not in self._tasks:
            self._tasks[stage] = self._rich.add_task(stage, total=total, note=note)
        self._rich.update(self._tasks[stage], completed=done, total=total, note=note)

    def _due(self, stage: str, done: int, total: int) -> bool:
        now = time.monotonic()
        last = self._last.get(stage)
        # The last line of a stage is said once, also when several threads report the end; unless there is more to do.
        if self._ended.get(stage, -1) >= total or (last is not None and done < total and now - last < _EVERY_S):
            return False
        self._last[stage] = now
        if done >= total:
            self._ended[stage] = total
        return True


@contextmanager
def bars() -> Iterator[Bars]:
    """Progress bars on stderr when it is a terminal, plain lines otherwise."""
    if not sys.stderr.isatty():
        yield Bars(None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:8}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=False) as rich:
        yield Bars(rich)
