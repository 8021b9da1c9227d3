"""CLIP's two towers (Radford et al. 2021, arXiv 2103.00020), with the names of weights that open_clip's files have.

Sizes are read off the weights, so that any of RemoteCLIP's vision transformers (Liu et al. 2023, arXiv 2306.11029)
opens: ViT-B/32 and ViT-L/14.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["Activation", "Clip", "Sizes", "sizes_of"]

Activation = Literal["gelu", "quickgelu"]
_HEAD = 64
"""Width of a head of attention in all of CLIP's transformers."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of both towers."""

    side: int
    """Pixels of the picture."""
    patch: int
    image_width: int
    image_layers: int
    context: int
    """Tokens of a text, with both ends."""
    words: int
    """Of the vocabulary."""
    text_width: int
    text_layers: int
    joint: int
    """Of the space that pictures and texts share."""


def sizes_of(weights: Mapping[str, Tensor]) -> Sizes:
    """Read sizes off weights.

    Raises:
        KeyError: they are not of such a model.
    """
    image_width, _, patch, _ = weights["visual.conv1.weight"].shape
    places = weights["visual.positional_embedding"].shape[0] - 1
    words, text_width = weights["token_embedding.weight"].shape
    return Sizes(
        side=patch * round(places**0.5),
        patch=patch,
        image_width=image_width,
        image_layers=_layers(weights, "visual.transformer.resblocks."),
        context=weights["positional_embedding"].shape[0],
        words=words,
        text_width=text_width,
        text_layers=_layers(weights, "transformer.resblocks."),
        joint=weights["text_projection"].shape[1],
    )


def _layers(weights: Mapping[str, Tensor], prefix: str) -> int:
    return len({name[len(prefix) :].split(".")[0] for name in weights if name.startswith(prefix)})


class _QuickGelu(nn.Module):
    """The sigmoid's approximation, which OpenAI trained with."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class _Mlp(nn.Module):
    def __init__(self, width: int, activation: Activation) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.act = _QuickGelu() if activation == "quickgelu" else nn.GELU()
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(self.act(self.c_fc(x)))  # type: ignore[no-any-return]


class _Block(nn.Module):
    def __init__(self, width: int, activation: Activation) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, width // _HEAD, batch_first=True)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = _Mlp(width, activation)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        seen = self.ln_1(x)
        x = x + self.attn(seen, seen, seen, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))  # type: ignore[no-any-return]


class _Transformer(nn.Module):
    def __init__(self, width: int, layers: int, activation: Activation) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(_Block(width, activation) for _ in range(layers))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        for block in self.resblocks:
            x = block(x, mask)
        return x


class _Image(nn.Module):
    def __init__(self, sizes: Sizes, activation: Activation) -> None:
        super().__init__()
        width = sizes.image_width
        places = (sizes.side // sizes.patch) ** 2
        self.conv1 = nn.Conv2d(3, width, sizes.patch, sizes.patch, bias=False)
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty(places + 1, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = _Transformer(width, sizes.image_layers, activation)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.empty(width, sizes.joint))

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.conv1(pixels).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(x.shape[0], 1, -1)
        x = self.ln_pre(torch.cat([first, x], dim=1) + self.positional_embedding)
        return self.ln_post(self.transformer(x)[:, 0]) @ self.proj  # type: ignore[no-any-return]


class Clip(nn.Module):
    """Both towers. Weights come from a file; without them, results are meaningless."""

    mask: Tensor

    def __init__(self, sizes: Sizes, activation: Activation) -> None:
        super().__init__()
        self.sizes = sizes
        self.visual = _Image(sizes, activation)
        self.token_embedding = nn.Embedding(sizes.words, sizes.text_width)
        self.positional_embedding = nn.Parameter(torch.empty(sizes.context, sizes.text_width))
        self.transformer = _Transformer(sizes.text_width, sizes.text_layers, activation)
        self.ln_final = nn.LayerNorm(sizes.text_width)
        self.text_projection = nn.Parameter(torch.empty(sizes.text_width, sizes.joint))
        self.logit_scale = nn.Parameter(torch.empty(()))
        ahead = torch.full((sizes.context, sizes.context), float("-inf")).triu(1)
        self.register_buffer("mask", ahead, persistent=False)

    def image(self, pixels: Tensor) -> Tensor:
        """Pictures ``(n, 3, side, side)``, normalised, as unit vectors ``(n, joint)``."""
        return nn.functional.normalize(self.visual(pixels), dim=-1)

    def text(self, tokens: Tensor) -> Tensor:
        """Tokens ``(n, context)`` as unit vectors ``(n, joint)``; the end of a text has the largest number."""
        x = self.token_embedding(tokens) + self.positional_embedding
        x = self.ln_final(self.transformer(x, self.mask))
        ends = x[torch.arange(len(x)), tokens.argmax(dim=-1)]
        return nn.functional.normalize(ends @ self.text_projection, dim=-1)
