"""Tiles of the planet balanced over its 14 biomes, what a simple learner may look at, and how well it does.

A tile is chosen as a build would: a place, a date, the Sentinel-2 scene with less than 10 % of clouds nearest to it,
at most 20 % of the tile under cloud or shadow. Everything is drawn from the seed and the biome's number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.anchors.blocks import block_of
from geomeld_build.emulator.worlds.base import CollectionAsset, ImageRecord, SearchHint
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.emulator.worlds.planet.ground.noise import key_of
from tests.support.planet import S2, outline, record_of, window_of

__all__ = ["ALL_NAMES", "OPTICAL_NAMES", "BiomeTile", "Learned", "biome_places", "biome_tiles", "learn"]

DAY_MS = 86_400_000
FIRST_DAY_MS, DAYS = 1_577_836_800_000, 731
"""Dates are drawn from 2020 and 2021."""
BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")
RADAR = ("ASCENDING", "DESCENDING")
COVER_CODES = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100)
OPTICAL_NAMES = tuple(f"{band} {what}" for band in BANDS for what in ("mean", "std"))
ALL_NAMES = (
    *OPTICAL_NAMES,
    *(f"{band} {way} {what}" for way in RADAR for band in ("VV", "VH") for what in ("mean", "std")),
    *("elevation mean", "elevation std", "slope mean", "canopy mean", "canopy std", "water occurrence"),
    *(f"WorldCover {code}" for code in COVER_CODES),
    *(f"Dynamic World {label}" for label in range(9)),
)
_MAX_CLOUD, _MAX_HIDDEN = 10.0, 0.2
_REACHES = (15, 30, 45)
"""Days around the date within which a scene is looked for, one after the other."""


@dataclass(frozen=True)
class BiomeTile:
    """One tile and its features."""

    lon: float
    lat: float
    biome: int
    block: int
    """100 km block of the place."""
    index: str
    """Of the Sentinel-2 scene."""
    features: NDArray[np.float64]
    """In the order of ``OPTICAL_NAMES`` or ``ALL_NAMES``; NaN where the tile has no such modality."""


def biome_places(world: PlanetWorld, biome: int) -> Iterator[tuple[float, float]]:
    """Endless lon/lat degrees in one biome, spread evenly over its area."""
    rng = np.random.default_rng(key_of(world.seed, "biome places", biome) % 2**63)
    while True:
        lon, lat = rng.uniform(-180, 180, 20_000), np.degrees(np.arcsin(rng.uniform(-0.83, 0.993, 20_000)))
        for at in np.flatnonzero(world.biomes(lon, lat) == biome):
            yield float(lon[at]), float(lat[at])


def biome_tiles(world: PlanetWorld, biome: int, count: int, everything: bool = False) -> list[BiomeTile]:
    """Tiles of one biome.

    Args:
        world: the planet.
        biome: 1 to 14.
        count: how many.
        everything: all modalities instead of Sentinel-2 alone.
    """
    rng = np.random.default_rng(key_of(world.seed, "biome dates", biome) % 2**63)
    found: list[BiomeTile] = []
    for lon, lat in biome_places(world, biome):
        date = FIRST_DAY_MS + DAY_MS * int(rng.integers(DAYS))
        scene = _scene(world, (lon, lat), date)
        if scene is None:
            continue
        values = _optical(scene, (lon, lat))
        if everything:
            values += _radar(world, (lon, lat), scene.properties["system:time_start"])
            values += _maps(world, (lon, lat), scene.properties["system:index"])
        block = int(np.atleast_1d(block_of(lon, lat))[0])
        found.append(BiomeTile(lon, lat, biome, block, scene.properties["system:index"], np.array(values)))
        if len(found) == count:
            return found
    raise AssertionError("places are endless")


def _around(
    world: PlanetWorld, asset: str, place: tuple[float, float], date: float, days: int
) -> Iterator[ImageRecord]:
    """Scenes in the place's own zone that hold the tile, the nearest in time first."""
    epsg, _, _, region = outline(*place)
    assets = world.find(asset)
    assert isinstance(assets, CollectionAsset)
    hint = SearchHint(date - days * DAY_MS, date + days * DAY_MS, region)
    records = [
        one
        for one in assets.images(hint)
        if one.bands[0].crs == f"EPSG:{epsg}" and one.footprint is not None and one.footprint.contains(region)
    ]
    yield from sorted(records, key=lambda one: (abs(one.properties["system:time_start"] - date), one.id))


def _scene(world: PlanetWorld, place: tuple[float, float], date: float) -> ImageRecord | None:
    for days in _REACHES:
        tried = 0
        for record in _around(world, S2, place, date, days):
            if record.properties["CLOUDY_PIXEL_PERCENTAGE"] >= _MAX_CLOUD:
                continue
            label, mask = record.read("SCL", *window_of(record, "SCL", place))
            if mask.all() and np.isin(label, (3, 8, 9, 10)).mean() <= _MAX_HIDDEN:
                return record
            tried += 1
            if tried == 3:
                break
    return None


def _moments(values: NDArray[Any]) -> list[float]:
    return [float(values.mean()), float(values.std())]


def _optical(scene: ImageRecord, place: tuple[float, float]) -> list[float]:
    found: list[float] = []
    for band in BANDS:
        window = window_of(scene, band, place)
        if band in ("B1", "B9"):
            # 21 pixels of 60 m are the whole ones within 1,280 m.
            window = (window[0], window[0] + 21, window[2], window[2] + 21)
        found += _moments(scene.read(band, *window)[0].astype(np.float64))
    return found


def _radar(world: PlanetWorld, place: tuple[float, float], time: float) -> list[float]:
    """Mean and deviation in dB of both passes within 15 days."""
    nearest: dict[str, ImageRecord] = {}
    for record in _around(world, "COPERNICUS/S1_GRD", place, time, 15):
        if record.bands[0].name == "VV":
            nearest.setdefault(record.properties["orbitProperties_pass"], record)
    found: list[float] = []
    for way in RADAR:
        for band in ("VV", "VH"):
            one = nearest.get(way)
            found += [np.nan, np.nan] if one is None else _moments(one.read(band, *window_of(one, band, place))[0])
    return found


def _maps(world: PlanetWorld, place: tuple[float, float], index: str) -> list[float]:
    def read(asset: str, band: str) -> NDArray[Any]:
        record = record_of(world, asset)
        return record.read(band, *window_of(record, band, place))[0]

    height = read("projects/sat-io/open-datasets/ASTER/GDEM", "b1").astype(np.float64)
    rows, columns = np.gradient(height)
    across = 30.9 * max(0.05, float(np.cos(np.radians(place[1]))))
    slope = np.hypot(rows / 30.9, columns / across)
    canopy = read("users/nlang/ETH_GlobalCanopyHeight_2020_10m_v1", "b1").astype(np.float64)
    canopy = np.where(canopy == 255, 0.0, canopy)
    cover = read("ESA/WorldCover/v200/2021", "Map")
    found = [*_moments(height), float(slope.mean()), *_moments(canopy)]
    found.append(float(read("JRC/GSW1_4/GlobalSurfaceWater", "occurrence").mean()))
    found += [float((cover == code).mean()) for code in COVER_CODES]
    dynamic = world.find(f"GOOGLE/DYNAMICWORLD/V1/{index}")
    if not isinstance(dynamic, ImageRecord):
        return [*found, *([np.nan] * 9)]
    label, clear = dynamic.read("label", *window_of(dynamic, "label", place))
    return [*found, *(float((label[clear] == kind).mean()) if clear.any() else np.nan for kind in range(9))]


@dataclass(frozen=True)
class Learned:
    """What a linear learner made of tiles it had not seen the neighbourhood of."""

    confusion: NDArray[np.int64]
    """``(true biome - 1, predicted biome - 1)`` counts."""

    @property
    def recall(self) -> NDArray[np.float64]:
        """Share of each biome's tiles that were recognised."""
        share: NDArray[np.float64] = np.diag(self.confusion) / self.confusion.sum(axis=1)
        return share

    @property
    def accuracy(self) -> float:
        """Mean recall over the biomes."""
        return float(self.recall.mean())


def learn(tiles: list[BiomeTile], columns: int | None = None) -> Learned:
    """Logistic regression on standardised features, five folds of whole 100 km blocks.

    Args:
        tiles: of all 14 biomes.
        columns: use the first so many features only.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = np.array([tile.features[:columns] for tile in tiles])
    y = np.array([tile.biome for tile in tiles])
    blocks = np.array([tile.block for tile in tiles], dtype=np.uint64)
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=5000))
    guessed = cross_val_predict(model, x, y, groups=blocks, cv=GroupKFold(5))
    confusion = np.zeros((14, 14), dtype=np.int64)
    np.add.at(confusion, (y - 1, guessed - 1), 1)
    return Learned(confusion)
