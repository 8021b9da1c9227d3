"""AdamW, and how its step grows and falls."""

from __future__ import annotations

import math

import torch
from torch import nn

from geomeld_build.train.config import OptimConfig
from geomeld_build.train.objective.decoders import Together

__all__ = ["lr_at", "optimiser_of"]

_DECAYED = (nn.Linear, nn.Conv2d, nn.Embedding, Together)


def optimiser_of(model: nn.Module, config: OptimConfig) -> torch.optim.AdamW:
    """AdamW over what is trained. Weights of products decay; biases, norms, tokens, places and temperatures do not."""
    decayed = {
        id(module.weight)
        for module in model.modules()
        if isinstance(module, _DECAYED) and isinstance(module.weight, nn.Parameter)
    }
    trained = [one for one in model.parameters() if one.requires_grad]
    groups = [
        {"params": [one for one in trained if id(one) in decayed], "weight_decay": config.weight_decay},
        {"params": [one for one in trained if id(one) not in decayed], "weight_decay": 0.0},
    ]
    fused = bool(trained) and trained[0].device.type == "cuda"
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=fused)


def lr_at(step: int, steps: int, config: OptimConfig, batch: int) -> float:
    """Step size at a step: a line up, then half a cosine down.

    Args:
        step: from 0.
        steps: of the run.
        config: largest, smallest, share of the line.
        batch: samples of a step.
    """
    largest = config.lr * (batch / 256 if config.lr_per_256 else 1.0)
    warm = round(config.warmup * steps)
    if step < warm:
        return largest * (step + 1) / warm
    share = min(1.0, (step - warm) / max(1, steps - warm))
    return config.min_lr + (largest - config.min_lr) * 0.5 * (1.0 + math.cos(math.pi * share))
