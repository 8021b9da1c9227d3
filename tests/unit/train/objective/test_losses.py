"""Losses against loops that are written down from their definitions, over a grid of shapes."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from geomeld_build.train.objective.contrast import contrast_sum
from geomeld_build.train.objective.jepa import JepaDistance, collapse_signs, follow, jepa_sum, jepa_target
from geomeld_build.train.objective.means import Sum, everywhere
from geomeld_build.train.objective.reconstruction import Distance, class_sum, number_sum
from geomeld_build.train.pixels.patches import patches_of, standardised, unpatched

SHAPES = [(1, 1, 1, 1), (2, 3, 1, 4), (3, 2, 5, 9), (1, 7, 12, 16)]
"""Sample, patch, band or class, pixel."""
Array = np.ndarray


def random(shape: tuple[int, ...], seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def holes(shape: tuple[int, ...], share: float) -> Array:
    return np.random.default_rng([9, *shape]).random(shape) >= share


@pytest.mark.parametrize(("shape", "share", "distance"), list(product(SHAPES, [0.0, 0.4, 1.0], ["l1", "mse"])))
def test_numbers(shape: tuple[int, ...], share: float, distance: Distance) -> None:
    guess, wanted, valid = random(shape), random(shape, 1), holes(shape, share)
    total, count = 0.0, 0
    for at in np.ndindex(*shape):
        if valid[at]:
            apart = abs(guess[at] - wanted[at])
            total += apart if distance == "l1" else apart**2
            count += 1
    wanted[~valid] = np.nan
    found = number_sum(*map(torch.from_numpy, (guess, wanted, valid)), distance)
    assert float(found.total) == pytest.approx(total, rel=1e-12, abs=1e-12)
    assert int(found.count) == count


@pytest.mark.parametrize(("shape", "share", "scaled"), list(product(SHAPES[1:], [0.0, 0.4, 1.0], [True, False])))
def test_classes(shape: tuple[int, ...], share: float, scaled: bool) -> None:
    samples, patches, classes, pixels = shape
    if classes == 1:
        classes = 2
    logits = random((samples, patches, classes, pixels))
    labels = np.random.default_rng(2).integers(0, classes, (samples, patches, 1, pixels))
    valid = holes(labels.shape, share)
    total = 0.0
    for sample, patch, pixel in np.ndindex(samples, patches, pixels):
        if valid[sample, patch, 0, pixel]:
            scores = logits[sample, patch, :, pixel]
            total += logsumexp(scores) - scores[labels[sample, patch, 0, pixel]]
    found = class_sum(*map(torch.from_numpy, (logits, labels, valid)), scaled=scaled)
    assert float(found.total) == pytest.approx(total / (math.log(classes) if scaled else 1.0), abs=1e-9)
    assert int(found.count) == valid.sum()


@pytest.mark.parametrize("shape", SHAPES)
def test_patches_by_their_own_mean(shape: tuple[int, ...]) -> None:
    values, valid = random(shape), holes(shape, 0.3)
    found = standardised(torch.from_numpy(values), torch.from_numpy(valid)).numpy()
    for sample, patch in np.ndindex(*shape[:2]):
        inside = valid[sample, patch]
        kept = values[sample, patch][inside]
        if kept.size:
            expected = (kept - kept.mean()) / math.sqrt(kept.var() + 1e-6)
            np.testing.assert_allclose(found[sample, patch][inside], expected, atol=1e-12)
        assert not found[sample, patch][~inside].any()


def test_patches_are_where_they_were() -> None:
    image = torch.arange(2 * 3 * 4 * 6).reshape(2, 3, 4, 6)
    patches = patches_of(image, (2, 3))
    assert patches.shape == (2, 6, 3, 4)
    assert patches[1, 4, 2].tolist() == image[1, 2, 2:4, 2:4].flatten().tolist()
    chosen = torch.tensor([[5, 0], [2, 3]])
    assert torch.equal(patches_of(image, (2, 3), chosen)[1, 0], patches[1, 2])
    assert torch.equal(unpatched(patches, (2, 3), (2, 2)), image)


@pytest.mark.parametrize(("distance", "shape"), list(product(["mse", "smooth_l1"], [(1, 1, 4), (3, 5, 8)])))
def test_tokens(distance: JepaDistance, shape: tuple[int, int, int]) -> None:
    predicted, teacher = random(shape) * 2, random(shape, 1)
    counted = holes(shape[:2], 0.3)
    total = 0.0
    for sample, patch in zip(*np.nonzero(counted), strict=True):
        token = teacher[sample, patch]
        wanted = (token - token.mean()) / math.sqrt(token.var() + 1e-5)
        apart = np.abs(predicted[sample, patch] - wanted)
        total += float(np.mean(apart**2 if distance == "mse" else np.where(apart < 1, apart**2 / 2, apart - 0.5)))
    target = jepa_target(torch.from_numpy(teacher))
    found = jepa_sum(torch.from_numpy(predicted), target, torch.from_numpy(counted), distance)
    assert float(found.total) == pytest.approx(total, rel=1e-12, abs=1e-12)
    assert int(found.count) == counted.sum()


def _units(shape: tuple[int, int], seed: int) -> Array:
    x = random(shape, seed)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize("samples", [1, 2, 5, 9])
@pytest.mark.parametrize("case", ["all", "some", "none", "duplicates"])
def test_contrast(samples: int, case: str) -> None:
    images, texts, scale = _units((samples, 6), 0), _units((samples, 6), 1), 14.3
    keys = np.array([[number, 100 + number] for number in range(samples)])
    counted = np.ones(samples, bool)
    if case == "some":
        counted[::2] = False
    elif case == "none":
        counted[:] = False
    elif case == "duplicates":
        keys[: samples // 2, 0] = 7
        keys[-1, 1] = keys[0, 1]
    total = 0.0
    for one, other in ((images, texts), (texts, images)):
        for row in np.flatnonzero(counted):
            rivals = [
                column for column in np.flatnonzero(counted) if column == row or (keys[row] != keys[column]).all()
            ]
            scores = scale * other[rivals] @ one[row]
            total += (logsumexp(scores) - scores[rivals.index(row)]) / 2
    tensors = [torch.from_numpy(x) for x in (images, texts, keys, counted)]
    tensors[0].requires_grad_()
    found = contrast_sum(*tensors, torch.tensor(scale, dtype=torch.float64))
    assert float(found.total.detach()) == pytest.approx(total, abs=1e-9)
    assert int(found.count) == counted.sum()
    found.total.backward()
    assert tensors[0].grad is not None
    assert bool(tensors[0].grad.isfinite().all())


def test_a_mean_of_nothing_is_nothing() -> None:
    nothing = Sum(torch.zeros((), requires_grad=True), torch.tensor(0))
    something = Sum(torch.tensor(6.0), torch.tensor(4))
    ((value, told), (other, _)) = everywhere([nothing, something])
    assert (float(value.detach()), float(told), float(other)) == (0.0, 0.0, 1.5)


def test_the_teacher_follows() -> None:
    teacher, student = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    expected = 0.9 * teacher.weight.detach() + 0.1 * student.weight.detach()
    follow(teacher, student, 0.9)
    torch.testing.assert_close(teacher.weight.detach(), expected)


def test_collapse_is_seen() -> None:
    torch.manual_seed(0)
    hidden = torch.stack([torch.randperm(16)[:10] for _ in range(64)])
    counted = torch.ones(64, 10, dtype=torch.bool)
    places = torch.randn(16, 32)
    # Tokens that tell nothing but where they are, although each has unit deviation over its channels.
    collapsed = places[hidden]
    signs = collapse_signs(collapsed, jepa_target(collapsed), hidden, counted)
    assert float(signs["target_std"]) < 1e-6
    alive = collapsed + torch.randn(64, 1, 32) + 0.5 * torch.randn(64, 10, 32)
    knows = collapse_signs(alive, jepa_target(alive), hidden, counted)
    assert float(knows["target_std"]) == pytest.approx(math.sqrt(1.25), rel=0.1)
    assert float(knows["gain"]) == pytest.approx(1.0)
    assert float(knows["rank"]) > 20
    means = torch.stack([jepa_target(alive)[hidden == place].mean(0) for place in range(16)])
    only_places = collapse_signs(alive, means[hidden], hidden, counted)
    assert float(only_places["gain"]) == pytest.approx(0.0, abs=1e-5)
