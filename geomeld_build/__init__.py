"""Aligned multimodal tiles of the Earth: built, captioned, and trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geomeld_build.train.inference import ImageEncoder

__all__ = ["load_encoder"]


def load_encoder(path: str | Path) -> ImageEncoder:
    """Open an encoder that ``geomeld-build export encoder`` wrote: see ``geomeld_build.train.inference``.

    Raises:
        ConfigError: there is none there.
        MissingExtra: torch is not installed.
    """
    # Whoever only builds tiles shall not wait for torch.
    from geomeld_build.train.needs import require_torch

    require_torch()
    from geomeld_build.train.inference import load_encoder as load

    return load(path)
