"""A frame on disk: one folder, complete or not there.

::

    anchors.parquet     what a build takes
    reserves.parquet    what it takes when an anchor has no scene
    dropped.parquet     every other point that was offered, with its reason
    frame.json          recipe, quotas, counts
    leakage.json        whether splits keep apart
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from geomeld_build.anchors.compose import Frame
from geomeld_build.anchors.files import read_frame_table, write_frame_table
from geomeld_build.errors import ConfigError

__all__ = ["ANCHORS", "DROPPED", "RESERVES", "FrameFolder", "is_frame", "read_frame", "write_frame"]

ANCHORS, RESERVES, DROPPED = "anchors.parquet", "reserves.parquet", "dropped.parquet"
_FACTS, _LEAKAGE = "frame.json", "leakage.json"


@dataclass(frozen=True, slots=True, eq=False)
class FrameFolder:
    """A frame that was read back."""

    anchors: pa.Table
    reserves: pa.Table
    dropped: pa.Table
    facts: Mapping[str, Any]
    """``recipe``, ``quotas``, ``offered``, ``lacking``."""
    leakage: Mapping[str, Any]


def is_frame(path: Path) -> bool:
    """Whether a path is the folder of a frame."""
    return (path / _FACTS).is_file() and (path / ANCHORS).is_file()


def write_frame(folder: Path, frame: Frame, recipe: Mapping[str, Any], leakage: Mapping[str, Any]) -> None:
    """Write a frame beside its place and move it there whole; an earlier frame there is replaced.

    Args:
        folder: of the frame.
        frame: to write.
        recipe: the settings that made it, for people and for reports.
        leakage: of its splits.

    Raises:
        ConfigError: the folder holds something that is no frame.
    """
    if folder.exists() and not is_frame(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} holds something that is no frame: choose another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        for name, table in ((ANCHORS, frame.anchors), (RESERVES, frame.reserves), (DROPPED, frame.dropped)):
            write_frame_table(partial / name, table, {"recipe": str(recipe.get("recipe", ""))})
        facts = {
            "recipe": recipe,
            "anchors": len(frame.anchors),
            "reserves": len(frame.reserves),
            "dropped": len(frame.dropped),
            "quotas": frame.quotas,
            "offered": frame.offered,
            "lacking": frame.lacking,
        }
        _write_json(partial / _FACTS, facts)
        _write_json(partial / _LEAKAGE, leakage)
        if folder.exists():
            # A report that was made of the earlier frame goes with it.
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def read_frame(folder: Path) -> FrameFolder:
    """Read a frame.

    Raises:
        ConfigError: the folder is no frame, or a file of it is damaged.
    """
    if not is_frame(folder):
        raise ConfigError(f"{folder} is no frame: expected {ANCHORS} and {_FACTS}; 'anchors sample --out' makes one")
    anchors, reserves, dropped = (read_frame_table(folder / name) for name in (ANCHORS, RESERVES, DROPPED))
    return FrameFolder(anchors, reserves, dropped, _read_json(folder / _FACTS), _read_json(folder / _LEAKAGE))


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True, default=str) + "\n", encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {path}: {error}; make the frame again") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{path} is no mapping: make the frame again")
    return value
