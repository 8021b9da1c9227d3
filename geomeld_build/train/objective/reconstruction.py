"""Losses of reconstruction, as sums over what is valid."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from geomeld_build.train.encoder.layers import widened
from geomeld_build.train.objective.means import Sum

__all__ = ["Distance", "class_sum", "number_sum"]

Distance = Literal["l1", "mse"]


def number_sum(predicted: Tensor, wanted: Tensor, valid: Tensor, distance: Distance = "l1") -> Sum:
    """How far numbers are from what they should be.

    Args:
        predicted: ``(sample, patch, band, pixel)``.
        wanted: of the same shape.
        valid: of the same shape, bool. What is not valid neither counts nor pulls.
        distance: the absolute difference, or its square.
    """
    apart = torch.where(valid, widened(predicted) - wanted, 0.0)
    far = apart.abs() if distance == "l1" else apart.square()
    return Sum(far.sum(), valid.sum())


def class_sum(logits: Tensor, wanted: Tensor, valid: Tensor, *, scaled: bool = True) -> Sum:
    """Cross-entropy of classes.

    Args:
        logits: ``(sample, patch, class, pixel)``.
        wanted: numbers of classes, ``(sample, patch, 1, pixel)`` int64.
        valid: of the same shape, bool.
        scaled: in units of the logarithm of the number of classes, so that guessing costs 1, as it does for numbers of
            unit variance.
    """
    labels = torch.where(valid, wanted, -100).transpose(2, 3).flatten()
    flat = widened(logits).transpose(2, 3).flatten(0, 2)
    total = functional.cross_entropy(flat, labels, ignore_index=-100, reduction="sum")
    return Sum(total / math.log(logits.shape[2]) if scaled else total, valid.sum())
