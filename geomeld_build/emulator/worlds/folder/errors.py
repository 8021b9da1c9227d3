"""The one error of the folder world."""

from __future__ import annotations

__all__ = ["WorldError"]


class WorldError(ValueError):
    """A folder cannot be served as described: one line that says where, what, and what to do."""
