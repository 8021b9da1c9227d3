"""The contract of the table, for every row by existing; and one test a row for what a reader relies on."""

from __future__ import annotations

import numpy as np
import pytest

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import (
    MODALITIES,
    REFERENCE,
    TILE_GRID,
    Classification,
    Modality,
    Near,
    Reference,
    With,
    modality,
)
from geomeld_build.store.layout import array_spec

ROWS = [pytest.param(row, id=row.name) for row in MODALITIES.values()]


@pytest.mark.parametrize("row", ROWS)
def test_names_are_identifiers_and_bands_unique(row: Modality) -> None:
    assert row.name.isidentifier()
    assert len(set(row.bands)) == len(row.bands) > 0


@pytest.mark.parametrize("row", ROWS)
def test_parts_stack_to_the_bands(row: Modality) -> None:
    for parts in row.origins.values():
        assert sum(len(part.bands) for part in parts) == len(row.bands)
        assert len({part.name for part in parts}) == len(parts)


@pytest.mark.parametrize("row", ROWS)
def test_nodata_fits_the_dtype_and_is_no_class(row: Modality) -> None:
    info = np.iinfo(row.dtype)
    assert info.min <= row.nodata <= info.max
    assert row.classes is None or row.nodata not in row.classes.values


@pytest.mark.parametrize("row", ROWS)
def test_classes_are_nearest_and_complete(row: Modality) -> None:
    if row.classes is None:
        assert not isinstance(row.target, Classification)
        return
    assert row.resampling == "nearest"
    assert len(row.classes.values) == len(row.classes.meanings) == len(row.classes.colours)
    assert len(set(row.classes.values)) == len(row.classes.values)
    assert list(row.classes.values) == sorted(row.classes.values)
    assert all(" " not in meaning for meaning in row.classes.meanings)
    if isinstance(row.target, Classification):
        assert row.target.n_classes == len(row.classes.values)


@pytest.mark.parametrize("row", ROWS)
def test_dated_rows_refer_to_the_one_reference(row: Modality) -> None:
    if isinstance(row.when, Near | With):
        assert row.when.to == REFERENCE
    assert isinstance(row.when, Reference) == (row.name == REFERENCE)


@pytest.mark.parametrize("row", ROWS)
def test_limits_fit_the_stored_range(row: Modality) -> None:
    if row.limits is None:
        assert row.classes is not None or row.role == "companion"
        return
    info = np.iinfo(row.dtype)
    low, high = ((edge - row.scaling.offset) / row.scaling.scale for edge in row.limits)
    assert info.min <= round(low) < round(high) <= info.max
    assert not round(low) < row.nodata < round(high)


@pytest.mark.parametrize("row", ROWS)
def test_the_array_on_disk_follows_the_row(row: Modality) -> None:
    spec = array_spec(row)
    assert spec["shape"] == (len(row.bands), row.grid.size, row.grid.size)
    assert (spec["dtype"], spec["fill_value"], spec["attrs"]["units"]) == (row.dtype, row.nodata, row.units)


def test_the_published_band_lists() -> None:
    assert len(MODALITIES["sentinel2"].bands) == 12
    assert "B10" not in MODALITIES["sentinel2"].bands  # cirrus has no surface reflectance
    assert MODALITIES["sentinel1"].bands[:4] == ("VV_asc", "VH_asc", "HH_asc", "HV_asc")


def test_canopy_height_is_metres_in_bytes() -> None:
    spec = array_spec(MODALITIES["canopy_height"])
    assert spec["shape"] == (2, 128, 128)
    assert (spec["dtype"], spec["fill_value"], spec["attrs"]["units"]) == ("uint8", 255, "m")


def test_dynamic_world_keeps_water_apart_from_nodata() -> None:
    row = MODALITIES["dynamic_world"]
    assert row.classes is not None
    assert row.classes.meanings[row.classes.values.index(0)] == "water"
    assert row.nodata == 255


def test_companion_grids_are_about_the_same_place() -> None:
    context, naip = MODALITIES["dem_context"].grid, MODALITIES["naip"].grid
    assert (context.size * context.gsd_m, naip.size * naip.gsd_m) == (3840, 1280)
    assert TILE_GRID.size * TILE_GRID.gsd_m == 1280


def test_an_unknown_row_lists_the_names() -> None:
    with pytest.raises(ConfigError, match=r"'landsat'.*sentinel2"):
        modality("landsat")
