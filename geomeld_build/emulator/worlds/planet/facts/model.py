"""The facts about one tile."""

from __future__ import annotations

from dataclasses import dataclass

from geomeld_build.emulator.worlds.planet.facts.places import River, Road, Town

__all__ = ["Canopy", "Climate", "Geography", "Terrain", "TileFacts", "Water"]

Shares = dict[int, float]
"""Share of the ground by code of ESA WorldCover, 0..1; water included, and they add up to 1."""


@dataclass(frozen=True, slots=True)
class Terrain:
    """The shape of the ground; of water, that of its surface."""

    lowest_m: float
    mean_m: float
    highest_m: float
    relief_m: float
    """95th less 5th percentile of the elevation."""
    slope_mean_deg: float
    slope_p90_deg: float
    aspect_deg: float
    """Direction the slopes face on the whole: degrees from north, clockwise."""
    aspect_strength: float
    """0 = they face everywhere alike, 1 = all of them face one way."""


@dataclass(frozen=True, slots=True)
class Climate:
    """Means over the tile."""

    mean_c: float
    warmest_c: float
    coldest_c: float
    """Annual mean, warmest and coldest month, degrees C."""
    rain_mm: float
    now_c: float
    """What the time of the year has."""
    snow: float
    """Share of the ground under seasonal snow at that time, 0..1."""
    leaves: float
    """Share of broad leaves on the trees, 0..1."""
    green: float
    """Greenness of grass and shrubs, 0..1."""


@dataclass(frozen=True, slots=True)
class Water:
    """Shares of the tile, 0..1."""

    now: float
    """Under water at the time."""
    mean: float
    """Under water at the mean level."""
    sea: float
    lakes: float
    rivers: float
    """Parts of ``mean`` by kind."""


@dataclass(frozen=True, slots=True)
class Canopy:
    """Heights of trees where there are any."""

    share: float
    """Share of the tile with trees."""
    mean_m: float
    p95_m: float


@dataclass(frozen=True, slots=True)
class Geography:
    """Where the middle of the tile lies. What does not apply is None."""

    lon: float
    lat: float
    biome_num: int
    """0 = sea, 1..14, 15 = rock and ice."""
    biome: str | None
    ecoregion: str | None
    realm: str | None
    country: str | None
    continent: str | None
    season: str
    """``winter``, ``spring``, ``summer`` or ``autumn`` of the meteorologists; ``tropical`` within 10 degrees."""


@dataclass(frozen=True, slots=True)
class TileFacts:
    """What is really in a tile at a time."""

    cover: Shares
    """At the time: water as it stands that day; without seasonal snow."""
    classes: Shares
    """Shares of cells of 10 m by the class that has most of the cell: what a map of classes without errors shows."""
    layout: tuple[tuple[Shares, ...], ...]
    """``cover`` in 3 x 3 parts: rows from the north, columns from the west."""
    terrain: Terrain
    climate: Climate
    water: Water
    canopy: Canopy
    geography: Geography
    roads: tuple[Road, ...]
    """Those that pass through the tile, whole."""
    towns: tuple[Town, ...]
    """Those whose ground reaches into the tile."""
    rivers: tuple[River, ...]
    """Those that pass through the tile, whole."""

    @property
    def dominant(self) -> int:
        """The code with the largest share."""
        return max(self.cover, key=lambda code: self.cover[code])
