"""Sizes of the encoder: depth and width of its four stages."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SIZES", "EncoderSize"]


@dataclass(frozen=True, slots=True)
class EncoderSize:
    """Blocks and channels by stage."""

    depths: tuple[int, int, int, int]
    widths: tuple[int, int, int, int]


SIZES: dict[str, EncoderSize] = {
    "test": EncoderSize((1, 1, 2, 1), (16, 32, 64, 128)),
    "atto": EncoderSize((2, 2, 6, 2), (40, 80, 160, 320)),
    "femto": EncoderSize((2, 2, 6, 2), (48, 96, 192, 384)),
    "pico": EncoderSize((2, 2, 6, 2), (64, 128, 256, 512)),
    "nano": EncoderSize((2, 2, 8, 2), (80, 160, 320, 640)),
    "tiny": EncoderSize((3, 3, 9, 3), (96, 192, 384, 768)),
    "base": EncoderSize((3, 3, 27, 3), (128, 256, 512, 1024)),
    "large": EncoderSize((3, 3, 27, 3), (192, 384, 768, 1536)),
    "huge": EncoderSize((3, 3, 27, 3), (352, 704, 1408, 2816)),
}
"""Those of ConvNeXt V2, and ``test``, which a CPU trains in minutes."""
