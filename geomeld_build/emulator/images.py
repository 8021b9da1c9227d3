"""Images: named lazy bands with properties."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.raster.context import Node
from geomeld_build.emulator.raster.nodes import ConstantNode, SourceNode
from geomeld_build.emulator.values import Geometry, PixelType, Projection, pixel_type_of
from geomeld_build.emulator.worlds.base import BandInfo, ImageRecord

__all__ = ["Band", "Image", "broadcast_bands", "constant_image", "unique_names"]


@dataclass(frozen=True, slots=True)
class Band:
    """One lazy band and what the service tells about it."""

    name: str
    node: Node
    type: PixelType
    projection: Projection | None = None
    """Default projection; None = none of its own (WGS84 with 1-degree pixels)."""
    size: tuple[int, int] | None = None
    """Width and height of a bounded pixel grid."""
    footprint: BaseGeometry | None = None
    """Lon/lat footprint; None = unbounded."""

    @property
    def lattice(self) -> Projection:
        """The default projection, spelled out."""
        return self.projection or Projection()


class Image:
    """An image: bands are made when they are first needed, because searches need none."""

    __slots__ = ("_bands", "_make", "footprint", "id", "properties", "version")

    def __init__(
        self,
        bands: Sequence[Band] | Callable[[], Sequence[Band]],
        *,
        properties: Mapping[str, Any] | None = None,
        id: str | None = None,
        version: int | None = None,
        footprint: BaseGeometry | None = None,
    ) -> None:
        self._make = bands if callable(bands) else None
        self._bands: tuple[Band, ...] | None = None if callable(bands) else tuple(bands)
        self.properties: Mapping[str, Any] = properties or {}
        self.id = id
        self.version = version
        self.footprint = footprint

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands in order."""
        if self._bands is None:
            assert self._make is not None
            self._bands = tuple(self._make())
        return self._bands

    @property
    def names(self) -> list[str]:
        """Band names in order."""
        return [band.name for band in self.bands]

    @property
    def geometry(self) -> Geometry | None:
        """The footprint; None = unbounded."""
        return None if self.footprint is None else Geometry(self.footprint, geodesic=False)

    def with_properties(self, properties: Mapping[str, Any]) -> Image:
        """The same pixels with other properties."""
        return Image(
            lambda: self.bands, properties=properties, id=self.id, version=self.version, footprint=self.footprint
        )

    def with_bands(self, bands: Sequence[Band], *, keep_id: bool = False) -> Image:
        """Other bands with this image's properties and footprint."""
        return Image(
            bands,
            properties=self.properties,
            id=self.id if keep_id else None,
            version=self.version if keep_id else None,
            footprint=self.footprint,
        )

    def computed(self, bands: Sequence[Band]) -> Image:
        """The result of a computation: this image's footprint, none of its properties."""
        return Image(bands, footprint=self.footprint)

    def map_bands(self, change: Callable[[Band], Band]) -> Image:
        """Every band changed; properties kept."""
        return self.with_bands([change(band) for band in self.bands])

    def band(self, name: str) -> Band:
        """The band with this name.

        Raises:
            EvalError: there is none.
        """
        for band in self.bands:
            if band.name == name:
                return band
        raise EvalError(f"Band pattern '{name}' did not match any bands. Available bands: [{', '.join(self.names)}]")

    @classmethod
    def from_record(cls, record: ImageRecord) -> Image:
        """The image behind an asset."""

        def make() -> list[Band]:
            return [_source_band(record, info) for info in record.bands]

        return cls(make, properties=record.properties, id=record.id, version=record.version, footprint=record.footprint)


def _source_band(record: ImageRecord, info: BandInfo) -> Band:
    return Band(
        info.name,
        SourceNode(record.read, info),
        pixel_type_of(info.dtype),
        Projection(info.crs, info.transform),
        (info.width, info.height),
        record.footprint,
    )


def constant_image(values: Iterable[int | float], names: Sequence[str] | None = None) -> Image:
    """An unbounded image of constant bands."""
    bands = []
    for index, value in enumerate(values):
        kind = "double" if isinstance(value, float) else "int"
        bands.append(Band("constant", ConstantNode(value), PixelType(kind, value, value)))
        if names is not None:
            bands[-1] = replace(bands[-1], name=names[index])
    return Image(unique_names(bands))


def unique_names(bands: Iterable[Band]) -> list[Band]:
    """Bands whose repeated names got the suffixes ``_1``, ``_2``... as the service does."""
    taken: set[str] = set()
    out = []
    for band in bands:
        name, number = band.name, 0
        while name in taken:
            number += 1
            name = f"{band.name}_{number}"
        taken.add(name)
        out.append(band if name == band.name else replace(band, name=name))
    return out


def broadcast_bands(left: Image, right: Image) -> list[tuple[Band, Band]]:
    """Matched pairs of bands: one band goes with all; else by name, or in order when the names differ.

    Raises:
        EvalError: the numbers of bands differ.
    """
    first, second = left.bands, right.bands
    if len(second) == 1:
        return [(band, second[0]) for band in first]
    if len(first) == 1:
        return [(replace(first[0], name=band.name), band) for band in second]
    if len(first) != len(second):
        raise EvalError(
            "Images must have the same number of bands, or one of them must have one band: "
            f"found {len(first)} and {len(second)} bands."
        )
    by_name = {band.name: band for band in second}
    if set(by_name) == set(left.names):
        return [(band, by_name[band.name]) for band in first]
    return list(zip(first, second, strict=True))
