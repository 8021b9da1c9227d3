"""Pictures for models: the stretch, the size, and aerial imagery where there is any."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from geomeld_build.captions.vision.image import SIDE, images_of
from geomeld_build.modalities import modality

ROW = modality("sentinel2")


def opened(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def flat(reflectance: float) -> np.ndarray:
    stored = round((reflectance - ROW.scaling.offset) / ROW.scaling.scale)
    return np.full((len(ROW.bands), 128, 128), stored, ROW.dtype)


@pytest.mark.parametrize("reflectance", [0.0001, 0.05, 0.15, 0.3, 0.8])
def test_the_stretch_is_fixed(reflectance: float) -> None:
    found = images_of({"sentinel2": flat(reflectance)})
    assert found is not None
    picture = opened(found.main)
    assert picture.shape == (SIDE, SIDE, 3)
    assert np.unique(picture).tolist() == [round(255 * min(reflectance / 0.3, 1.0) ** (1 / 1.4))]
    assert (found.source, found.gsd_m) == ("sentinel2", 10.0)


def test_north_is_up_and_red_is_red() -> None:
    stored = flat(0.0001)
    stored[ROW.bands.index("B4"), :64, 64:] = 3000
    stored[ROW.bands.index("B8"), 64:, :64] = 3000
    found = images_of({"sentinel2": stored}, false_colour=True)
    assert found is not None
    assert found.false_colour is not None
    assert opened(found.main)[50, 400].tolist() == [255, 1, 1]
    assert opened(found.false_colour)[400, 50].tolist() == [255, 1, 1]
    assert opened(found.false_colour)[50, 400].tolist() == [1, 255, 1]


def test_equal_tiles_have_equal_bytes() -> None:
    rng = np.random.default_rng(0)
    stored = rng.integers(1, 4000, (len(ROW.bands), 128, 128)).astype(ROW.dtype)
    assert images_of({"sentinel2": stored}) == images_of({"sentinel2": stored.copy()})


def test_aerial_imagery_is_shown_as_fine_as_it_is() -> None:
    naip = np.zeros((4, 1280, 1280), np.uint8)
    naip[0] = 200
    found = images_of({"sentinel2": flat(0.1), "naip": naip})
    assert found is not None
    assert (found.source, found.gsd_m) == ("naip", 1.0)
    assert opened(found.main).shape == (1280, 1280, 3)
    assert opened(found.main)[0, 0].tolist() == [200, 0, 0]


def test_tiles_without_pixels_have_no_picture() -> None:
    empty = np.full((len(ROW.bands), 128, 128), ROW.nodata, ROW.dtype)
    assert images_of({"sentinel2": empty, "naip": np.zeros((4, 1280, 1280), np.uint8)}) is None
    assert images_of({}) is None
