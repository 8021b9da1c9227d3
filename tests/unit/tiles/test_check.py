"""Checks on stored arrays: ranges, classes, valid share, and the cloud test with its second opinion."""

from __future__ import annotations

import numpy as np
import pytest

from geomeld_build.errors import SourceError
from geomeld_build.modalities import MODALITIES
from geomeld_build.tiles.check import cloud_test, out_of_range, reflectance_clouds, require_form, valid_fraction

S2 = MODALITIES["sentinel2"]


def s2_array(**bands: int) -> np.ndarray:
    """Vegetation everywhere, with some bands set to a DN."""
    array = np.full((12, 128, 128), 800, np.uint16)
    for name, dn in bands.items():
        array[S2.bands.index(name)] = dn
    return array


def test_codes_that_are_no_class_are_impossible() -> None:
    row = MODALITIES["esa_worldcover"]
    labels = np.full((1, 128, 128), 10, np.uint8)
    assert out_of_range(row, labels) is None
    labels[0, 0, 0] = 11
    assert "11" in (out_of_range(row, labels) or "")


def test_nodata_is_never_out_of_range() -> None:
    for row in MODALITIES.values():
        empty = np.full((len(row.bands), 4, 4), row.nodata, row.dtype)
        assert out_of_range(row, empty) is None
        assert valid_fraction(row, empty) == 0.0


@pytest.mark.parametrize(("stored", "impossible"), [(-1500, False), (3000, False), (6000, True), (-12000, True)])
def test_backscatter_has_physical_limits(stored: int, impossible: bool) -> None:
    row = MODALITIES["sentinel1"]
    array = np.full((2, 8, 8), stored, np.int16)
    assert (out_of_range(row, array) is not None) == impossible


def test_a_wrong_shape_or_dtype_is_the_sources_fault() -> None:
    with pytest.raises(SourceError, match="expected uint16"):
        require_form(S2, np.zeros((12, 128, 128), np.float32))
    with pytest.raises(SourceError, match="128"):
        require_form(S2, np.zeros((11, 128, 128), np.uint16))


def test_bright_white_pixels_are_cloud_and_snow_sand_and_water_are_not() -> None:
    assert reflectance_clouds(s2_array(B3=5000, B4=5000, B11=3000)).all()
    assert reflectance_clouds(s2_array(B3=2200, B4=2000, B11=2000)).all()
    assert not reflectance_clouds(s2_array(B3=8000, B4=7900, B11=600)).any()
    assert not reflectance_clouds(s2_array(B3=2500, B4=3300, B11=4200)).any()
    assert not reflectance_clouds(s2_array(B3=900, B4=700, B11=100)).any()


def test_the_clear_score_decides_and_scl_stands_in_for_it() -> None:
    score = np.full((1, 128, 128), 250, np.uint8)
    score[0, :64] = 20
    scl = np.full((1, 128, 128), 4, np.uint8)
    scl[0, :32] = 9
    with_score = cloud_test({"sentinel2": s2_array(), "scl": scl, "clear_score": score}, 0.6)
    assert (with_score.by, with_score.fraction) == ("clear_score", 0.5)
    absent = np.full((1, 128, 128), 255, np.uint8)
    with_scl = cloud_test({"sentinel2": s2_array(), "scl": scl, "clear_score": absent}, 0.6)
    assert (with_scl.by, with_scl.fraction) == ("scl", 0.25)


def test_reflectances_overrule_a_mask_that_sees_nothing() -> None:
    scl = np.full((1, 128, 128), 4, np.uint8)
    test = cloud_test({"sentinel2": s2_array(B3=5000, B4=5000, B11=3000), "scl": scl}, 0.6)
    assert (test.by, test.fraction) == ("reflectance", 1.0)


def test_cloud_share_counts_valid_pixels_only() -> None:
    array = s2_array()
    array[:, :64] = 0
    scl = np.full((1, 128, 128), 4, np.uint8)
    scl[0, 64:96] = 8
    assert cloud_test({"sentinel2": array, "scl": scl}, 0.6).fraction == 0.5
