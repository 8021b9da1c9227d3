"""A picture for those who need any."""

from __future__ import annotations

import io

from PIL import Image

from geomeld_build.captions.vision.image import TileImages

__all__ = ["BLACK"]


def _black() -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (16, 16)).save(target, format="PNG")
    return target.getvalue()


BLACK = TileImages(_black(), 10.0, "sentinel2")
