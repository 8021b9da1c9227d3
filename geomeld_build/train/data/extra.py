"""torch, or an error that says how to get it."""

from __future__ import annotations

from geomeld_build.errors import MissingExtra

try:
    import torch
except ImportError as error:
    raise MissingExtra(
        "geomeld_build.train needs torch, which is not installed: pip install 'geomeld-build[train]'"
    ) from error

__all__ = ["torch"]
