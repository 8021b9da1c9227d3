"""The order of an epoch: a permutation, the same for ever, equal steps on every rank."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, spearmanr

from geomeld_build.draws import mixed
from geomeld_build.errors import ConfigError
from geomeld_build.store.epochs import EpochPlan, LoaderState, OrderRule, epoch_plan, epoch_windows


@given(
    samples=st.integers(0, 3000),
    block=st.integers(1, 40),
    window=st.integers(1, 600),
    least=st.integers(1, 9),
    epoch=st.integers(0, 5),
)
def test_every_sample_once(samples: int, block: int, window: int, least: int, epoch: int) -> None:
    windows = epoch_windows(samples, version=3, seed=7, epoch=epoch, block=block, window=window, least=least)
    together = np.concatenate([np.zeros(0, np.int32), *windows])
    np.testing.assert_array_equal(np.sort(together), np.arange(samples))
    assert all(len(one) <= max(window, block) for one in windows)
    blocks = [len(np.unique(one // block)) for one in windows]
    assert sum(blocks) == -(-samples // block), "a block was torn over two windows"
    assert not blocks or max(blocks) - min(blocks) <= 1


def test_the_order_depends_on_all_three_and_on_nothing_else() -> None:
    keys = [(v, s, e) for v in (0, 1) for s in (0, 1) for e in (0, 1, 2)]
    orders = [epoch_windows(500, version=v, seed=s, epoch=e, block=4, window=100) for v, s, e in keys]
    again = [epoch_windows(500, version=v, seed=s, epoch=e, block=4, window=100) for v, s, e in keys]
    flat = [tuple(np.concatenate(one)) for one in orders]
    assert flat == [tuple(np.concatenate(one)) for one in again]
    assert len(set(flat)) == len(keys)


def test_the_order_never_changes_between_releases() -> None:
    windows = epoch_windows(20, version=1, seed=2, epoch=3, block=4, window=8)
    assert [one.tolist() for one in windows] == [
        [0, 1, 3, 2, 14, 12, 15, 13],
        [18, 8, 17, 16, 19, 9, 10, 11],
        [5, 7, 6, 4],
    ]


def test_the_mixer_is_splitmix64() -> None:
    # The first outputs for seed 1234567, as its authors' reference program prints them.
    state = np.uint64(1234567)
    golden = 0x9E3779B97F4A7C15
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    inverse = pow(golden, -1, 1 << 64)
    counters = [((int(state) * inverse) + k) % (1 << 64) for k in range(3)]
    assert mixed(np.array(counters, np.uint64)).tolist() == expected


def test_looks_random() -> None:
    windows = epoch_windows(200_000, version=1, seed=1, epoch=1)
    first, second = (np.concatenate(epoch_windows(200_000, version=1, seed=1, epoch=e)) for e in (1, 2))
    assert kstest(mixed(np.arange(20_000, dtype=np.uint64)) / 2.0**64, "uniform").pvalue > 1e-3
    for one, two in ((first, second), (first, np.arange(200_000))):
        # 6,250 blocks move freely: their correlation is about 1 / sqrt(6250).
        assert abs(spearmanr(one, two).statistic) < 0.06
    assert abs(spearmanr(windows[0], np.arange(len(windows[0]))).statistic) < 0.05


@given(samples=st.integers(1, 4000), world=st.integers(1, 9), batch=st.integers(1, 70), window=st.integers(1, 900))
def test_ranks_share_an_epoch_in_equal_steps(samples: int, world: int, batch: int, window: int) -> None:
    rule = OrderRule(batch=batch, world=world, window=window, block=8)
    fewest = min(sum(len(one) // batch for one in _windows(samples, rule)[rank::world]) for rank in range(world))
    if fewest == 0:
        with pytest.raises(ConfigError, match="do not give each"):
            epoch_plan(samples, rule, version=1, epoch=4)
        return
    plans = [epoch_plan(samples, rule, version=1, epoch=4, rank=rank) for rank in range(world)]
    assert len({plan.steps for plan in plans}) == 1
    assert plans[0].steps == fewest
    seen = np.concatenate([_given(plan, batch) for plan in plans])
    assert len(np.unique(seen)) == len(seen) == world * plans[0].steps * batch


def _windows(samples: int, rule: OrderRule) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int32]], ...]:
    return epoch_windows(
        samples, version=1, seed=rule.seed, epoch=4, block=rule.block, window=rule.window, least=rule.world
    )


def _given(plan: EpochPlan, batch: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return np.concatenate([one[: count * batch] for one, count in zip(plan.windows, plan.batches, strict=True)])


def test_windows_do_not_depend_on_the_world_size() -> None:
    whole = epoch_plan(1000, OrderRule(batch=5, window=100, block=10), version=1, epoch=0).windows
    rule = OrderRule(batch=5, window=100, block=10, world=2)
    for rank in (0, 1):
        for mine, expected in zip(
            epoch_plan(1000, rule, version=1, epoch=0, rank=rank).windows, whole[rank::2], strict=True
        ):
            np.testing.assert_array_equal(mine, expected)


def test_a_few_samples_on_one_rank() -> None:
    assert epoch_plan(5, OrderRule(batch=64, drop_last=False), version=0, epoch=0).batches == (1,)
    with pytest.raises(ConfigError, match="5 samples in 1 windows do not give each of 1 ranks a batch of 64"):
        epoch_plan(5, OrderRule(), version=0, epoch=0)
    with pytest.raises(ConfigError, match="0 samples"):
        epoch_plan(0, OrderRule(), version=0, epoch=0)


def test_wrong_rules() -> None:
    with pytest.raises(ConfigError, match=r"expected batch, block of at least 1, got \[0, -1\]"):
        OrderRule(batch=0, block=-1)
    with pytest.raises(ConfigError, match="seed >= 0"):
        OrderRule(seed=-1)
    with pytest.raises(ConfigError, match="leave drop_last on"):
        OrderRule(world=2, drop_last=False)
    with pytest.raises(ConfigError, match=r"no rank 2 in a world of 2: expected 0\.\.1"):
        epoch_plan(100, OrderRule(world=2, batch=1), version=0, epoch=0, rank=2)


def test_a_state_survives_json() -> None:
    state = LoaderState(version=4, seed=1, epoch=2, windows_done=3, batch_in_window=5, order="abc")
    assert LoaderState.from_dict(json.loads(json.dumps(state.to_dict()))) == state
    for wrong in (
        {},
        {**state.to_dict(), "more": 1},
        {**state.to_dict(), "epoch": -1},
        {**state.to_dict(), "order": 3},
    ):
        with pytest.raises(ConfigError, match="no state of a loader"):
            LoaderState.from_dict(wrong)


def test_millions_in_a_moment() -> None:
    started = time.process_time()
    windows = epoch_windows(2_500_000, version=1, seed=1, epoch=1)
    assert len(windows) == 306
    assert time.process_time() - started < 3.0
