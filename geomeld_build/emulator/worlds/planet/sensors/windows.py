"""Windows of a native grid put together from blocks of the ground's own grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet.ground.truth import BLOCK

__all__ = ["assemble"]


def assemble(
    block: Callable[[int, int], NDArray[Any]], row0: int, row1: int, column0: int, column1: int, size: int = BLOCK
) -> NDArray[Any]:
    """The window ``(..., y, x)`` of a grid cut into square blocks.

    Args:
        block: gives the block ``(..., size, size)`` at block row and block column.
        row0: first pixel row; rows end before ``row1``.
        row1: end of the rows.
        column0: first pixel column; columns end before ``column1``.
        column1: end of the columns.
        size: pixels along one side of a block.
    """
    out: NDArray[Any] | None = None
    for i in range(row0 // size, (row1 - 1) // size + 1):
        for j in range(column0 // size, (column1 - 1) // size + 1):
            piece = block(i, j)
            if out is None:
                out = np.empty((*piece.shape[:-2], row1 - row0, column1 - column0), dtype=piece.dtype)
            top, bottom = max(row0, i * size), min(row1, (i + 1) * size)
            left, right = max(column0, j * size), min(column1, (j + 1) * size)
            out[..., top - row0 : bottom - row0, left - column0 : right - column0] = piece[
                ..., top - i * size : bottom - i * size, left - j * size : right - j * size
            ]
    if out is None:
        raise ValueError(f"empty window rows {row0}..{row1}, columns {column0}..{column1}: expected at least one pixel")
    return out
