"""Pixels of patches, and the standardisation of each by its own."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["own_scale", "patches_of", "standardised", "unpatched"]

_EPS = 1e-6


def patches_of(values: Tensor, grid: tuple[int, int], chosen: Tensor | None = None) -> Tensor:
    """The pixels of patches.

    Args:
        values: ``(sample, band, y, x)``.
        grid: patches along y and x.
        chosen: which, ``(sample, patch)`` int64; by default all.

    Returns:
        ``(sample, patch, band, pixel)``, pixels row by row.
    """
    samples, bands, height, width = values.shape
    high, wide = grid
    x = values.reshape(samples, bands, high, height // high, wide, width // wide)
    x = x.permute(0, 2, 4, 1, 3, 5).reshape(samples, high * wide, bands, -1)
    if chosen is None:
        return x
    return x.gather(1, chosen[..., None, None].expand(-1, -1, *x.shape[2:]))


def unpatched(patches: Tensor, grid: tuple[int, int], side: tuple[int, int]) -> Tensor:
    """Put patches together.

    Args:
        patches: all of them in order, ``(sample, patch, band, pixel)``.
        grid: patches along y and x.
        side: pixels of a patch along y and x.

    Returns:
        ``(sample, band, y, x)``.
    """
    samples, _, bands, _ = patches.shape
    x = patches.reshape(samples, *grid, bands, *side).permute(0, 3, 1, 4, 2, 5)
    return x.reshape(samples, bands, grid[0] * side[0], grid[1] * side[1])


def standardised(values: Tensor, valid: Tensor) -> Tensor:
    """Patches less their mean, by their deviation, over all valid pixels of all bands together.

    As masked autoencoders (He et al. 2022, arXiv 2111.06377) have their targets: contrast within a patch instead of
    brightness.

    Args:
        values: ``(sample, patch, band, pixel)``.
        valid: of the same shape.
    """
    mean, deviation = own_scale(values, valid)
    return (values - mean).masked_fill(~valid, 0.0) / deviation


def own_scale(values: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every patch by which ``standardised`` goes: ``(sample, patch, 1, 1)`` each."""
    count = valid.sum((2, 3), keepdim=True).clamp(min=1)
    mean = values.masked_fill(~valid, 0.0).sum((2, 3), keepdim=True) / count
    variance = (values - mean).masked_fill(~valid, 0.0).square().sum((2, 3), keepdim=True) / count
    return mean, torch.sqrt(variance + _EPS)
