"""What is written about a run: a line of JSON every few steps, and the same for TensorBoard."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["Logbook", "read_log"]

LOG = "log.jsonl"


class Logbook:
    """``log.jsonl`` and TensorBoard's events in the folder of a run."""

    def __init__(self, folder: Path, *, after: int = 0, tensorboard: bool = True) -> None:
        """Args:
        folder: of the run.
        after: go on after this step: what was logged later was not kept, and happens again.
        tensorboard: write events too.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / LOG
        kept = [line for line in read_log(folder) if line["step"] <= after]
        beside = path.with_suffix(".tmp")
        beside.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        beside.replace(path)
        self._file = path.open("a", encoding="utf-8")
        self._events: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            writer: Any = SummaryWriter
            self._events = writer(str(folder / "tensorboard"), purge_step=after + 1)

    def add(self, line: Mapping[str, Any]) -> None:
        """Write a line; numbers that are none become null."""
        finite = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in line.items()
        }
        self._file.write(json.dumps(finite) + "\n")
        self._file.flush()
        if self._events is not None:
            for key, value in line.items():
                if isinstance(value, int | float) and key != "step":
                    self._events.add_scalar(key, value, line["step"])

    def close(self) -> None:
        """Close both."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if self._events is not None:
            self._events.close()


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Lines of a run's log; a last line that was cut off by a kill is left out."""
    path = folder / LOG
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return found
