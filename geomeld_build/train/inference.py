"""The trained encoder by itself: reflectance in, features out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from geomeld_build.errors import ConfigError
from geomeld_build.train.encoder.convnext import Encoder, EncoderSpec

__all__ = ["CONFIG", "WEIGHTS", "ImageEncoder", "load_encoder"]

CONFIG, WEIGHTS = "config.json", "model.safetensors"


class ImageEncoder(nn.Module):
    """The encoder with what must be done to an image first."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Args:
        config: as ``export_encoder`` writes it.
        """
        super().__init__()
        self.config = config
        self.bands: tuple[str, ...] = tuple(config["bands"])
        self.encoder = Encoder(EncoderSpec(config["size"], len(self.bands), config["patch"], config["stem"]))
        self.fill = nn.Parameter(torch.zeros(len(self.bands)))
        for part in ("mean", "std"):
            self.register_buffer(part, torch.tensor(config[part]).view(-1, 1, 1), persistent=False)

    def forward(self, image: Tensor, bands: Sequence[str] | None = None) -> list[Tensor]:
        """Feature maps of four stages, at strides of an eighth, a quarter, a half and the whole of a patch.

        Args:
            image: ``(sample, band, y, x)`` reflectance 0..1, NaN where there is nothing; sides divide by the patch.
            bands: names of the image's bands, in its order; by default those of the encoder. What is missing among
                them is filled as in training; others are not used.

        Raises:
            ConfigError: the image has none of the encoder's bands, or not as many as names, or does not divide.
        """
        features: list[Tensor] = self.encoder(self._prepared(image, self.bands if bands is None else bands))
        return features

    def embed(self, image: Tensor, bands: Sequence[str] | None = None) -> Tensor:
        """One vector an image, the mean of the last map: ``(sample, channel)``. Arguments as of ``forward``."""
        return self.forward(image, bands)[-1].mean((2, 3))

    def _prepared(self, image: Tensor, bands: Sequence[str]) -> Tensor:
        if len(bands) != image.shape[1] or not set(bands) & set(self.bands):
            raise ConfigError(
                f"an image of {image.shape[1]} bands with the names {', '.join(bands)}: expected as many names as "
                f"bands, among them some of {', '.join(self.bands)}"
            )
        whole = torch.full_like(image[:, :1], torch.nan).repeat(1, len(self.bands), 1, 1)
        for at, name in enumerate(self.bands):
            if name in bands:
                whole[:, at] = image[:, list(bands).index(name)]
        standard = (whole - self.get_buffer("mean")) / self.get_buffer("std")
        return torch.where(standard.isnan(), self.fill.view(-1, 1, 1), standard)


def load_encoder(path: str | Path) -> ImageEncoder:
    """Open an encoder that ``geomeld-build export encoder`` wrote; ready to infer.

    Raises:
        ConfigError: there is none, or it is of another version.
    """
    folder = Path(path)
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        weights = load_file(folder / WEIGHTS)
    except OSError as error:
        raise ConfigError(f"{folder} has no encoder: expected {CONFIG} and {WEIGHTS} ({error})") from error
    except ValueError as error:
        raise ConfigError(f"{folder / CONFIG} is damaged: {error}") from error
    model = ImageEncoder(config)
    model.load_state_dict({("fill" if name == "fill" else f"encoder.{name}"): one for name, one in weights.items()})
    return model.eval()
