"""A plain pre-norm transformer: of the predictor of hidden tokens, and of captions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from geomeld_build.errors import ConfigError

__all__ = ["Transformer", "sine_places"]


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, looked_at: Tensor | None) -> Tensor:
        samples, length, width = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(samples, length, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind()
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=looked_at)
        x = x + self.out(seen.transpose(1, 2).reshape(samples, length, width))
        out: Tensor = x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))
        return out


class Transformer(nn.Module):
    """Layers of attention; every token sees all."""

    def __init__(self, width: int, layers: int, heads: int) -> None:
        """Weights from a truncated normal distribution of deviation 0.02.

        Raises:
            ConfigError: the width does not divide by the number of heads.
        """
        super().__init__()
        if width % heads:
            raise ConfigError(f"a transformer of width {width} cannot have {heads} heads")
        self.layers = nn.ModuleList(_Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor, there: Tensor | None = None) -> Tensor:
        """Args:
        x: ``(sample, token, channel)``.
        there: ``(sample, token)`` bool: tokens that are no padding; by default all.
        """
        looked_at = None if there is None else there[:, None, None, :]
        for layer in self.layers:
            x = layer(x, looked_at)
        out: Tensor = self.norm(x)
        return out


def sine_places(grid: tuple[int, int], width: int) -> Tensor:
    """Codes of places on a grid (Vaswani et al. 2017, arXiv 1706.03762), half of the channels for y and half for x.

    Returns:
        ``(place, channel)`` float32, row by row.

    Raises:
        ConfigError: the width is no multiple of 4.
    """
    if width % 4:
        raise ConfigError(f"codes of places need a multiple of 4 channels, not {width}")
    rate = 10_000.0 ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    y, x = torch.meshgrid(*(torch.arange(side, dtype=torch.float64) for side in grid), indexing="ij")
    angles = [axis.flatten()[:, None] * rate for axis in (y, x)]
    return torch.cat([part for angle in angles for part in (angle.sin(), angle.cos())], dim=1).float()
