"""Compiled loops: numba, with what it compiled kept on disk where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled"]

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """The function, compiled at its first call for the types it is called with; runs without Python's lock.

    Arithmetic is left as written (no ``fastmath``): bytes must not depend on the processor.
    """
    try:
        return cast(_F, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:
        # No folder to keep compiled code in, e.g. a read-only installation: compile anew in each process.
        return cast(_F, numba.njit(nogil=True)(function))
