"""From bands to arrays: masks decide validity, stored values stay legal, absent parts are nodata."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geomeld_build.errors import SkipKind, SourceError
from geomeld_build.grid import PartPlan
from geomeld_build.modalities import MODALITIES, TILE_GRID
from geomeld_build.sources.earthengine_decode import decode, fields_of
from geomeld_build.sources.earthengine_layout import Errand, errands
from tests.unit.sources.plans import answer_fields, full_plan, part_plan, plan_of, scene_of, wanted_of


def test_every_row_of_the_table_has_its_stored_shape_and_type() -> None:
    plan = full_plan()
    reading = decode(answer_fields(wanted_of(plan)), plan, MODALITIES)
    assert set(reading.arrays) == set(MODALITIES)
    for name, array in reading.arrays.items():
        row = MODALITIES[name]
        assert (array.shape, str(array.dtype)) == ((len(row.bands), row.grid.size, row.grid.size), row.dtype)
        assert (array == 7).all()


def test_invalid_pixels_are_nodata_whatever_their_value() -> None:
    plan = plan_of(part_plan("sentinel2"))
    (read,) = wanted_of(plan)
    fields = answer_fields((read,))
    fields[read.valid_name][0, 0] = 0b1111_1111_1110
    fields[read.valid_name][0, 1] = 0b0111_1111_1111
    array = decode(fields, plan, MODALITIES).arrays["sentinel2"]
    assert array[:, 0, 0].tolist() == [0] + [7] * 11
    assert array[:, 0, 1].tolist() == [7] * 11 + [0]


@pytest.mark.parametrize(("row", "stored"), [("sentinel2", 1), ("elevation", -32767), ("canopy_height", 254)])
def test_a_valid_value_equal_to_nodata_becomes_the_nearest_legal_one(row: str, stored: int) -> None:
    parts = [part_plan(row, part.name) for part in MODALITIES[row].origins["earthengine"]]
    plan = plan_of(*parts)
    fields = answer_fields(wanted_of(plan), value=MODALITIES[row].nodata)
    assert (decode(fields, plan, MODALITIES).arrays[row] == stored).all()


def test_a_class_equal_to_nodata_stays_nodata() -> None:
    plan = plan_of(part_plan("esa_worldcover"))
    assert (decode(answer_fields(wanted_of(plan), value=0), plan, MODALITIES).arrays["esa_worldcover"] == 0).all()


def test_absent_parts_are_nodata_and_rows_without_scenes_are_absent() -> None:
    skipped = PartPlan("dynamic_world", "main", skip=SkipKind.NO_SCENE_IN_WINDOW)
    plan = plan_of(part_plan("sentinel1", "desc_vv"), PartPlan("sentinel1", "asc_vv"), skipped)
    fields = answer_fields(wanted_of(plan), value=900)
    reading = decode(fields, plan, MODALITIES)
    assert set(reading.arrays) == {"sentinel1"}
    by_band = dict(zip(MODALITIES["sentinel1"].bands, reading.arrays["sentinel1"], strict=True))
    assert {name for name, values in by_band.items() if (values == 900).all()} == {"VV_desc", "VH_desc"}
    assert {name for name, values in by_band.items() if (values == -32768).all()} == set(by_band) - {
        "VV_desc",
        "VH_desc",
    }


def test_bands_that_every_scene_lacks_are_not_read() -> None:
    part = MODALITIES["naip"].origins["earthengine"][0]
    rgb = scene_of(part, "n_1", missing_bands=("N",))
    (read,) = wanted_of(plan_of(part_plan("naip", "main", rgb)))
    assert read.data_names == ("naip__R", "naip__G", "naip__B")
    plan = plan_of(part_plan("naip", "main", rgb))
    array = decode(answer_fields((read,)), plan, MODALITIES).arrays["naip"]
    assert (array[:3] == 7).all()
    assert (array[3] == 0).all()
    mixed = plan_of(part_plan("naip", "main", rgb, scene_of(part, "m_1")))
    assert len(wanted_of(mixed)[0].data_names) == 4


def test_the_incidence_angle_is_the_mean_of_known_pixels() -> None:
    plan = plan_of(part_plan("sentinel1", "asc_vv"))
    (read,) = wanted_of(plan)
    fields = answer_fields((read,))
    angle = fields["sentinel1__asc_vv__angle"]
    angle[:] = 3800
    angle[:64] = 4000
    angle[0] = 0
    expected = np.where(angle > 0, angle / 100.0, np.nan)
    facts = decode(fields, plan, MODALITIES).facts
    assert facts == {"sentinel1.asc_vv.incidence_deg": pytest.approx(np.nanmean(expected))}
    angle[:] = 0
    assert decode(fields, plan, MODALITIES).facts == {}


@given(st.integers(0, 4095))
def test_every_bit_belongs_to_its_band(bits: int) -> None:
    plan = plan_of(part_plan("sentinel2"))
    (read,) = wanted_of(plan)
    fields = answer_fields((read,), bits={read.valid_name: bits})
    array = decode(fields, plan, MODALITIES).arrays["sentinel2"]
    assert [bool(band.any()) for band in array] == [bool(bits >> n & 1) for n in range(12)]


def _body(errand: Errand, drop: str = "", size: int = 128) -> bytes:
    dtype = [(name, kind) for read in errand.reads for name, kind in read.dtypes.items() if name != drop]
    stream = BytesIO()
    np.save(stream, np.zeros((size, size), dtype))
    return stream.getvalue()


def test_answers_of_another_form_are_errors() -> None:
    (errand,) = errands(wanted_of(plan_of(part_plan("sentinel2"))), context_rides=True)
    assert set(fields_of(_body(errand), errand)) == set(errand.reads[0].dtypes)
    with pytest.raises(SourceError, match="bands or types"):
        fields_of(_body(errand, drop="sentinel2__B4"), errand)
    with pytest.raises(SourceError, match="pixels"):
        fields_of(_body(errand, size=64), errand)
    with pytest.raises(SourceError, match="NPY"):
        fields_of(b"<html>", errand)
    with pytest.raises(SourceError, match="were not read"):
        decode({}, plan_of(part_plan("sentinel2")), MODALITIES)


def test_a_tile_is_one_request_and_naip_another() -> None:
    wanted = wanted_of(full_plan())
    together = errands(wanted, context_rides=True)
    assert [(e.grid, e.companion) for e in together] == [(TILE_GRID, False), (MODALITIES["naip"].grid, True)]
    assert {r.row.name for r in together[0].reads} == set(MODALITIES) - {"naip"}
    apart = errands(wanted, context_rides=False)
    assert [e.grid.gsd_m for e in apart] == [10, 30, 1]


def test_a_request_is_halved_between_rows_until_one_is_left() -> None:
    first = errands(wanted_of(full_plan()), context_rides=True)[0]
    todo, single = [first], []
    while todo:
        halves = todo.pop().halves()
        if halves is None:
            continue
        for half in halves:
            (single if len({r.row.name for r in half.reads}) == 1 else todo).append(half)
    assert sorted(e.reads[0].row.name for e in single) == sorted({r.row.name for r in first.reads})
