"""Means over all that is valid, on whatever number of processes.

A mean of the means of processes is not the mean of all where they have different numbers of valid pixels. Sums and
counts are kept apart until they are added up everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, distributed

__all__ = ["Sum", "everywhere", "world_size"]


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum and what it is over; both are scalars."""

    total: Tensor
    count: Tensor


def world_size() -> int:
    """Processes that train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def everywhere(sums: list[Sum]) -> list[tuple[Tensor, Tensor]]:
    """Of every sum, what to descend on here, and the mean over all processes, to be told.

    Gradients are averaged over processes, so what one descends on is its own sum times their number, by the count of
    all. Where nothing is valid anywhere, both are 0.
    """
    counts = torch.stack([one.count.to(one.total.dtype) for one in sums])
    totals = torch.stack([one.total.detach() for one in sums])
    world = world_size()
    if world > 1:
        both = torch.stack((counts, totals))
        distributed.all_reduce(both)
        counts, totals = both.unbind()
    counts = counts.clamp(min=1)
    return [
        (one.total * (world / count), total / count) for one, count, total in zip(sums, counts, totals, strict=True)
    ]
