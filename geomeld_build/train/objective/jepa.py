"""Prediction of the tokens of hidden patches as a slowly following copy of the encoder sees them.

After I-JEPA (Assran et al. 2023, arXiv 2301.08243); the teacher sees the hidden patches only, as the paper of GeoMeld
has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from geomeld_build.train.encoder.layers import widened
from geomeld_build.train.objective.means import Sum
from geomeld_build.train.objective.transformer import Transformer, sine_places

__all__ = ["JepaDistance", "Predictor", "collapse_signs", "follow", "jepa_sum", "jepa_target"]

JepaDistance = Literal["mse", "smooth_l1"]


class Predictor(nn.Module):
    """From the tokens of patches that are seen, and the places of hidden ones, to the tokens of the hidden ones."""

    def __init__(
        self, tokens: int, grid: tuple[int, int], *, width: int = 384, layers: int = 4, heads: int = 6
    ) -> None:
        """Args:
        tokens: channels of the encoder's tokens.
        grid: patches along y and x.
        width: channels within.
        layers: of attention.
        heads: of attention.
        """
        super().__init__()
        self.enter = nn.Linear(tokens, width)
        self.mask_token = nn.Parameter(torch.empty(width))
        self.inner = Transformer(width, layers, heads)
        self.leave = nn.Linear(width, tokens)
        self.register_buffer("places", sine_places(grid, width), persistent=False)
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        for layer in (self.enter, self.leave):
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor, seen: Tensor, hidden: Tensor) -> Tensor:
        """Args:
            tokens: ``(sample, patch, channel)`` of the patches that are seen.
            seen: their numbers, ``(sample, patch)`` int64.
            hidden: numbers of the others.

        Returns:
            ``(sample, patch, channel)`` of the hidden ones.
        """
        places = self.get_buffer("places")
        context = self.enter(tokens)
        asked = (self.mask_token + places[hidden]).to(context.dtype)
        x = torch.cat((context + places[seen].to(context.dtype), asked), dim=1)
        out: Tensor = self.leave(self.inner(x)[:, seen.shape[1] :])
        return out


def jepa_target(tokens: Tensor) -> Tensor:
    """What is predicted: the teacher's tokens, each standardised over its channels, so that scale cannot collapse."""
    return functional.layer_norm(widened(tokens), tokens.shape[-1:])


def jepa_sum(predicted: Tensor, target: Tensor, counted: Tensor, distance: JepaDistance = "mse") -> Sum:
    """Mean over channels, summed over the tokens that count.

    Args:
        predicted: ``(sample, patch, channel)``.
        target: of ``jepa_target``, without gradient.
        counted: ``(sample, patch)`` bool.
        distance: squared, or Huber's with a knee at 1.
    """
    compared = functional.mse_loss if distance == "mse" else functional.smooth_l1_loss
    far = compared(widened(predicted), target, reduction="none").mean(-1)
    return Sum(torch.where(counted, far, 0.0).sum(), counted.sum())


@torch.no_grad()
def follow(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """Move the teacher's weights a little towards the student's; buffers are taken over."""
    theirs: list[Tensor] = list(teacher.parameters())
    ours: list[Tensor] = list(student.parameters())
    torch._foreach_lerp_(theirs, ours, 1.0 - momentum)
    for their, our in zip(teacher.buffers(), student.buffers(), strict=True):
        their.copy_(our)


# Now and then, for a log: not worth a graph of its own when the rest is compiled.
# torch has no types for this decorator.
@torch.compiler.disable  # type: ignore[untyped-decorator]
@torch.no_grad()
def collapse_signs(teacher: Tensor, predicted: Tensor, hidden: Tensor, counted: Tensor) -> Mapping[str, Tensor]:
    """Whether tokens still tell samples apart.

    Standardised tokens have unit deviation by construction, over channels, even where all samples have the same. So
    these look before, and across samples.

    Args:
        teacher: tokens before they are standardised, ``(sample, patch, channel)``.
        predicted: of the same shape.
        hidden: numbers of the patches.
        counted: ``(sample, patch)`` bool.

    Returns:
        ``target_std``: deviation of a channel across samples at one place, the mean over channels and places;
        ``rank``: how many directions the means of samples fill (RankMe, Garrido et al. 2023, arXiv 2210.02885);
        ``gain``: share of the target's variance around the mean of its place that is predicted; 0 for a predictor that
        knows places only.
    """
    tokens, target = widened(teacher), jepa_target(teacher)
    weight = counted.to(tokens.dtype).unsqueeze(-1)
    patches = int(hidden.max()) + 1
    at = hidden.flatten()

    def around_place(x: Tensor) -> Tensor:
        """Differences from the mean of the place."""
        sums = x.new_zeros(patches, x.shape[-1]).index_add(0, at, (x * weight).flatten(0, 1))
        counts = x.new_zeros(patches, 1).index_add(0, at, weight.flatten(0, 1)).clamp(min=1)
        return (x - (sums / counts)[hidden]) * weight

    apart = around_place(tokens).flatten(0, 1).square()
    counts = tokens.new_zeros(patches, 1).index_add(0, at, weight.flatten(0, 1))
    variance = tokens.new_zeros(patches, tokens.shape[-1]).index_add(0, at, apart) / counts.clamp(min=1)
    several = (counts >= 2).squeeze(1)
    deviation = variance.sqrt()[several].mean() if bool(several.any()) else tokens.new_zeros(())
    explained = 1.0 - ((widened(predicted) - target) * weight).square().sum() / around_place(
        target
    ).square().sum().clamp(min=1e-12)
    means = (tokens * weight).sum(1) / weight.sum(1).clamp(min=1)
    return {"target_std": deviation, "rank": _effective_rank(means - means.mean(0)), "gain": explained}


def _effective_rank(x: Tensor) -> Tensor:
    """The exponential of the entropy of the singular values."""
    strengths = torch.linalg.svdvals(x.float())
    share = strengths / strengths.sum().clamp(min=1e-12)
    return torch.exp(-(share * (share + 1e-12).log()).sum())
