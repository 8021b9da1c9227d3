"""Images as the world will serve them: everything inferred or stated, nothing read but headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.worlds.base import BandInfo
from geomeld_build.emulator.worlds.folder.model import DbToPower, Linear, PowerToDb

__all__ = ["BandSpec", "FootprintRule", "ImageSpec"]

FootprintRule: TypeAlias = Literal["bounds", "common", "valid", "global"] | BaseGeometry


@dataclass(frozen=True, slots=True)
class BandSpec:
    """One band: what it looks like from outside, and how its pixels are made."""

    info: BandInfo
    file: Path
    number: int
    """Band number inside the file, from 1."""
    nodata: tuple[float, ...] | Literal["file", "none"]
    """Values that mean invalid, or ``file`` = as the file says, or ``none`` = every pixel is valid."""
    convert: Linear | DbToPower | PowerToDb | None
    """Conversion from stored to served values."""


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """One image, ready to be served."""

    id: str
    bands: tuple[BandSpec, ...]
    footprint: FootprintRule
    properties: Mapping[str, Any]
    """Properties as served, ``system:index`` and times included."""
    version: int | None
    """As stated; None = from the content."""
