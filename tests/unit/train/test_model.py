"""What is missing costs nothing and changes nothing else; bands go by name; what overfits, overfits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from geomeld_build.modalities import REFERENCE, modality
from geomeld_build.train.model import JEPA, GeoMeldFM
from geomeld_build.train.pixels.prepare import Prepare
from geomeld_build.train.pixels.rows import TARGET_ROWS
from geomeld_build.train.step import ITC, StepBatch, backward
from tests.support.train_batches import made_batch, made_scales, small_config, small_model

NUMBERS = [0, 1, 2, 3]


def without(batch: StepBatch, row: str) -> StepBatch:
    """The batch without a pixel of a row."""
    pixels = dict(batch.model.pixels)
    pixels[row] = torch.full_like(pixels[row], modality(row).nodata)
    return replace(batch, model=replace(batch.model, pixels=pixels))


def run(batch: StepBatch, **changes: Any) -> tuple[dict[str, float], dict[str, Tensor]]:
    model = small_model(small_config(**changes))
    report = backward(model, [batch])
    gradients = {name: one.grad for name, one in model.named_parameters() if one.grad is not None}
    return {name: float(loss) for name, loss in report.losses.items()}, gradients


@pytest.mark.parametrize("row", [name for name in TARGET_ROWS if name != REFERENCE])
def test_an_absent_row_is_no_lesson_and_changes_no_other(row: str) -> None:
    batch = made_batch(small_config(), NUMBERS)
    full, _ = run(batch)
    losses, gradients = run(without(batch, row))
    head = gradients[f"decoders.heads.{row}.weight"]
    assert torch.isfinite(head).all()
    assert not head.any()
    group = next(name for name, rows in small_model(small_config()).groups.items() if row in {one.name for one in rows})
    assert all(losses[name] == pytest.approx(full[name], abs=1e-12) for name in full if name not in {group, "total"})
    if group == row:
        assert losses[group] == 0.0


def test_an_absent_band_is_no_lesson() -> None:
    config = small_config()
    batch = made_batch(config, NUMBERS, holes=0.0)
    pixels = dict(batch.model.pixels)
    image = pixels[REFERENCE].to(torch.int32)
    image[:, 4] = 0
    pixels[REFERENCE] = image.to(torch.uint16)
    losses, gradients = run(replace(batch, model=replace(batch.model, pixels=pixels)))
    head = gradients[f"decoders.heads.{REFERENCE}.weight"].unflatten(0, (12, -1))
    assert not head[4].any()
    assert head[3].any()
    assert gradients["fill"][4] != 0
    assert all(value == value for value in losses.values())


def test_captions_may_be_missing() -> None:
    batch = made_batch(small_config(), NUMBERS)
    full, _ = run(batch)
    some = replace(batch, captioned=torch.tensor([True, False, True, False]))
    half, gradients = run(some)
    assert half[ITC] != full[ITC]
    assert torch.isfinite(gradients["text.words.weight"]).all()
    none, gradients = run(replace(batch, captioned=torch.zeros(4, dtype=torch.bool)))
    assert none[ITC] == 0.0
    assert not gradients["text_head.fc2.weight"].any()
    assert {name: none[name] for name in full if name not in {ITC, "total"}} == pytest.approx(
        {name: full[name] for name in full if name not in {ITC, "total"}}
    )
    nobody, _ = run(made_batch(small_config(), NUMBERS, captions=False))
    assert ITC not in nobody


def test_a_batch_of_nothing_has_finite_losses() -> None:
    batch = made_batch(small_config(), NUMBERS)
    for row in TARGET_ROWS:
        batch = without(batch, row)
    losses, gradients = run(batch)
    assert all(value == 0.0 for value in losses.values())
    assert not any(one.any() for one in gradients.values())


@pytest.mark.parametrize(
    ("changes", "absent"),
    [({"jepa": {"weight": 0}}, JEPA), ({"itc": {"weight": 0}}, ITC), ({"encoder": {"mask_ratio": 0}}, JEPA)],
)
def test_parts_can_be_off(changes: dict[str, Any], absent: str) -> None:
    losses, gradients = run(made_batch(small_config(**changes), NUMBERS), **changes)
    assert absent not in losses
    assert not any(name.startswith(("predictor", "teacher")) for name in gradients if absent == JEPA)


def test_bands_in_another_order_give_the_same_tokens_bit_for_bit() -> None:
    config = small_config()
    model = small_model(config).float()
    batch = made_batch(config, NUMBERS).model
    bands = modality(REFERENCE).bands
    turned = tuple(reversed(bands))
    patches = torch.arange(5).expand(4, -1)

    def tokens(prepare: Prepare, image: Tensor) -> Tensor:
        pixels = {**batch.pixels, REFERENCE: image}
        return model.encoder.tokens(model.filled(prepare(pixels)), patches)

    scales = made_scales(TARGET_ROWS)
    other = Prepare(TARGET_ROWS, bands, scales, given=turned)
    image = batch.pixels[REFERENCE]
    assert torch.equal(tokens(model.prepare, image), tokens(other, image.flip(1)))


def test_the_teacher_gets_no_gradient_and_starts_as_the_encoder() -> None:
    model = small_model(small_config())
    backward(model, [made_batch(small_config(), NUMBERS)])
    assert model.teacher is not None
    assert all(one.grad is None for one in model.teacher.parameters())
    pairs = zip(model.teacher.parameters(), model.encoder.parameters(), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)
    assert isinstance(model, GeoMeldFM)
