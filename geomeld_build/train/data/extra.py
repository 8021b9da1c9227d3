"""torch, or an error that says how to get it."""

from __future__ import annotations

from geomeld_build.train.needs import require_torch

try:
    import torch
except ImportError:
    require_torch()
    # It is installed, and broken: its own error says how.
    raise

__all__ = ["torch"]
