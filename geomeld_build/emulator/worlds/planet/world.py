"""The simulated planet: deterministic, any place and date on demand, every modality tied to one ground truth.

Names and grids follow Earth Engine's; what is on the ground is invented. What is learned here shows that code works,
never that the science holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.base import CollectionAsset, ImageRecord, TableAsset
from geomeld_build.emulator.worlds.planet.facts.measure import Atlas, Extent, facts_of
from geomeld_build.emulator.worlds.planet.facts.model import TileFacts
from geomeld_build.emulator.worlds.planet.ground.biomes import biome_of
from geomeld_build.emulator.worlds.planet.ground.noise import Floats
from geomeld_build.emulator.worlds.planet.ground.projection import Utm, epsg_of
from geomeld_build.emulator.worlds.planet.ground.truth import BLOCK, PIXEL_M, GroundModel
from geomeld_build.emulator.worlds.planet.sensors.countries import Countries
from geomeld_build.emulator.worlds.planet.sensors.derived import CloudScore, DynamicWorld
from geomeld_build.emulator.worlds.planet.sensors.ecoregions import Ecoregions
from geomeld_build.emulator.worlds.planet.sensors.maps import (
    CanopyHeight,
    Elevation,
    SingleImageCollection,
    SurfaceWater,
    WorldCover,
)
from geomeld_build.emulator.worlds.planet.sensors.naip import NaipCollection
from geomeld_build.emulator.worlds.planet.sensors.sentinel1 import Sentinel1, Sentinel1Collection
from geomeld_build.emulator.worlds.planet.sensors.sentinel1_archive import Sentinel1Archive
from geomeld_build.emulator.worlds.planet.sensors.sentinel2 import Sentinel2, Sentinel2Collection
from geomeld_build.emulator.worlds.planet.sensors.sentinel2_archive import Sentinel2Archive

__all__ = ["PlanetWorld"]

_TRUTH = (
    "elevation",
    "wet",
    "mean",
    "swing",
    "moisture",
    "rain",
    "height",
    "needles",
    "sea",
    "crop_kind",
    "crop_phase",
)


class PlanetWorld:
    """A procedural world; implements ``World``.

    Two instances of one seed serve equal bytes, in any process and whatever was read before. Instances are safe to use
    from several threads.
    """

    name = "planet"

    def __init__(self, seed: int = 0, map_error: float = 1.0) -> None:
        """Args:
        seed: another seed, another planet (the outlines of its continents stay).
        map_error: factor on the errors of the maps made from images (WorldCover, Dynamic World, canopy height,
            surface water, elevation); 0 turns them off.

        Raises:
            ValueError: ``map_error`` is negative or no number.
        """
        if not 0.0 <= map_error < float("inf"):
            raise ValueError(f"map_error {map_error}: expected 0 (no errors) or more, 1 is usual")
        self.seed = seed
        self._ground = GroundModel(seed)
        archive2, optical = Sentinel2Archive(self._ground), Sentinel2(self._ground)
        archive1, radar = Sentinel1Archive(self._ground), Sentinel1(self._ground)
        self._collections: dict[str, CollectionAsset] = {
            one.id: one
            for one in (
                Sentinel2Collection(archive2, optical),
                CloudScore(archive2, optical),
                DynamicWorld(archive2, optical, map_error),
                Sentinel1Collection(archive1, radar, decibel=True),
                Sentinel1Collection(archive1, radar, decibel=False),
                SingleImageCollection("ESA/WorldCover/v100", WorldCover(self._ground, 2020, map_error)),
                SingleImageCollection("ESA/WorldCover/v200", WorldCover(self._ground, 2021, map_error)),
                NaipCollection(self._ground),
            )
        }
        maps = (
            Elevation(self._ground, map_error),
            CanopyHeight(self._ground, deviation=False, map_error=map_error),
            CanopyHeight(self._ground, deviation=True, map_error=map_error),
            SurfaceWater(self._ground, map_error),
        )
        self._images: dict[str, ImageRecord] = {one.id: one.record() for one in maps}
        self._ecoregions = Ecoregions(seed, self._ground.terrain.macro)
        self._countries = Countries(seed, self._ground.terrain.macro)
        tables: tuple[TableAsset, ...] = (self._ecoregions, self._countries)
        self._tables = {table.id: table for table in tables}

    def find(self, asset_id: str) -> ImageRecord | CollectionAsset | TableAsset | None:
        """The asset with this id; ``COLLECTION/INDEX`` finds a member image. None = does not exist."""
        found = self._images.get(asset_id) or self._collections.get(asset_id) or self._tables.get(asset_id)
        if found is not None:
            return found
        parent, _, index = asset_id.rpartition("/")
        collection = self._collections.get(parent)
        return None if collection is None or not index else collection.image(index)

    def children(self, parent: str) -> Sequence[str]:
        """Ids directly below a folder id (an empty string = the root); collections do not list their members."""
        prefix = f"{parent.rstrip('/')}/" if parent else ""
        every = (*self._images, *self._collections, *self._tables)
        below = {prefix + name[len(prefix) :].split("/", 1)[0] for name in every if name.startswith(prefix)}
        return sorted(below)

    def truth(self, lon: Floats, lat: Floats) -> dict[str, NDArray[np.float32]]:
        """The ground at lon/lat degrees (arrays of one shape), for tests; nothing of it is served.

        Returns:
            ``cover`` ``(11, ...)`` fractions of dry ground in the order of WorldCover's codes, ``classes`` indices of
            the largest class with water, ``water`` fraction, ``elevation`` m, ``height`` of trees m, climate and more.
        """
        lon, lat = np.atleast_1d(np.asarray(lon, dtype=np.float64)), np.atleast_1d(np.asarray(lat, dtype=np.float64))
        found: dict[str, NDArray[np.float32]] = {name: np.empty(lon.shape, np.float32) for name in _TRUTH}
        found["water"], found["classes"] = np.empty(lon.shape, np.float32), np.empty(lon.shape, np.float32)
        found["cover"] = np.empty((11, *lon.shape), np.float32)
        for at in np.ndindex(lon.shape):
            epsg = epsg_of(float(lon[at]), float(lat[at]))
            utm = Utm(epsg)
            x, y = utm.forward(lon[at], lat[at])
            row, column = int(np.floor((utm.false_northing - float(y)) / PIXEL_M)), int(np.floor(float(x) / PIXEL_M))
            ground = self._ground.block(epsg, row // BLOCK, column // BLOCK)
            i, j = row % BLOCK, column % BLOCK
            for name in _TRUTH:
                found[name][at] = getattr(ground, name)[i, j]
            found["water"][at], found["classes"][at] = ground.water[i, j], ground.classes[i, j]
            found["cover"][(slice(None), *at)] = ground.cover[:, i, j]
        return found

    def facts(self, epsg: int, left: float, top: float, time_ms: float, size: float = 1280.0) -> TileFacts:
        """What is really in a tile at a time, for tests; nothing of it is served.

        Args:
            epsg: the UTM zone.
            left: easting of the tile's western edge, m; a multiple of 10.
            top: northing of its northern edge, m; a multiple of 10.
            time_ms: milliseconds since 1970.
            size: side of the tile, m; a multiple of 10.

        Raises:
            ValueError: an edge is no multiple of 10 m.
        """
        atlas = Atlas(self._ecoregions, self._countries)
        return facts_of(self._ground, atlas, Extent(epsg, left, top, size), time_ms)

    def write_osm(self, extents: Sequence[Extent], path: Path) -> int:
        """The planet in some squares as an extract of OpenStreetMap; how many features.

        Raises:
            ImportError: pyosmium is not installed.
            FileExistsError: the file exists.
        """
        from geomeld_build.emulator.worlds.planet.facts.osm import write_osm

        return write_osm(self._ground, extents, path)

    def biomes(self, lon: Floats, lat: Floats) -> NDArray[np.uint8]:
        """Biome numbers at lon/lat degrees: 0 = sea, 1..14 = BIOME_NUM, 15 = rock and ice."""
        return biome_of(self._ground.terrain.macro.at(lon, lat), lat)
