"""Mixtures of what kinds of ground send back, compiled: a library of linear algebra would add up in an order, and on as
many threads, as it sees fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.compiled import kernel

__all__ = ["blend"]

_Small = NDArray[np.float32]


@kernel
def blend(table: _Small, shares: _Small) -> _Small:
    """Sums over kinds, ``(quantity, y, x)``.

    Args:
        table: what a pixel of nothing but one kind sends back, ``(quantity, kind)``.
        shares: of the kinds in each pixel, ``(kind, y, x)``.
    """
    kinds, height, width = shares.shape
    out = np.zeros((table.shape[0], height, width), dtype=np.float32)
    for kind in range(kinds):
        for i in range(height):
            for quantity in range(table.shape[0]):
                value = table[quantity, kind]
                for j in range(width):
                    out[quantity, i, j] += value * shares[kind, i, j]
    return out
