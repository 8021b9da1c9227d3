"""Products made from Sentinel-2 scenes: Cloud Score+ and Dynamic World."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.base import BandInfo, ImageRecord, SearchHint
from geomeld_build.emulator.worlds.planet.ground.cover import (
    BARE,
    BUILT,
    CROP,
    GRASS,
    MANGROVE,
    MOSS,
    SHRUB,
    SNOW,
    TREE,
    WETLAND,
)
from geomeld_build.emulator.worlds.planet.ground.noise import cell_hash, cell_normal, key_of, unit_of
from geomeld_build.emulator.worlds.planet.ground.truth import BLOCK, PIXEL_M, Ground
from geomeld_build.emulator.worlds.planet.sensors.confusion import Confusion, Hardness, farmable
from geomeld_build.emulator.worlds.planet.sensors.mgrs import GRANULE_PIXELS, Granule
from geomeld_build.emulator.worlds.planet.sensors.sentinel2 import Sentinel2, granule_window, swath_mask
from geomeld_build.emulator.worlds.planet.sensors.sentinel2_archive import Scene, Sentinel2Archive
from geomeld_build.emulator.worlds.planet.sensors.windows import assemble

__all__ = ["CloudScore", "DynamicWorld"]

_FIRST_MS = 1_435_363_200_000
"""2015-06-27."""
_MAX_CLOUD = 35.0
_Small = NDArray[np.float32]

PROBABILITIES = (
    "water",
    "trees",
    "grass",
    "flooded_vegetation",
    "crops",
    "shrub_and_scrub",
    "built",
    "bare",
    "snow_and_ice",
)


@lru_cache(maxsize=4096)
def _bands_of(granule: Granule, names: tuple[tuple[str, str], ...]) -> tuple[BandInfo, ...]:
    transform = (PIXEL_M, 0.0, granule.left, 0.0, -PIXEL_M, granule.top)
    crs = f"EPSG:{granule.epsg}"
    return tuple(BandInfo(name, dtype, crs, transform, GRANULE_PIXELS, GRANULE_PIXELS) for name, dtype in names)


class _FromScenes(ABC):
    """A collection with one image for each of (almost) all scenes, under the scene's index."""

    id: str
    title: str
    bands: tuple[tuple[str, str], ...]

    def __init__(self, archive: Sentinel2Archive, instrument: Sentinel2) -> None:
        self.properties: Mapping[str, Any] = {"title": self.title, "type": "ImageCollection"}
        self._archive = archive
        self._instrument = instrument

    def images(self, hint: SearchHint) -> Iterator[ImageRecord]:
        """Members that may satisfy the hint, by ``system:index``.

        Raises:
            UnboundedSearch: the hint has neither indices, nor a period and a region.
        """
        for scene in self._archive.search(hint, _FIRST_MS):
            if self.exists(scene):
                yield self._record(scene)

    def image(self, index: str) -> ImageRecord | None:
        """The member with this ``system:index``, or None."""
        scene = self._archive.scene(index)
        return self._record(scene) if scene is not None and self.exists(scene) else None

    @abstractmethod
    def exists(self, scene: Scene) -> bool:
        """Whether the product was made for a scene."""

    @abstractmethod
    def read(self, scene: Scene, band: str, row: int, column: int) -> NDArray[Any]:
        """One block of a band, ``(y, x)`` or with a mask in front ``(2, y, x)``."""

    @abstractmethod
    def details(self, scene: Scene) -> dict[str, Any]:
        """Properties besides those every member has."""

    def _record(self, scene: Scene) -> ImageRecord:
        def read(band: str, row0: int, row1: int, col0: int, col1: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
            top, left = granule_window(scene.at.granule, 1)
            window = (row0 + top, row1 + top, col0 + left, col1 + left)
            both = assemble(lambda row, column: self.read(scene, band, row, column), *window)
            mask = swath_mask(scene, 1, row0, row1, col0, col1) & (both[1] > 0)
            values = both[0].astype(np.uint8 if band == "label" else np.float32)
            values[~mask] = 0
            return values, mask

        return ImageRecord(
            id=f"{self.id}/{scene.index}",
            version=scene.sensing_ms * 1000 + 200_000_000_000,
            bands=_bands_of(scene.at.granule, self.bands),
            read=read,
            footprint=scene.at.footprint,
            properties={
                "system:index": scene.index,
                "system:time_start": scene.sensing_ms,
                "system:time_end": scene.sensing_ms,
                **self.details(scene),
            },
        )


class CloudScore(_FromScenes):
    """``GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED``: how clear each pixel is, 0..1; a few scenes have none."""

    id = "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"
    title = "Cloud Score+ S2_HARMONIZED, simulated"
    bands = (("cs", "float32"), ("cs_cdf", "float32"))

    def exists(self, scene: Scene) -> bool:
        """All but about four in a hundred scenes."""
        return unit_of("cloud score", scene.index) > 0.04

    def read(self, scene: Scene, band: str, row: int, column: int) -> NDArray[Any]:
        """``(2, y, x)``: score and mask."""
        look = self._instrument.look(scene, row, column)
        key = key_of("score", scene.datatake, scene.at.granule.epsg, band)
        steps = np.arange(BLOCK)
        grain = cell_normal(key, (row * BLOCK + steps)[:, None], (column * BLOCK + steps)[None, :])
        # Thin cloud takes more from the score than from the light; shadows count too.
        occluded = np.clip(look.cloud**0.6 + 0.75 * look.shadow, 0, 1)
        level, spread = (0.93, 0.02) if band == "cs" else (0.965, 0.012)
        score = np.clip(level * (1 - occluded) + spread * grain, 0.0, 1.0)
        return np.stack((score, np.ones_like(score))).astype(np.float32)

    def details(self, scene: Scene) -> dict[str, Any]:
        """Nothing but the tile."""
        return {"MGRS_TILE": scene.at.granule.name}


class DynamicWorld(_FromScenes):
    """``GOOGLE/DYNAMICWORLD/V1``: class probabilities for scenes with at most 35 % of clouds."""

    id = "GOOGLE/DYNAMICWORLD/V1"
    title = "Dynamic World V1, simulated"
    bands = (*((name, "float32") for name in PROBABILITIES), ("label", "uint8"))

    def __init__(self, archive: Sentinel2Archive, instrument: Sentinel2, map_error: float = 1.0) -> None:
        """Args:
        archive: of the scenes.
        instrument: what they look like.
        map_error: factor on the classifier's own errors.
        """
        super().__init__(archive, instrument)
        self._error = map_error

    def exists(self, scene: Scene) -> bool:
        """Scenes with few clouds."""
        return scene.cloud <= _MAX_CLOUD and scene.copy == 0

    def read(self, scene: Scene, band: str, row: int, column: int) -> NDArray[Any]:
        """``(2, y, x)``: probability or label, and mask; clouds and their shadows are masked."""
        everything = self._instrument.derived(
            (scene.datatake, scene.at.granule.epsg, row, column), self._make(scene, row, column)
        )
        position = len(PROBABILITIES) if band == "label" else PROBABILITIES.index(band)
        return everything[[position, -1]]

    def details(self, scene: Scene) -> dict[str, Any]:
        """Which scene it was made from."""
        return {
            "dynamicworld_algorithm_version": "3.5",
            "qa_algorithm_version": "1.0",
            "system:asset_size": int(2e8 * scene.at.covered),
        }

    def _make(self, scene: Scene, row: int, column: int) -> Any:
        epsg = scene.at.granule.epsg

        def make() -> _Small:
            look = self._instrument.look(scene, row, column)
            ground = self._instrument.ground.block(epsg, row, column)
            shares = _shares(ground.cover, look.season.water, look.season.snow, look.season.green, self._error)
            steps = np.arange(BLOCK)
            rows, columns = (row * BLOCK + steps)[:, None], (column * BLOCK + steps)[None, :]
            # Errors come in patches of a few pixels, and differ from scene to scene.
            key = key_of("dynamic world", scene.datatake, epsg)
            kinds = np.arange(len(PROBABILITIES))[:, None, None]
            coarse = cell_hash(key, kinds, rows[::3] // 3, columns[:, ::3] // 3)
            draw = np.repeat(np.repeat(coarse, 3, axis=1), 3, axis=2) - 0.5
            logits = 7.0 * shares + 0.9 * self._error * np.float32(1) * draw
            if self._error:
                self._mistake(logits, scene, ground, rows, columns)
            soft = np.exp(logits - logits.max(axis=0))
            soft /= soft.sum(axis=0)
            label = soft.argmax(axis=0).astype(np.float64)
            clear = (look.cloud < 0.12) & (look.shadow < 0.35)
            return np.concatenate((soft, label[None], clear[None].astype(np.float64))).astype(np.float32)

        return make

    def _mistake(
        self, logits: NDArray[Any], scene: Scene, ground: Ground, rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> None:
        """Swap the likeliest class with the one it is taken for, so that probabilities and label agree."""
        seed = self._instrument.ground.seed
        hard = Hardness(
            (
                (key_of(seed, "hard to classify"), 0.8),
                (key_of(seed, "dynamic world"), 0.35),
                (key_of(seed, "dynamic world", scene.datatake), 0.5),
            )
        )
        label = logits.argmax(axis=0)
        hardness = np.float32(self._error) * hard.at(rows, columns)
        places = (key_of("dynamic world instead", scene.datatake), rows, columns)
        wrong, other = _CONFUSION.of(label, hardness, farmable(ground), places)
        y, x = np.nonzero(wrong)
        first, second = label[y, x], other[y, x]
        logits[first, y, x], logits[second, y, x] = logits[second, y, x], logits[first, y, x]


_CONFUSION = Confusion(
    # water, trees, grass, flooded vegetation, crops, shrub and scrub, built, bare, snow and ice
    limits=(float("inf"), 0.75, 0.4, 0.3, 0.6, 0.35, 0.6, 0.7, 1.1),
    instead=((0, 0), (5, 2), (5, 4), (2, 1), (2, 5), (2, 7), (7, 4), (5, 2), (7, 7)),
    crops=4,
)


def _shares(cover: _Small, water: _Small, snow: _Small, green: _Small, error: float) -> _Small:
    """Shares ``(class, y, x)`` in the classes of Dynamic World; dry grass is taken for shrub or bare ground."""
    dry = 1 - water
    parts = (
        water,
        (cover[TREE] + cover[MANGROVE] * 0.6) * dry,
        (cover[GRASS] * ((1 - 0.55 * error) + 0.55 * error * green) + cover[MOSS] * 0.5) * dry,
        (cover[WETLAND] + cover[MANGROVE] * 0.4) * dry,
        cover[CROP] * dry,
        (cover[SHRUB] + cover[GRASS] * (0.35 * error) * (1 - green) + cover[MOSS] * 0.5) * dry,
        cover[BUILT] * dry * (1 + 0.15 * error),
        (cover[BARE] + cover[GRASS] * (0.2 * error) * (1 - green)) * dry,
        cover[SNOW] * dry,
    )
    shares: _Small = np.stack(parts)
    covered = snow * dry * np.float32(0.95)
    shares *= 1 - covered * (1 - 0.5 * cover[TREE])
    shares[8] += covered * (1 - 0.5 * cover[TREE])
    return shares
