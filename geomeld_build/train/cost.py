"""What a run will need, before it runs: weights, floating-point operations, memory, steps."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from geomeld_build.modalities import REFERENCE, TILE_GRID, Classification, modality
from geomeld_build.train.config import TrainConfig
from geomeld_build.train.model import GeoMeldFM, ModelBatch
from geomeld_build.train.pixels.masks import draw_order
from geomeld_build.train.pixels.scales import BandScale, Scales
from geomeld_build.train.step import StepBatch, backward

__all__ = ["Cost", "cost_of", "made_up_batch", "plain_scales"]

_SAMPLES = 4


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a configuration."""

    parameters: Mapping[str, int]
    """Trained weights by part, and those of the teacher."""
    gflop_per_sample: float
    """Forward and backward, products only; a fused multiply and add counts as two."""
    activation_mb_per_sample: float
    """Kept for the backward pass."""
    fixed_gb: float
    """Weights, gradients, AdamW's two moments, teacher."""
    memory_gb: float
    """Of a process, at its share of the batch or at ``run.micro``."""
    seconds_per_sample: float
    """Measured here, on one made-up step; of this device alone."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def plain_scales(config: TrainConfig) -> Scales:
    """Scales that leave pixels as they are, for when there is no store."""
    rows = [modality(name) for name in dict.fromkeys((REFERENCE, *config.reconstruct.rows))]
    return Scales(
        {
            row.name: {band: BandScale(0.0, 1000.0, 1.0) for band in row.bands}
            for row in rows
            if not isinstance(row.target, Classification)
        }
    )


def made_up_batch(config: TrainConfig, samples: int, words: int | None, device: torch.device) -> StepBatch:
    """A batch of noise, of the sizes of a real one."""
    rng, side = np.random.default_rng(0), TILE_GRID.size
    pixels: dict[str, Tensor] = {}
    for name in dict.fromkeys((REFERENCE, *config.reconstruct.rows)):
        row = modality(name)
        shape = (samples, len(row.bands), side, side)
        drawn = rng.choice(row.classes.values, shape) if row.classes else rng.integers(1, 100, shape)
        pixels[name] = torch.from_numpy(drawn.astype(row.dtype)).to(device)
    order = draw_order([str(number) for number in range(samples)], GeoMeldFM.rule_of(config), seed=0, epoch=0)
    texts = None
    if words is not None:
        texts = torch.from_numpy(rng.integers(2, words, (samples, config.itc.length))).to(device)
    keys = torch.arange(samples, device=device).unsqueeze(1).repeat(1, 2)
    model = ModelBatch(pixels, torch.from_numpy(order).to(device), texts)
    return StepBatch(model, keys, torch.full((samples,), words is not None, device=device))


def cost_of(config: TrainConfig, *, world: int = 1, device: str | None = None) -> Cost:
    """Build the model and compute one step of noise.

    Args:
        config: of the run.
        world: processes that share a batch.
        device: by default the CPU.
    """
    where = torch.device(device or "cpu")
    words = config.itc.words if config.itc.weight > 0 else None
    model = GeoMeldFM(config, plain_scales(config), words).to(where)
    batch = made_up_batch(config, _SAMPLES, words, where)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    autocast = torch.autocast(where.type, torch.bfloat16) if config.run.precision == "bf16" else None
    weights = {one.untyped_storage().data_ptr() for one in model.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        backward(model, [batch], autocast=autocast)
    activations = sum(size for at, size in kept.items() if at not in weights) / _SAMPLES
    model.zero_grad()
    started = time.perf_counter()
    backward(model, [batch], autocast=autocast)
    if where.type == "cuda":
        torch.cuda.synchronize(where)
    seconds = (time.perf_counter() - started) / _SAMPLES
    parameters = _parameters(model)
    teacher = parameters.pop("teacher", 0)
    wide = 8 if config.run.precision == "fp64" else 4
    fixed = (4 * sum(parameters.values()) + teacher) * wide
    at_once = config.run.micro or -(-config.run.batch // world)
    return Cost(
        parameters={**parameters, "teacher": teacher},
        gflop_per_sample=_flops(model, batch) / _SAMPLES / 1e9,
        activation_mb_per_sample=activations / 1e6,
        fixed_gb=fixed / 1e9,
        memory_gb=(fixed + at_once * activations) / 1e9,
        seconds_per_sample=seconds,
    )


def _flops(model: GeoMeldFM, batch: StepBatch) -> float:
    """Three times the forward pass, of which the teacher's part is done once.

    torch's counter takes the backward pass of depthwise convolutions for that of full ones, so it is not asked.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(batch.model)
    forward = float(counter.get_total_flops())
    if model.teacher is None:
        return 3 * forward
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        prepared = model.prepare(batch.model.pixels)
        hidden = model.rule.seen
        model.teacher.tokens(model.filled(prepared), batch.model.order.argsort(1)[:, hidden:])
    return 3 * forward - 2 * float(counter.get_total_flops())


def _parameters(model: nn.Module) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, one in model.named_parameters():
        part = name.partition(".")[0]
        found[part] = found.get(part, 0) + one.numel()
    return found
