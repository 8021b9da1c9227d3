"""Decoders of all groups of rows side by side, with heads on hidden patches only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from geomeld_build.train.encoder.layers import ResponseNorm
from geomeld_build.train.encoder.places import Whole
from geomeld_build.train.pixels.rows import groups_of

__all__ = ["Decoders", "Together"]

_EPS = 1e-6


class Together(nn.Module):
    """A linear layer for every group, by one batched product: ``(..., group, in)`` to ``(..., group, out)``."""

    def __init__(self, groups: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(groups, inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(groups, outputs))
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """The layer of every group, of its part."""
        shape = x.shape[:-2]
        rows = x.flatten(0, -3).transpose(0, 1)
        out = torch.baddbmm(self.bias.unsqueeze(1).to(rows.dtype), rows, self.weight.to(rows.dtype))
        return out.transpose(0, 1).reshape(*shape, *out.shape[::2])


class _Norm(nn.Module):
    """LayerNorm over the channels of every group, with a scale and shift for each."""

    def __init__(self, groups: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(groups, channels))
        self.bias = nn.Parameter(torch.zeros(groups, channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.bias, functional.layer_norm(x, x.shape[-1:], eps=_EPS), self.weight)


class _Block(nn.Module):
    """A block of ConvNeXt V2 for every group; all maps are seen whole."""

    def __init__(self, groups: int, channels: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(groups * channels, groups * channels, 7, padding=3, groups=groups * channels)
        self.norm = _Norm(groups, channels)
        self.fc1 = Together(groups, channels, 4 * channels)
        self.grn = nn.ModuleList(ResponseNorm(4 * channels) for _ in range(groups))
        self.fc2 = Together(groups, 4 * channels, channels)
        nn.init.trunc_normal_(self.conv_dw.weight, std=0.02)
        assert self.conv_dw.bias is not None, "it has one by default"
        nn.init.zeros_(self.conv_dw.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Args:
        x: ``(sample, y, x, group, channel)``.
        """
        mixed = self.conv_dw(x.flatten(3).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).unflatten(3, x.shape[3:])
        y = functional.gelu(self.fc1(self.norm(mixed)))
        y = torch.stack([grn(y[..., at, :], Whole()) for at, grn in enumerate(self.grn)], dim=-2)
        out: Tensor = x + self.fc2(y)
        return out


class Decoders(nn.Module):
    """From the tokens of patches that are seen to the pixels of those that are not.

    MMEarth (arXiv 2405.02771) registers one block under six names and runs it six times on the same input; here every
    group has its own, or all of them share one that runs once.
    """

    def __init__(
        self, rows: Sequence[str], tokens: int, pixels: int, *, width: int = 512, depth: int = 1, shared: bool = False
    ) -> None:
        """Args:
        rows: to reconstruct.
        tokens: channels of the encoder's tokens.
        pixels: of a patch.
        width: channels within.
        depth: blocks of every decoder.
        shared: one decoder with a head for each row.
        """
        super().__init__()
        groups = groups_of(rows)
        self._place = {one.name: 0 if shared else at for at, group in enumerate(groups.values()) for one in group}
        self._rows = tuple(one for group in groups.values() for one in group)
        self.groups = 1 if shared else len(groups)
        self.project = nn.Linear(tokens, width)
        self.mask_token = nn.Parameter(torch.empty(width))
        self.blocks = nn.ModuleList(_Block(self.groups, width) for _ in range(depth))
        self.heads = nn.ModuleDict({one.name: nn.Linear(width, pixels * one.channels) for one in self._rows})
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        for layer in (self.project, *self.heads.values()):
            assert isinstance(layer, nn.Linear), "a head is a linear layer"
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor, seen: Tensor, hidden: Tensor, grid: tuple[int, int]) -> Mapping[str, Tensor]:
        """Args:
            tokens: ``(sample, patch, channel)`` of the patches that are seen.
            seen: their numbers, ``(sample, patch)`` int64.
            hidden: numbers of the others.
            grid: patches along y and x.

        Returns:
            By row: ``(sample, patch, band or class, pixel)`` of the hidden patches.
        """
        projected = self.project(tokens)
        canvas = self.mask_token.to(projected.dtype).expand(tokens.shape[0], grid[0] * grid[1], -1)
        canvas = canvas.scatter(1, seen.unsqueeze(-1).expand_as(projected), projected)
        x = canvas.unflatten(1, grid).unsqueeze(3).expand(-1, -1, -1, self.groups, -1)
        for block in self.blocks:
            x = block(x)
        x = x.flatten(1, 2)
        x = x.gather(1, hidden[..., None, None].expand(-1, -1, *x.shape[2:]))
        return {
            one.name: self.heads[one.name](x[:, :, self._place[one.name]]).unflatten(-1, (one.channels, -1))
            for one in self._rows
        }
