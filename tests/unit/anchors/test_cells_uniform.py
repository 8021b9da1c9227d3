"""Every cell is equally likely: p-values of chi-square tests over a hundred fixed recipes are themselves uniform."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from pyproj import Transformer
from scipy import stats

from geomeld_build.anchors import parse_region
from geomeld_build.anchors.cells import CellStream
from geomeld_build.anchors.dates import own_dates
from geomeld_build.anchors.places import Places
from geomeld_build.anchors.region import Region
from geomeld_build.grid import CELL_M
from tests.support.brute_cells import Cell, brute_cells

RECIPES = [f"recipe {number}" for number in range(100)]
DRAWN = 2000
SQUARE = parse_region("15.5,40,19.5,44")
"""On both sides of the seam at 18 E."""
STRIP = parse_region("13.5,-80,13.8,84")
"""From pole to pole."""


@cache
def drawn(region: Region) -> list[Places]:
    """The first cells of a region under each recipe."""
    return [CellStream(region, recipe=recipe).take(DRAWN) for recipe in RECIPES]


@cache
def all_centres(region: Region) -> NDArray[np.float64]:
    """Lon/lat of every cell of a region, found by the slow search. ``(cell, 2)``."""
    west, south, east, north = region.geometry.bounds
    edges = np.arange(south, north + 2.0, 4.0).clip(south, north)
    slabs = [parse_region(f"{west},{a},{east},{b}") for a, b in pairwise(edges.tolist()) if a < b]
    cells = sorted(set().union(*(brute_cells(slab.geometry) for slab in slabs)))
    return np.concatenate([_centres(epsg, cells) for epsg in sorted({cell[0] for cell in cells})])


def _centres(epsg: int, cells: list[Cell]) -> NDArray[np.float64]:
    mine = np.array([cell[1:] for cell in cells if cell[0] == epsg])
    x, y = ((mine + 0.5) * CELL_M).T
    return np.column_stack(Transformer.from_crs(epsg, 4326, always_xy=True).transform(x, y))


def p_values(classes: list[NDArray[np.int64]], share: NDArray[np.float64], population: int) -> NDArray[np.float64]:
    """Chi-square p-value of each draw; counts vary less when much of a population is drawn without replacement."""
    expected = share * DRAWN
    assert expected.min() > 5
    counts = np.array([np.bincount(of_one, minlength=len(share)) for of_one in classes])
    assert (counts.sum(axis=1) == DRAWN).all()
    chi2 = ((counts - expected) ** 2 / expected).sum(axis=1)
    return stats.chi2.sf(chi2 * (population - 1) / (population - DRAWN), len(share) - 1)


def assert_uniform(p: NDArray[np.float64]) -> None:
    assert len(p) == 100
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert (p < 0.01).sum() <= 5


def sub_box(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which of the 6 x 5 equal-area parts of the square each point lies in."""
    west, south, east, north = SQUARE.geometry.bounds
    low, high = np.sin(np.radians([south, north]))
    column = (lon - west) / (east - west) * 6
    row = (np.sin(np.radians(lat)) - low) / (high - low) * 5
    return row.astype(int) * 6 + column.astype(int)


def band(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which of 20 bands of latitude between 80 S and 84 N each point lies in."""
    return ((lat + 80.0) / 164.0 * 20).astype(int)


@pytest.mark.parametrize(("region", "classify"), [(SQUARE, sub_box), (STRIP, band)], ids=["sub-boxes", "latitudes"])
def test_cells_are_uniform_in_a_stratum(region: Region, classify) -> None:
    centres = all_centres(region)
    counts = np.bincount(classify(*centres.T))
    classes = [classify(places.lon, places.lat) for places in drawn(region)]
    assert_uniform(p_values(classes, counts / counts.sum(), counts.sum()))


def test_later_cells_of_the_order_are_as_uniform_as_the_first() -> None:
    """Reserves and top-ups are the next cells: those at positions 10,000 to 12,000."""
    counts = np.bincount(sub_box(*all_centres(SQUARE).T))
    classes = []
    for recipe in RECIPES:
        places = CellStream(SQUARE, recipe=recipe).take(10_000 + DRAWN).take(np.arange(10_000, 10_000 + DRAWN))
        classes.append(sub_box(places.lon, places.lat))
    assert_uniform(p_values(classes, counts / counts.sum(), counts.sum()))


def test_cells_that_many_recipes_draw_first_are_uniform_too() -> None:
    """No cell is favoured across recipes: the first hundred of each, put together."""
    counts = np.bincount(sub_box(*all_centres(SQUARE).T))
    firsts = [sub_box(places.lon[:100], places.lat[:100]) for places in drawn(SQUARE)]
    observed = np.bincount(np.concatenate(firsts), minlength=len(counts))
    assert stats.chisquare(observed, counts / counts.sum() * observed.sum()).pvalue > 0.001


@pytest.mark.parametrize("unit", ["year", "month", "year and month"])
def test_months_and_years_are_uniform(unit: str) -> None:
    classes = []
    for places, recipe in zip(drawn(STRIP), RECIPES, strict=True):
        months = own_dates(places.key, recipe, (2018, 2021)).astype("datetime64[M]").astype(int) - 48 * 12
        classes.append({"year": months // 12, "month": months % 12, "year and month": months}[unit])
    count = {"year": 4, "month": 12, "year and month": 48}[unit]
    # Dates are drawn independently of each other: as from a population without end.
    assert_uniform(p_values(classes, np.full(count, 1 / count), 10**12))


def test_dates_do_not_depend_on_latitude() -> None:
    table = np.zeros((20, 12), int)
    for places, recipe in zip(drawn(STRIP), RECIPES, strict=True):
        months = own_dates(places.key, recipe, (2018, 2021)).astype("datetime64[M]").astype(int) % 12
        np.add.at(table, (band(places.lon, places.lat), months), 1)
    assert stats.chi2_contingency(table).pvalue > 0.001
