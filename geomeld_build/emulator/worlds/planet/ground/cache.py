"""A bounded memory of blocks."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["BlockCache"]

_T = TypeVar("_T")


class BlockCache(Generic[_T]):
    """The most recent blocks. Two threads may work out one block twice; they get equal ones."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: OrderedDict[Hashable, _T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """The block of this key, made when it is not held."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        made = make()
        self.put(key, made)
        return made

    def peek(self, key: Hashable) -> _T | None:
        """The block of this key if it is held."""
        with self._lock:
            return self._held.get(key)

    def put(self, key: Hashable, made: _T) -> None:
        """Hold a block."""
        with self._lock:
            self._held[key] = made
            while len(self._held) > self._size:
                self._held.popitem(last=False)
