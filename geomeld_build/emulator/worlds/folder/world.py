"""The folder world itself: assets by id, members by date and place."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.worlds.base import CollectionAsset, ImageRecord, SearchHint, TableAsset
from geomeld_build.emulator.worlds.folder.errors import WorldError
from geomeld_build.emulator.worlds.folder.footprints import image_footprint
from geomeld_build.emulator.worlds.folder.headers import HeaderCache
from geomeld_build.emulator.worlds.folder.images import collection_images, single_image
from geomeld_build.emulator.worlds.folder.model import (
    WORLD_JSON,
    CollectionEntry,
    Entry,
    ImageEntry,
    TableEntry,
    read_world_file,
)
from geomeld_build.emulator.worlds.folder.pixels import DatasetPool, FolderReader
from geomeld_build.emulator.worlds.folder.specs import ImageSpec
from geomeld_build.emulator.worlds.folder.tables import FolderTable
from geomeld_build.emulator.worlds.folder.versions import ContentVersions

__all__ = ["FolderCollection", "FolderWorld"]


class _Services:
    """What all assets of one world share."""

    def __init__(self) -> None:
        self.pool = DatasetPool()
        self.versions = ContentVersions()


class _LazyImage:
    """An image whose footprint, version and reader are made on first use."""

    def __init__(self, spec: ImageSpec, services: _Services) -> None:
        self._spec = spec
        self._services = services
        self._lock = threading.Lock()
        self._places: tuple[BaseGeometry | None, BaseGeometry | None] | None = None
        self._record: ImageRecord | None = None

    @property
    def start_ms(self) -> float | None:
        value = self._spec.properties.get("system:time_start")
        return float(value) if isinstance(value, int | float) else None

    def footprint(self) -> BaseGeometry | None:
        return self._placed()[0]

    def record(self) -> ImageRecord:
        footprint, cutout = self._placed()
        with self._lock:
            if self._record is None:
                spec, services = self._spec, self._services
                self._record = ImageRecord(
                    id=spec.id,
                    version=spec.version if spec.version is not None else services.versions.of_image(spec),
                    bands=tuple(band.info for band in spec.bands),
                    read=FolderReader(spec.bands, services.pool, cutout),
                    footprint=footprint,
                    properties=spec.properties,
                )
            return self._record

    def _placed(self) -> tuple[BaseGeometry | None, BaseGeometry | None]:
        with self._lock:
            if self._places is None:
                self._places = image_footprint(self._spec, self._services.pool)
            return self._places


class FolderCollection:
    """An image collection of a folder world; implements the seam's ``CollectionAsset``."""

    def __init__(self, asset_id: str, properties: Mapping[str, Any], members: Mapping[str, _LazyImage]) -> None:
        """Args:
        asset_id: id of the collection.
        properties: properties of the collection itself.
        members: images by ``system:index``, sorted.
        """
        self.id = asset_id
        self.properties: Mapping[str, Any] = dict(properties)
        self._members = dict(members)

    def images(self, hint: SearchHint) -> Iterator[ImageRecord]:
        """The members that satisfy the hint, in ``system:index`` order.

        Raises:
            WorldError: a file of a member cannot be read.
        """
        if hint.region is not None:
            shapely.prepare(hint.region)
        for index, member in self._members.items():
            if _may_match(index, member, hint):
                yield member.record()

    def image(self, index: str) -> ImageRecord | None:
        """The member with this ``system:index``, or None when there is none.

        Raises:
            WorldError: a file of the member cannot be read.
        """
        member = self._members.get(index)
        return None if member is None else member.record()

    def indices(self) -> Sequence[str]:
        """Every ``system:index``, sorted."""
        return list(self._members)


def _may_match(index: str, member: _LazyImage, hint: SearchHint) -> bool:
    if hint.indices is not None and index not in hint.indices:
        return False
    start = member.start_ms
    if hint.start_ms is not None and (start is None or start < hint.start_ms):
        return False
    if hint.end_ms is not None and (start is None or start >= hint.end_ms):
        return False
    if hint.region is None:
        return True
    footprint = member.footprint()
    return footprint is None or bool(hint.region.intersects(footprint))


class FolderWorld:
    """A folder of rasters and vector tables, described by ``world.json``, served as Earth Engine assets.

    Headers are read when the world is opened, so that a mistake in the description shows then; pixels, footprints and
    versions when they are asked for. Instances are safe to use from several threads.

    Example:
        >>> world = FolderWorld.open(Path("rasters"))              # doctest: +SKIP
        >>> image = world.find("users/me/scenes/20200604")         # doctest: +SKIP
        >>> values, valid = image.read("B4", 0, 256, 0, 256)       # doctest: +SKIP
    """

    def __init__(
        self,
        name: str,
        images: Mapping[str, _LazyImage],
        collections: Mapping[str, FolderCollection],
        tables: Mapping[str, FolderTable],
        services: _Services,
    ) -> None:
        """Use ``FolderWorld.open``; this takes the parts it makes."""
        self.name = name
        self._images = dict(images)
        self._collections = dict(collections)
        self._tables = dict(tables)
        self._services = services

    @classmethod
    def open(cls, folder: Path | str) -> FolderWorld:
        """Opens a folder that holds a ``world.json`` (or the path of that file).

        Raises:
            WorldError: the folder or its description cannot be used; the message is one line that says why.
        """
        path = Path(folder)
        path = (path.parent if path.name == WORLD_JSON else path).absolute()
        stated = read_world_file(path)
        services, headers = _Services(), HeaderCache()
        images: dict[str, _LazyImage] = {}
        collections: dict[str, FolderCollection] = {}
        tables: dict[str, FolderTable] = {}
        _check_ids(stated.assets, path)
        for entry in stated.assets:
            match entry:
                case ImageEntry():
                    images[entry.id] = _LazyImage(single_image(entry, path, headers), services)
                case CollectionEntry():
                    specs = collection_images(entry, path, headers)
                    members = {index: _LazyImage(spec, services) for index, spec in specs.items()}
                    collections[entry.id] = FolderCollection(entry.id, entry.properties, members)
                case TableEntry():
                    tables[entry.id] = FolderTable(entry, path, services.versions)
        _check_members(collections, [*images, *tables], path)
        return cls(stated.name or path.name or "folder", images, collections, tables, services)

    def find(self, asset_id: str) -> ImageRecord | CollectionAsset | TableAsset | None:
        """The asset with this id; ``COLLECTION/INDEX`` finds a member image. None = does not exist.

        Raises:
            WorldError: a file of the asset cannot be read.
        """
        if asset_id in self._images:
            return self._images[asset_id].record()
        if asset_id in self._collections:
            return self._collections[asset_id]
        if asset_id in self._tables:
            return self._tables[asset_id]
        parent, _, index = asset_id.rpartition("/")
        collection = self._collections.get(parent)
        return None if collection is None else collection.image(index)

    def children(self, parent: str) -> Sequence[str]:
        """Ids directly below a folder or collection id (an empty string = the root), sorted."""
        if parent in self._collections:
            return [f"{parent}/{index}" for index in self._collections[parent].indices()]
        prefix = f"{parent}/" if parent else ""
        below = {
            prefix + asset_id.removeprefix(prefix).split("/", 1)[0]
            for asset_id in self.asset_ids()
            if asset_id.startswith(prefix) and asset_id != parent
        }
        return sorted(below)

    def asset_ids(self) -> Sequence[str]:
        """Every asset of ``world.json`` (not the members of collections), sorted."""
        return sorted([*self._images, *self._collections, *self._tables])

    def close(self) -> None:
        """Closes idle files; the world opens them again when asked."""
        self._services.pool.close()


def _check_ids(entries: Sequence[Entry], folder: Path) -> None:
    first: dict[str, int] = {}
    for number, entry in enumerate(entries):
        if entry.id in first:
            raise WorldError(
                f"{folder / WORLD_JSON}: assets[{number}].id: {entry.id} is also the id of assets[{first[entry.id]}]"
            )
        first[entry.id] = number


def _check_members(collections: Mapping[str, FolderCollection], others: Sequence[str], folder: Path) -> None:
    for asset_id in [*others, *collections]:
        parent, _, index = asset_id.rpartition("/")
        if parent in collections and index in collections[parent].indices():
            raise WorldError(f"{folder / WORLD_JSON}: {asset_id} is both an asset and a member of {parent}")
