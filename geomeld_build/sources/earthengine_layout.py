"""Which bands a tile is read as: names, types and bits, shared by the request and the decoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from geomeld_build.errors import ConfigError, SourceError
from geomeld_build.grid import PartPlan, TilePlan
from geomeld_build.modalities import TILE_GRID, Grid, Modality, Part
from geomeld_build.sources.earthengine_products import product

__all__ = ["ANGLE_SCALE", "Errand", "PartRead", "errands", "reads"]

ANGLE_SCALE = 100.0
"""Incidence angles travel as uint16 hundredths of a degree."""


@dataclass(frozen=True, slots=True)
class PartRead:
    """One part of one row with the scenes it is read from."""

    row: Modality
    part: Part
    plan: PartPlan
    bands: tuple[str, ...]
    """Band names of the row that this part fills, in the part's order."""

    @property
    def present(self) -> tuple[int, ...]:
        """Positions of the part's bands that at least one scene has."""
        scenes = self.plan.scenes
        return tuple(n for n, b in enumerate(self.part.bands) if any(b not in s.missing_bands for s in scenes))

    @property
    def data_names(self) -> tuple[str, ...]:
        """Names of the bands with data, for the present ones."""
        return tuple(f"{self.row.name}__{self.bands[n]}" for n in self.present)

    @property
    def valid_name(self) -> str:
        """Name of the band of validity bits: bit n belongs to the n-th present band."""
        return f"{self.row.name}__{self.part.name}__valid"

    @property
    def valid_dtype(self) -> str:
        """The smallest unsigned type that holds the bits."""
        count = len(self.present)
        return "uint8" if count <= 8 else "uint16" if count <= 16 else "uint32"

    @property
    def angle_name(self) -> str | None:
        """Name of the band of incidence angles, for products that have one."""
        return f"{self.row.name}__{self.part.name}__angle" if product(self.part.collection).incidence_band else None

    @property
    def dtypes(self) -> dict[str, str]:
        """Every band that the request returns for this part, with its type, in order."""
        found = dict.fromkeys(self.data_names, str(self.row.dtype))
        found[self.valid_name] = self.valid_dtype
        if self.angle_name is not None:
            found[self.angle_name] = "uint16"
        return found


@dataclass(frozen=True, slots=True)
class Errand:
    """One pixel request: the parts it reads, on one grid."""

    grid: Grid
    reads: tuple[PartRead, ...]
    companion: bool
    """The rows need a request of their own because of their grid."""

    def halves(self) -> tuple[Errand, Errand] | None:
        """The same work in two requests, cut between rows; None when one row is left."""
        names = list(dict.fromkeys(read.row.name for read in self.reads))
        if len(names) < 2:
            return None
        first = set(names[: len(names) // 2])
        return (
            Errand(self.grid, tuple(r for r in self.reads if r.row.name in first), self.companion),
            Errand(self.grid, tuple(r for r in self.reads if r.row.name not in first), self.companion),
        )


def reads(plan: TilePlan, modalities: Mapping[str, Modality]) -> tuple[PartRead, ...]:
    """The parts of a plan that have scenes, in table order.

    Raises:
        SourceError: the plan names a row or part that the table does not have.
    """
    found = []
    for planned in plan.parts:
        if not planned.scenes or planned.skip is not None:
            continue
        row = modalities.get(planned.row)
        if row is None:
            raise SourceError(f"the plan of {plan.anchor.tile_id} names row {planned.row!r}, which the table lacks")
        read = _part_read(row, planned)
        if read.present:
            found.append(read)
    order = {name: n for n, name in enumerate(modalities)}
    return tuple(sorted(found, key=lambda read: order[read.row.name]))


def _part_read(row: Modality, planned: PartPlan) -> PartRead:
    start = 0
    for part in row.origins.get("earthengine", ()):
        stop = start + len(part.bands)
        if part.name == planned.part:
            if len(part.bands) > 32:
                raise ConfigError(
                    f"part {part.name} of {row.name} has {len(part.bands)} bands: at most 32 fit its mask"
                )
            return PartRead(row, part, planned, row.bands[start:stop])
        start = stop
    raise SourceError(f"row {row.name!r} has no part {planned.part!r} at Earth Engine")


def errands(wanted: tuple[PartRead, ...], *, context_rides: bool) -> tuple[Errand, ...]:
    """The requests that a tile needs.

    Args:
        wanted: parts to read.
        context_rides: rows of the tile's own pixel count on a coarser grid travel in the tile's request, moved onto
            its pixels; False gives them a request of their own.
    """
    main = [r for r in wanted if r.row.grid == TILE_GRID or (context_rides and r.row.grid.size == TILE_GRID.size)]
    found = [Errand(TILE_GRID, tuple(main), companion=False)] if main else []
    grids = dict.fromkeys(read.row.grid for read in wanted if read not in main)
    for grid in grids:
        found.append(Errand(grid, tuple(r for r in wanted if r.row.grid == grid), companion=True))
    return tuple(found)
