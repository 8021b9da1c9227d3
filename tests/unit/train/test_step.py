"""One batch, the same batch in parts, and the same batch on two processes: one loss, one gradient."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, multiprocessing

from geomeld_build.train.loop.processes import distributed_model
from geomeld_build.train.model import JEPA, GeoMeldFM
from geomeld_build.train.step import ITC, TOTAL, StepBatch, StepReport, backward
from tests.support.train_batches import made_batch, small_config, small_model

Gradients = dict[str, Tensor]
VIEWS = [{}, {"itc": {"view": "full"}}, {"reconstruct": {"weights": "uncertainty"}}, {"jepa": {"target": "full"}}]
"""Changes of the configuration that go other ways."""


def gradients_of(model: GeoMeldFM) -> Gradients:
    return {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}


def run(changes: dict, batches: list[StepBatch]) -> tuple[StepReport, Gradients]:
    model = small_model(small_config(**changes))
    return backward(model, batches), gradients_of(model)


def assert_same(one: tuple[StepReport, Gradients], other: tuple[StepReport, Gradients]) -> None:
    assert one[0].losses.keys() == other[0].losses.keys()
    for name, loss in one[0].losses.items():
        assert abs(float(loss) - float(other[0].losses[name])) < 1e-10, name
    assert one[1].keys() == other[1].keys()
    for name, gradient in one[1].items():
        assert (gradient - other[1][name]).norm() <= 1e-10 * max(1.0, float(gradient.norm())), name


def test_everything_is_trained_and_starts_where_guessing_is() -> None:
    config = small_config()
    report, gradients = run({}, [made_batch(config, [0, 1, 2, 3])])
    model = small_model(config)
    trained = {name for name, one in model.named_parameters() if one.requires_grad}
    assert gradients.keys() == trained
    assert not any(name.startswith("teacher") for name in trained)
    assert all(bool(gradient.abs().sum() > 0) for name, gradient in gradients.items() if "temperature" not in name)
    losses = {name: float(loss) for name, loss in report.losses.items()}
    assert losses.keys() == {*model.groups, JEPA, ITC, TOTAL}
    assert losses["esa_worldcover"] == pytest.approx(1.0, abs=0.05)
    assert losses["dynamic_world"] == pytest.approx(1.0, abs=0.05)
    assert losses[JEPA] == pytest.approx(1.0, abs=0.1)
    assert losses[ITC] == pytest.approx(math.log(4), abs=1.5)
    weighted = sum(losses[name] for name in model.groups) + 0.5 * losses[JEPA] + 0.4 * losses[ITC]
    assert losses[TOTAL] == pytest.approx(weighted)
    assert report.fit.tolist() == [4, 4]


@pytest.mark.parametrize("changes", VIEWS)
def test_parts_are_the_whole(changes: dict) -> None:
    config = small_config(**changes)
    numbers = [0, 1, 2, 3, 4, 5]
    whole = run(changes, [made_batch(config, numbers)])
    parts = run(changes, [made_batch(config, numbers[at : at + 2]) for at in (0, 2, 4)])
    assert_same(whole, parts)


def _process(rank: int, changes: dict, parts: int, folder: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    torch.set_num_threads(1)
    config = small_config(**changes)
    model = small_model(config)
    numbers = [[0, 1, 2, 3], [4, 5, 6, 7]][rank]
    size = len(numbers) // parts
    batches = [made_batch(config, numbers[at : at + size]) for at in range(0, len(numbers), size)]
    report = backward(distributed_model(model), batches)
    torch.save((dict(report.losses), gradients_of(model)), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.parametrize("parts", [1, 2])
def test_two_processes_are_one(parts: int, tmp_path: Path) -> None:
    changes: dict = {}
    config = small_config(**changes)
    expected = run(changes, [made_batch(config, list(range(8)))])
    multiprocessing.spawn(_process, (changes, parts, str(tmp_path)), nprocs=2)
    for rank in (0, 1):
        losses, gradients = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert_same(expected, (StepReport(losses, torch.zeros(2), {}), gradients))
