"""Contrast of images with captions over all processes: symmetric InfoNCE (Radford et al. 2021, arXiv 2103.00020)."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional

from geomeld_build.train.encoder.layers import widened
from geomeld_build.train.objective.means import Sum, world_size

__all__ = ["Head", "Temperature", "contrast_sum", "from_all"]

_MOST = math.log(100.0)


class Temperature(nn.Module):
    """A learned factor on likenesses, 1 / 0.07 at first and 100 at most."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self) -> Tensor:
        """The factor."""
        return self.log_scale.clamp(0.0, _MOST).exp()


class Head(nn.Module):
    """Two layers from a tower to the shared space; of unit length."""

    def __init__(self, inputs: int, outputs: int, *, norm: bool = False) -> None:
        """Args:
        inputs: channels of the tower, and of the layer between.
        outputs: of the shared space.
        norm: standardise first.
        """
        super().__init__()
        self.norm = nn.LayerNorm(inputs) if norm else nn.Identity()
        self.fc1, self.fc2 = nn.Linear(inputs, inputs), nn.Linear(inputs, outputs)
        for layer in (self.fc1, self.fc2):
            # Smaller weights would make vectors so short that their direction, and its gradient, are noise.
            nn.init.trunc_normal_(layer.weight, std=inputs**-0.5)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """``(sample, channel)`` to ``(sample, dimension)``."""
        return functional.normalize(widened(self.fc2(functional.gelu(self.fc1(self.norm(x))))), dim=-1)


class _FromAll(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, mine: Tensor) -> Tensor:
        parts = [torch.empty_like(mine) for _ in range(world_size())]
        distributed.all_gather(parts, mine.contiguous())
        ctx.rows = len(mine)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (grad,) = grads
        grad = grad.contiguous()
        distributed.all_reduce(grad)
        start = distributed.get_rank() * ctx.rows
        return grad[start : start + ctx.rows]


def from_all(mine: Tensor) -> Tensor:
    """Rows of all processes in their order, with gradient to each; every process has as many."""
    if world_size() == 1:
        return mine
    # torch has no types for apply.
    gathered: Tensor = cast(Any, _FromAll).apply(mine)
    return gathered


def contrast_sum(images: Tensor, texts: Tensor, keys: Tensor, counted: Tensor, scale: Tensor) -> Sum:
    """Cross-entropy of finding a sample's text among all texts, and its image among all images, each half.

    Every process computes the rows of its own samples against all.

    Args:
        images: ``(sample, dimension)`` of unit length, this process' own.
        texts: of the same shape.
        keys: ``(sample, 2)`` int64: numbers of the text and of the tile. Samples of one text, or of one tile, are no
            negatives of each other.
        counted: ``(sample,)`` bool: samples that have a caption.
        scale: factor on likenesses.
    """
    all_images, all_texts = from_all(images), from_all(texts)
    with torch.no_grad():
        all_keys, all_counted = from_all(keys), from_all(counted)
        first = distributed.get_rank() * len(images) if world_size() > 1 else 0
        own = torch.arange(len(images), device=images.device) + first
        alike = (keys[:, None] == all_keys[None]).any(-1)
        alike[torch.arange(len(own), device=own.device), own] = False
        blocked = alike | ~all_counted
        # A row that does not count must not be all blocked: its loss is dropped, but not as NaN.
        blocked[torch.arange(len(own), device=own.device), own] = False
    total = images.new_zeros(())
    for mine, others in ((images, all_texts), (texts, all_images)):
        logits = (scale * mine @ others.t()).masked_fill(blocked, -torch.inf)
        each = functional.cross_entropy(logits, own, reduction="none")
        total = total + 0.5 * torch.where(counted, each, 0.0).sum()
    return Sum(total, counted.sum())
