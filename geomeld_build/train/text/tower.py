"""The tower that reads captions: a transformer from scratch, six layers of 512 channels in the paper."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from geomeld_build.train.objective.transformer import Transformer
from geomeld_build.train.text.vocabulary import PAD

__all__ = ["TextTower"]


class TextTower(nn.Module):
    """A caption as the mean of its tokens."""

    def __init__(self, words: int, length: int, *, width: int = 512, layers: int = 6, heads: int = 8) -> None:
        """Args:
        words: numbers of the vocabulary.
        length: tokens of a text, at most.
        width: channels.
        layers: of attention.
        heads: of attention.
        """
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.places = nn.Parameter(torch.empty(length, width))
        self.inner = Transformer(width, layers, heads)
        nn.init.trunc_normal_(self.words.weight, std=0.02)
        nn.init.trunc_normal_(self.places, std=0.01)

    def forward(self, numbers: Tensor) -> Tensor:
        """``(sample, token)`` int64 to ``(sample, channel)``. A row of padding alone is as good as any other."""
        there = numbers != PAD
        # Attention to nothing at all is not a number; such rows are dropped later.
        attended = there.clone()
        attended[:, 0] = True
        x = self.inner(self.words(numbers) + self.places[: numbers.shape[1]], attended)
        weight = attended.unsqueeze(-1).to(x.dtype)
        mean: Tensor = (x * weight).sum(1) / weight.sum(1)
        return mean
