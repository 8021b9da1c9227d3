"""Checkpoints: whole or not there, and all that a run needs to go on as if it had not stopped."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from geomeld_build.errors import ConfigError

__all__ = ["Checkpoint", "latest", "read_checkpoint", "write_checkpoint"]

_NAME = re.compile(r"step-(\d{8})\.pt")
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A run after some step."""

    step: int
    """Steps done."""
    epoch: int
    lanes: int
    loader: dict[str, Any] | None
    """Where the epoch stands; none at its end."""
    config: dict[str, Any]
    scales: dict[str, Any]
    vocabulary: str | None
    """As ``Vocabulary.to_json`` gives it."""
    provenance: dict[str, Any]
    model: dict[str, Any]
    """Weights by name, those of the teacher among them."""
    optimiser: dict[str, Any]
    random: Any
    """State of torch's generator."""


def latest(folder: Path) -> Path | None:
    """The newest checkpoint of a folder; none where there is none."""
    found = sorted(path for path in folder.glob("step-*.pt") if _NAME.fullmatch(path.name))
    return found[-1] if found else None


def write_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write a checkpoint beside the others, then delete the oldest beyond ``keep``.

    A process that is killed while it writes leaves the last one as it was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{checkpoint.step:08d}.pt"
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    plain = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    with beside.open("wb") as file:
        torch.save({"format": _FORMAT, **plain}, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    for old in sorted(folder.glob("step-*.pt"))[:-keep]:
        old.unlink()
    for left in folder.glob("step-*.tmp"):
        left.unlink(missing_ok=True)
    return path


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> Checkpoint:
    """Read a checkpoint; nothing in it is executed.

    Raises:
        ConfigError: it is none, or of another version.
    """
    try:
        plain = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise ConfigError(f"no checkpoint {path}") from None
    except Exception as error:
        # A file that is none, or cut off, is told by errors of pickle, of zip archives and of torch alike.
        raise ConfigError(f"{path} is no checkpoint, or damaged: {error}") from error
    if not isinstance(plain, dict) or plain.pop("format", None) != _FORMAT:
        raise ConfigError(f"{path} is no checkpoint of this version of geomeld-build")
    return Checkpoint(**plain)
