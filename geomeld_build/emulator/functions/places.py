"""Images made of coordinates."""

from __future__ import annotations

from geomeld_build.emulator.functions.registry import function
from geomeld_build.emulator.images import Band, Image
from geomeld_build.emulator.raster.place import LonLatNode, PixelAreaNode
from geomeld_build.emulator.values import PixelType

__all__: list[str] = []


@function("Image.pixelLonLat")
def pixel_lon_lat() -> Image:
    """Longitude and latitude of every pixel, in degrees."""
    degrees = PixelType("double")
    return Image([Band("longitude", LonLatNode(0), degrees), Band("latitude", LonLatNode(1), degrees)])


@function("Image.pixelArea")
def pixel_area() -> Image:
    """Square metres of every pixel."""
    return Image([Band("area", PixelAreaNode(), PixelType("double"))])
