"""The packed encoder against the same weights on whole maps, with holes and without."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from geomeld_build.errors import ConfigError
from geomeld_build.train.encoder.convnext import Encoder, EncoderSpec
from geomeld_build.train.encoder.sizes import SIZES
from geomeld_build.train.encoder.stems import StemKind

GEOMETRIES = [(128, 128, 16), (112, 112, 16), (128, 128, 32), (64, 96, 16)]
"""Height, width, patch: as in the paper, MMEarth's crop, large patches, a grid that is no square."""


def encoder_of(size: str = "atto", stem: StemKind = "patch", patch: int = 16, bands: int = 12) -> Encoder:
    """In double precision, with biases and response normalisation that are not zero."""
    torch.manual_seed(1)
    encoder = Encoder(EncoderSpec(size, bands, patch, stem)).double()
    for parameter in encoder.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, 0.5, 0.3)
    return encoder


def patches_of(samples: int, grid: tuple[int, int], share: float = 0.3) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    count = max(1, int(grid[0] * grid[1] * share))
    return torch.stack([torch.randperm(grid[0] * grid[1], generator=generator)[:count] for _ in range(samples)])


def gradients(encoder: Encoder, compute: Callable[[Tensor, Tensor], Tensor], *inputs: Tensor) -> list[Tensor]:
    encoder.zero_grad()
    out = compute(*inputs)
    weights = torch.sin(torch.arange(out.numel(), dtype=torch.float64)).reshape(out.shape)
    (out * weights).sum().backward()
    return [parameter.grad.clone() for parameter in encoder.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("stem", ["patch", "mmearth"])
@pytest.mark.parametrize(
    ("size", "geometry"), [*(("test", one) for one in GEOMETRIES), ("atto", (64, 96, 16)), ("tiny", (32, 64, 16))]
)
def test_packed_is_the_network_with_holes(size: str, geometry: tuple[int, int, int], stem: StemKind) -> None:
    height, width, patch = geometry
    encoder = encoder_of(size, stem, patch)
    pixels = torch.randn(2, 12, height, width, dtype=torch.float64)
    patches = patches_of(2, encoder.grid_of(pixels))
    packed, slow = encoder.tokens(pixels, patches), encoder.with_holes(pixels, patches)
    assert packed.shape == (*patches.shape, encoder.width)
    assert (packed - slow).abs().max() < 1e-10
    ours, theirs = (gradients(encoder, way, pixels, patches) for way in (encoder.tokens, encoder.with_holes))
    assert len(ours) == len(list(encoder.parameters()))
    for one, other in zip(ours, theirs, strict=True):
        assert (one - other).norm() <= 1e-10 * other.norm()


@pytest.mark.parametrize("stem", ["patch", "mmearth"])
def test_what_is_hidden_changes_nothing(stem: StemKind) -> None:
    encoder = encoder_of(stem=stem)
    pixels = torch.randn(2, 12, 128, 128, dtype=torch.float64)
    patches = patches_of(2, (8, 8))
    hidden = torch.ones(2, 64, dtype=torch.bool).scatter(1, patches, False).unflatten(1, (8, 8))
    hidden = hidden.repeat_interleave(16, 1).repeat_interleave(16, 2).unsqueeze(1)
    changed = torch.where(hidden, pixels + 100 * torch.randn_like(pixels), pixels)
    assert not torch.equal(changed, pixels)
    assert torch.equal(encoder.tokens(pixels, patches), encoder.tokens(changed, patches))


@pytest.mark.parametrize("stem", ["patch", "mmearth"])
def test_with_nothing_masked_it_is_the_plain_network(stem: StemKind) -> None:
    encoder = encoder_of(stem=stem)
    pixels = torch.randn(2, 12, 64, 96, dtype=torch.float64)
    patches = torch.stack([torch.randperm(24) for _ in range(2)])
    plain = encoder(pixels)
    assert [tuple(one.shape) for one in plain] == [
        (2, channels, 32 >> stage, 48 >> stage) for stage, channels in enumerate(SIZES["atto"].widths)
    ]
    whole = plain[-1].flatten(2).transpose(1, 2)
    expected = torch.stack([one[order] for one, order in zip(whole, patches, strict=True)])
    assert (encoder.tokens(pixels, patches) - expected).abs().max() < 1e-10


def test_one_sample_does_not_change_another() -> None:
    encoder = encoder_of()
    pixels = torch.randn(3, 12, 128, 128, dtype=torch.float64)
    patches = patches_of(3, (8, 8))
    alone = encoder.tokens(pixels[:1], patches[:1])
    pixels[1:] *= 50.0
    assert (encoder.tokens(pixels, patches)[:1] - alone).abs().max() < 1e-12


def _plain_convnext(weights: dict[str, Tensor], pixels: Tensor, depths: tuple[int, ...]) -> Tensor:
    """ConvNeXt V2 written down once more, with torch's own layers on ``(sample, channel, y, x)``."""
    functional = torch.nn.functional

    def norm(x: Tensor, name: str) -> Tensor:
        scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return functional.layer_norm(x.permute(0, 2, 3, 1), scale.shape, scale, shift, 1e-6).permute(0, 3, 1, 2)

    def conv(x: Tensor, name: str, **more: int) -> Tensor:
        return functional.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], **more)

    def pointwise(x: Tensor, name: str) -> Tensor:
        return functional.conv2d(x, weights[f"{name}.weight"][..., None, None], weights[f"{name}.bias"])

    x = norm(conv(pixels, "stem.0", stride=2), "stem.1")
    for stage, depth in enumerate(depths):
        if stage:
            x = conv(norm(x, f"stages.{stage}.downsample.0"), f"stages.{stage}.downsample.1", stride=2)
        for block in range(depth):
            name = f"stages.{stage}.blocks.{block}"
            y = norm(conv(x, f"{name}.conv_dw", padding=3, groups=x.shape[1]), f"{name}.norm")
            y = functional.gelu(pointwise(y, f"{name}.mlp.fc1"))
            length = (y**2).sum((2, 3), keepdim=True).sqrt()
            share = length / (length.mean(1, keepdim=True) + 1e-6)
            scale, shift = (weights[f"{name}.mlp.grn.{part}"][:, None, None] for part in ("weight", "bias"))
            x = x + pointwise(y + scale * (y * share) + shift, f"{name}.mlp.fc2")
    return x


def test_it_is_convnext_with_the_names_of_its_weights() -> None:
    encoder = encoder_of()
    pixels = torch.randn(2, 12, 64, 64, dtype=torch.float64)
    expected = _plain_convnext(encoder.state_dict(), pixels, SIZES["atto"].depths)
    assert (encoder(pixels)[-1] - expected).abs().max() < 1e-10


def written_names(size: str, bands: int, side: int) -> dict[str, tuple[int, ...]]:
    """timm's names and shapes of ConvNeXtV2 without its head, as its source has them: ``timm/models/convnext.py``."""
    depths, widths = SIZES[size].depths, SIZES[size].widths
    found: dict[str, tuple[int, ...]] = {
        "stem.0.weight": (widths[0], bands, side, side),
        "stem.0.bias": (widths[0],),
        "stem.1.weight": (widths[0],),
        "stem.1.bias": (widths[0],),
    }
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        if stage:
            before = widths[stage - 1]
            found |= {f"stages.{stage}.downsample.0.{part}": (before,) for part in ("weight", "bias")}
            found |= {f"stages.{stage}.downsample.1.weight": (width, before, 2, 2)}
            found |= {f"stages.{stage}.downsample.1.bias": (width,)}
        for block in range(depth):
            name = f"stages.{stage}.blocks.{block}"
            found |= {f"{name}.conv_dw.weight": (width, 1, 7, 7), f"{name}.conv_dw.bias": (width,)}
            found |= {f"{name}.norm.{part}": (width,) for part in ("weight", "bias")}
            found |= {f"{name}.mlp.fc1.weight": (4 * width, width), f"{name}.mlp.fc1.bias": (4 * width,)}
            found |= {f"{name}.mlp.grn.{part}": (4 * width,) for part in ("weight", "bias")}
            found |= {f"{name}.mlp.fc2.weight": (width, 4 * width), f"{name}.mlp.fc2.bias": (width,)}
    return found


@pytest.mark.parametrize(("size", "millions"), [("atto", 3.4), ("tiny", 27.9), ("base", 87.7)])
def test_names_shapes_and_number_of_weights(size: str, millions: float) -> None:
    with torch.device("meta"):
        encoder = Encoder(EncoderSpec(size))
    assert {name: tuple(one.shape) for name, one in encoder.state_dict().items()} == written_names(size, 12, 2)
    assert sum(one.numel() for one in encoder.parameters()) / 1e6 == pytest.approx(millions, rel=0.02)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"encoder size 'tinny': expected one of test, atto"):
        EncoderSpec("tinny")
    with pytest.raises(ConfigError, match=r"patch 12: expected a multiple of 8"):
        EncoderSpec(patch=12)
    with pytest.raises(ConfigError, match=r"100 x 128 pixels do not divide into patches of 16"):
        encoder_of("test").tokens(
            torch.zeros(1, 12, 100, 128, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.int64)
        )
