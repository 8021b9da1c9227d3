"""Landforms against GRASS GIS and against surfaces whose forms are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from geomeld_build.captions.signals.geomorphons import FORM_NAMES, Form, LineOfSight, geomorphons

FROZEN = np.load(Path(__file__).with_name("geomorphons_grass.npz"))
STEPS = {name: float(step) for name, step in (text.split(",") for text in FROZEN["steps"])}


@pytest.mark.parametrize(("number", "case"), list(enumerate(FROZEN["cases"].tolist())))
def test_equals_grass(number: int, case: str) -> None:
    name, search, skip, flat, distance, mode = case.split(",")
    sight = LineOfSight(float(search), int(skip), float(flat), float(distance), mode)
    expected = FROZEN[f"forms_{number}"]
    # GRASS leaves what lies nearer to the edge than it skips without a form.
    there = expected > 0
    assert there.sum() > 7_000
    found = geomorphons(FROZEN[f"grid_{name}"] * STEPS[name], 30.0, sight, margin=0)
    assert np.count_nonzero(found[there] != expected[there]) == 0
    assert len(np.unique(expected[there])) > 1


def surface(kind: str) -> NDArray[np.float64]:
    y, x = np.mgrid[-30.0:31.0, -30.0:31.0] * 30.0
    r = np.hypot(x, y)
    return {
        "plane": np.zeros_like(x),
        "ramp": 0.3 * x,
        "peak": -0.3 * r,
        "pit": 0.3 * r,
        "ridge": -0.3 * np.abs(x),
        "valley": 0.3 * np.abs(x),
        "shoulder": -0.3 * np.maximum(x, 0.0),
        "footslope": 0.3 * np.maximum(x, 0.0),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("plane", Form.FLAT),
        ("ramp", Form.SLOPE),
        ("peak", Form.PEAK),
        ("pit", Form.PIT),
        ("ridge", Form.RIDGE),
        ("valley", Form.VALLEY),
        ("shoulder", Form.SHOULDER),
        ("footslope", Form.FOOTSLOPE),
    ],
)
def test_the_published_rule_is_right_on_simple_surfaces(kind: str, form: Form) -> None:
    found = geomorphons(surface(kind), 30.0, LineOfSight(search=10, skip=0, flat_deg=1.0), margin=20)
    assert found.shape == (21, 21)
    assert found[10, 10] == form


def test_forms_turn_with_the_ground() -> None:
    rng = np.random.default_rng(5)
    ground = rng.normal(size=(70, 70)).cumsum(0).cumsum(1)
    sight = LineOfSight(search=12, skip=1)
    for turns in (1, 2, 3):
        np.testing.assert_array_equal(
            np.rot90(geomorphons(ground, 30.0, sight, 15), turns), geomorphons(np.rot90(ground, turns), 30.0, sight, 15)
        )


def test_a_wide_margin_makes_forms_independent_of_the_cut() -> None:
    rng = np.random.default_rng(6)
    ground = rng.normal(size=(120, 120)).cumsum(0).cumsum(1)
    sight = LineOfSight(search=15)
    whole, part = geomorphons(ground, 30.0, sight, 15), geomorphons(ground[20:100, 10:100], 30.0, sight, 15)
    np.testing.assert_array_equal(whole[20:70, 10:70], part)


def test_refuses_holes_and_grids_without_cells() -> None:
    ground = np.zeros((40, 40))
    with pytest.raises(ValueError, match="margins of 20"):
        geomorphons(ground, 30.0, LineOfSight(), 20)
    ground[3, 4] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        geomorphons(ground, 30.0, LineOfSight(), 5)


def test_names_are_those_of_the_released_metadata() -> None:
    assert FORM_NAMES[Form.FLAT] == "Flat"
    assert sorted(FORM_NAMES.values()) == [
        "Flat",
        "Footslope",
        "Hollow",
        "Peak",
        "Pit",
        "Ridge",
        "Shoulder",
        "Slope",
        "Spur",
        "Valley",
    ]
