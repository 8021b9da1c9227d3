"""Loops over pixels as machine code, compiled when first called and kept next to the source or in the user's cache.

Nothing is compiled with fast mathematics: a kernel does the operations of its source in their order, so that every
machine serves the same bytes. A kernel is called with one type of each argument, contiguous arrays: another type would
be compiled anew.

numba compares a cached kernel with its own file only. Kernels therefore use nothing of ours that another module
defines, be it a function or a number.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar, cast

from numba import njit

__all__ = ["helper", "kernel"]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_compiling = threading.Lock()


def helper(function: _Function) -> _Function:
    """A function that kernels of the same module call; its code becomes part of theirs, so that loops stay vectors."""
    return cast("_Function", njit(nogil=True, forceinline=True)(function))


def kernel(function: _Function) -> _Function:
    """A compiled loop that does not hold Python's lock. Raises nothing where no cache folder can be written."""
    try:
        compiled = njit(cache=True, nogil=True)(function)
    except RuntimeError:
        # numba found no folder that it may write: every process compiles anew.
        compiled = njit(nogil=True)(function)
    return cast("_Function", _Kernel(compiled, function))


class _Kernel:
    """Calls a compiled function; the first call, which compiles, one thread at a time."""

    def __init__(self, compiled: Callable[..., Any], function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self._compiled = compiled
        self._ready = False

    def __call__(self, *arguments: Any) -> Any:
        if self._ready:
            return self._compiled(*arguments)
        # The compiler is not safe to start twice at once.
        with _compiling:
            result = self._compiled(*arguments)
        self._ready = True
        return result
