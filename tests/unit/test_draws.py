"""Draws are frozen, keyed by nothing but their arguments, and look uniform."""

from __future__ import annotations

import numpy as np
from scipy.stats import kstest

from geomeld_build.draws import draw, mixed, pick, seed_of, uniform

KEYS = np.arange(100_000, dtype=np.uint64)


def test_draws_are_frozen() -> None:
    assert seed_of("geomeld-1", "date", "x") == 11781603213467039614
    # SplitMix64 from seed 0: the first two numbers of the published reference implementation.
    assert mixed(np.array([0], np.uint64)).tolist() == [0xE220A8397B1DCDAF]
    assert draw("geomeld-1", "date", KEYS[:2]).tolist() == [5121488122325170642, 14759072863040349274]


def test_a_draw_depends_on_recipe_purpose_and_key_alone() -> None:
    order = np.random.default_rng(0).permutation(len(KEYS))
    assert np.array_equal(draw("a", "cell", KEYS[order]), draw("a", "cell", KEYS)[order])
    for other in (draw("b", "cell", KEYS), draw("a", "month", KEYS)):
        assert not (draw("a", "cell", KEYS) == other).any()


def test_neighbouring_keys_draw_uniform_and_unrelated_numbers() -> None:
    values = uniform("a", "month", KEYS)
    assert values.min() >= 0.0
    assert values.max() < 1.0
    assert kstest(values, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.01
    assert abs(np.corrcoef(values, uniform("a", "year", KEYS))[0, 1]) < 0.01


def test_picks_cover_every_choice() -> None:
    counts = np.bincount(pick("a", "month", KEYS, 12), minlength=12)
    assert len(counts) == 12
    assert (abs(counts - len(KEYS) / 12) < 500).all()
