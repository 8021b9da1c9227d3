"""kill -9 at an exact point of a store's work: before and after each write, sync, link, rename, removal, Delta commit.

A zygote process imports everything and opens nothing; each case is a fork of it with one point armed. That costs a few
hundredths of a second a kill instead of the seconds that the imports take.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import deltalake.table
from deltalake import DeltaTable

import geomeld_build.store.objects_local as objects_local
from geomeld_build.store import commit, open_store, records_to_table, reserve, write_group
from geomeld_build.store.compact import compact
from geomeld_build.store.gc import collect_garbage
from geomeld_build.store.swap import swap
from tests.unit.store.making import FEW, anchor_of, record_of, tile_of

ROOT = Path(__file__).parents[2]
NEW, RETRIED, SWAPPED = (10, 11), 3, (0, 1)
"""Tiles that the work appends, replaces a failure by, and swaps."""


def append(uri: str) -> None:
    """A run: what is missing goes to a new group; one of the anchors had failed before, so the commit is a merge."""
    _run(uri, (*NEW, RETRIED))


def append_only(uri: str) -> None:
    """A run whose commit is an append."""
    _run(uri, NEW)


def _run(uri: str, numbers: Sequence[int]) -> None:
    done = open_store(uri).existing("ok")
    missing = [number for number in numbers if anchor_of(number).tile_id not in done]
    if not missing:
        return
    shard = reserve(uri, 1, "run-9")
    objects = write_group(uri, shard, [tile_of(number) for number in missing], FEW)
    records = [record_of(number, shard, slot, run_id="run-9") for slot, number in enumerate(missing)]
    commit(uri, records_to_table(records), objects)


def move(uri: str) -> None:
    """A swap of the tiles that still lie in the first group."""
    found = open_store(uri).query("SELECT tile_id, row FROM tiles WHERE shard = 0").to_pylist()
    places = {row["tile_id"]: row["row"] for row in found}
    numbers = [number for number in SWAPPED if anchor_of(number).tile_id in places]
    if not numbers:
        return
    shard = reserve(uri, 1, "run-8")
    objects = write_group(uri, shard, [tile_of(number) for number in numbers], FEW)
    rows = records_to_table([record_of(number, shard, slot) for slot, number in enumerate(numbers)])
    swap(uri, rows, objects, places)


def clean(uri: str) -> None:
    """A collection of everything that is not needed now."""
    collect_garbage(uri, retention=timedelta(0), reservations=timedelta(0))


def squeeze(uri: str) -> None:
    """A compaction."""
    compact(uri)


WORK: dict[str, Callable[[str], None]] = {
    "append": append,
    "append_only": append_only,
    "swap": move,
    "compact": squeeze,
    "gc": clean,
}


class Points:
    """Counts the points that are passed, and kills this process at one of them."""

    def __init__(self, kill_at: int | None) -> None:
        self.kill_at = kill_at
        self.passed: list[str] = []

    def reach(self, name: str) -> None:
        """One point."""
        if len(self.passed) == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed.append(name)

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call between two points."""

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.reach(f"before {name}")
            result = call(*args, **kwargs)
            self.reach(f"after {name}")
            return result

        return wrapped

    def install(self) -> None:
        """Into this process, for ever."""
        for name in ("fsync", "link", "rmdir"):
            setattr(os, name, self.around(name, getattr(os, name)))
        for name in ("replace", "unlink", "rmdir"):
            setattr(Path, name, self.around(name, getattr(Path, name)))
        whole = objects_local._write_temporary

        def write(path: Path, data: bytes) -> Path:
            self.reach("before write")
            if len(self.passed) == self.kill_at:
                path.with_name(".tmp-half").write_bytes(data[: len(data) // 2])
            self.reach("within write")
            return whole(path, data)

        objects_local._write_temporary = write
        # The package's attribute of this name is the function.
        module: Any = importlib.import_module("geomeld_build.store.commit")
        module.write_deltalake = self.around("delta append", module.write_deltalake)
        deltalake.table.TableMerger.execute = self.around("delta merge", deltalake.table.TableMerger.execute)  # type: ignore[method-assign]
        deltalake.table.TableOptimizer.compact = self.around("delta compact", deltalake.table.TableOptimizer.compact)  # type: ignore[method-assign]
        for name in ("vacuum", "create_checkpoint"):
            setattr(DeltaTable, name, self.around(f"delta {name}", getattr(DeltaTable, name)))


def zygote(base: str, folder: str) -> None:
    """Answer lines of JSON ``[work, point or null]`` with ``[folder, points passed or null when killed]``."""
    for number, line in enumerate(sys.stdin):
        work, kill_at = json.loads(line)
        place = Path(folder) / f"{number:03d}-{work}"
        shutil.copytree(base, place)
        child = os.fork()
        if child == 0:
            points = Points(kill_at)
            try:
                points.install()
                WORK[work](str(place))
                place.with_suffix(".points").write_text(json.dumps(points.passed))
                os._exit(0)
            except BaseException as error:
                place.with_suffix(".error").write_text(repr(error))
                os._exit(1)
        _, status = os.waitpid(child, 0)
        said = place.with_suffix(".points")
        passed = json.loads(said.read_text()) if said.exists() else None
        if status not in (0, signal.SIGKILL):
            raise RuntimeError(f"{place}: {place.with_suffix('.error').read_text()}")
        sys.stdout.write(json.dumps([str(place), passed]) + "\n")
        sys.stdout.flush()


class Zygote:
    """Handle of the zygote process."""

    def __init__(self, base: str, folder: Path) -> None:
        code = f"from tests.support.kill_points import zygote; zygote({base!r}, {str(folder)!r})"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, work: str, kill_at: int | None = None) -> tuple[str, list[str] | None]:
        """Do the work on a copy of the base store, killed at a point."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([work, kill_at]) + "\n")
        self.process.stdin.flush()
        place, passed = json.loads(self.process.stdout.readline())
        return place, passed

    def close(self) -> None:
        """End it."""
        self.process.communicate(timeout=30)
