"""Counts against numpy and scipy on the very pixels."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from numpy.typing import NDArray
from scipy import stats

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import MODALITIES, Modality
from geomeld_build.store.statistics_histogram import BandCounts, Histogram
from tests.unit.store.making import pixels

ONE_OF_EACH = [next(row for row in MODALITIES.values() if row.dtype == dtype) for dtype in ("uint8", "int16", "uint16")]


def one_band(row: Modality) -> Modality:
    return replace(row, bands=row.bands[:1])


def counted(row: Modality, tiles: list[NDArray[np.generic]]) -> Histogram:
    counts = BandCounts(row)
    counts.add_pixels(tiles)
    return counts.histogram(0)


@pytest.mark.parametrize("row", ONE_OF_EACH, ids=lambda row: row.dtype)
@given(data=st.data())
def test_equal_to_numpy_on_the_pixels(row: Modality, data: st.DataObject) -> None:
    shape = (data.draw(st.integers(1, 3)), 1, *data.draw(nps.array_shapes(min_dims=2, max_dims=2, max_side=6)))
    limits = np.iinfo(row.dtype)
    edges = st.sampled_from([limits.min, limits.max, row.nodata])
    array = data.draw(nps.arrays(row.dtype, shape, elements=st.integers(limits.min, limits.max) | edges))
    found = counted(one_band(row), list(array))
    valid = array[array != row.nodata].astype(np.float64)
    assert found.count == valid.size
    if not valid.size:
        assert all(math.isnan(x) for x in (found.mean, found.std, found.min, found.max, found.quantile(0.5)))
        return
    np.testing.assert_allclose([found.mean, found.std], [valid.mean(), valid.std()], rtol=1e-12, atol=1e-9)
    assert (found.min, found.max) == (valid.min(), valid.max())
    for q in (0.0, 0.01, 0.3, 0.5, data.draw(st.floats(0, 1)), 1.0):
        assert found.quantile(q) == pytest.approx(np.quantile(valid, q), rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("row", ONE_OF_EACH, ids=lambda row: row.dtype)
def test_equal_to_scipy_on_whole_tiles(row: Modality) -> None:
    tiles = [pixels(row, seed)[:1] for seed in range(40)]
    found = counted(one_band(row), tiles)
    valid = np.stack(tiles)
    valid = valid[valid != row.nodata].astype(np.float64)
    told = stats.describe(valid, ddof=0)
    assert (found.count, found.min, found.max) == (told.nobs, *told.minmax)
    assert found.mean == pytest.approx(told.mean, rel=1e-12)
    assert found.std == pytest.approx(math.sqrt(told.variance), rel=1e-12)
    scaled = (valid - found.mean) / found.std
    assert (scaled.mean(), scaled.std()) == (pytest.approx(0, abs=1e-9), pytest.approx(1, rel=1e-9))


def test_merging_in_any_order_gives_the_same_bits() -> None:
    row = one_band(MODALITIES["elevation"])
    tiles = [pixels(row, seed) for seed in range(4)]
    parts = [counted(row, [tile]) for tile in tiles]
    whole = counted(row, tiles)
    for order in itertools.permutations(parts):
        merged = BandCounts(row)
        for part in order:
            merged.add_counts(0, part.values, part.counts)
        found = merged.histogram(0)
        np.testing.assert_array_equal(found.values, whole.values)
        np.testing.assert_array_equal(found.counts, whole.counts)
        assert (found.mean, found.std) == (whole.mean, whole.std)
        assert [found.quantile(q) for q in (0.1, 0.9)] == [whole.quantile(q) for q in (0.1, 0.9)]


def test_nothing_cancels_at_the_size_of_a_planet() -> None:
    # 2.5 M tiles of one value but for two pixels: sums of float squares would lose the deviation altogether.
    many = 2_500_000 * 128 * 128
    found = Histogram(np.array([65533, 65534, 65535]), np.array([1, many, 1]))
    assert found.mean == 65534.0
    assert found.std == pytest.approx(math.sqrt(2 / (many + 2)), rel=1e-15)
    assert found.quantile(0.5) == 65534.0


def test_a_quantile_outside_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"0\.\.1, got 1\.5"):
        Histogram(np.array([1]), np.array([1])).quantile(1.5)
