"""Products made from Sentinel-2 scenes: Cloud Score+ and Dynamic World."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.base import BandInfo, ImageRecord, SearchHint
from geomeld_build.emulator.worlds.planet.ground.noise import cell_normal, key_of, unit_of
from geomeld_build.emulator.worlds.planet.ground.truth import BLOCK, PIXEL_M
from geomeld_build.emulator.worlds.planet.sensors.classes_kernel import dynamic_world_labels, dynamic_world_shares
from geomeld_build.emulator.worlds.planet.sensors.confusion import Confusion, Hardness, patch_draws
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
        grain = cell_normal(key, (row * BLOCK + steps)[:, None], column * BLOCK + steps)
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
        label = band == "label"
        key = (scene.datatake, scene.at.granule.epsg, row, column, label)
        everything = self._instrument.derived(key, lambda: self._make(scene, row, column, label))
        return everything if label else everything[[PROBABILITIES.index(band), -1]]

    def details(self, scene: Scene) -> dict[str, Any]:
        """Which scene it was made from."""
        return {
            "dynamicworld_algorithm_version": "3.5",
            "qa_algorithm_version": "1.0",
            "system:asset_size": int(2e8 * scene.at.covered),
        }

    def _make(self, scene: Scene, row: int, column: int, label: bool) -> _Small:
        seed, epsg, error = self._instrument.ground.seed, scene.at.granule.epsg, self._error
        look = self._instrument.look(scene, row, column)
        ground, season = self._instrument.ground.block(epsg, row, column), look.season
        hard = Hardness(
            (
                (key_of(seed, "hard to classify"), 0.8),
                (key_of(seed, "dynamic world"), 0.35),
                (key_of(seed, "dynamic world", scene.datatake), 0.5),
            )
        )
        # Errors come in patches of a few pixels, and differ from scene to scene.
        noise = patch_draws(key_of("dynamic world", scene.datatake, epsg), row, column, 3, len(PROBABILITIES))
        choice = patch_draws(key_of("dynamic world instead", scene.datatake), row, column, 12)
        return (dynamic_world_labels if label else dynamic_world_shares)(
            (ground.cover, ground.mean, ground.swing, ground.moisture),
            (season.water, season.snow, season.green),
            (look.cloud, look.shadow),
            noise,
            hard.at(row, column, error),
            choice,
            error,
            _CONFUSION.limits,
            _CONFUSION.instead,
        )


_CONFUSION = Confusion.of(
    (
        (float("inf"), 0, 0),  # water
        (0.75, 5, 2),  # trees
        (0.4, 5, 4),  # grass
        (0.3, 2, 1),  # flooded vegetation
        (0.6, 2, 5),  # crops
        (0.35, 2, 7),  # shrub and scrub
        (0.6, 7, 4),  # built
        (0.7, 5, 2),  # bare
        (1.1, 7, 7),  # snow and ice
    )
)
