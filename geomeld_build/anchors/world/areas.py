"""Areas that cells can be drawn from: what a sampler needs to know of one, whatever it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["CoarseCells", "SampleArea"]


@dataclass(frozen=True, slots=True, eq=False)
class CoarseCells:
    """Boxes of one regular lon/lat grid that cover an area, in row-major order from the south-west."""

    west: NDArray[np.float64]
    """Western edge of each box, degrees, -180 + a multiple of ``size_deg``."""
    south: NDArray[np.float64]
    """Southern edge of each box, degrees, -90 + a multiple of ``size_deg``."""
    size_deg: float
    """Width and height of every box in degrees; 360 and 180 are multiples of it."""
    inside_fully: NDArray[np.bool_]
    """True where every point of the box lies in the area, so that no point of it needs a test."""

    def __len__(self) -> int:
        return len(self.west)


class SampleArea(Protocol):
    """A part of the Earth's surface from which lattice cells are drawn by their centres."""

    @property
    def name(self) -> str:
        """Of the stratum, such as ``mangroves`` or ``Africa/mangroves``. Unique within a set of strata."""
        ...

    @property
    def area_m2(self) -> float:
        """On the sphere of the Earth's authalic radius."""
        ...

    def coarse_cells(self) -> CoarseCells:
        """Every box that touches the area and one box of margin around those (wrapping over the antimeridian).

        Boxes do not overlap and none is given twice. Every point of the area lies in one of them.
        """
        ...

    def contains(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each point lies in the area, exactly. Any 1-D length; degrees, lon in -180..180."""
        ...
