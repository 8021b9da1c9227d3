"""A store to train on, of as many made-up tiles as one likes."""

from __future__ import annotations

from pathlib import Path

from tests.support.small_store import made_up_arrays, make_store

__all__ = ["make_train_store"]


def make_train_store(uri: Path, tiles: int) -> list[str]:
    """Write a store of tiles at places of their own, each with pixels of its own; returns their ids."""
    places = [(-120.0 + 7.0 * (number % 30), 45.0 - 9.0 * (number // 30)) for number in range(tiles)]
    return make_store(uri, places, [made_up_arrays(100 * number) for number in range(tiles)])
