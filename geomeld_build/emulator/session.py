"""One request's view of the world: assets, and what rendering shares."""

from __future__ import annotations

from geomeld_build.emulator.collection import Collection
from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.images import Image
from geomeld_build.emulator.raster.context import RenderContext
from geomeld_build.emulator.settings import LimitSettings
from geomeld_build.emulator.values import Feature, Geometry
from geomeld_build.emulator.worlds.base import CollectionAsset, ImageRecord, TableAsset, World

__all__ = ["Session", "asset_id", "image_collection", "table"]

_PREFIXES = ("projects/earthengine-public/assets/", "projects/earthengine-legacy/assets/")
_ABSENT = "not found (does not exist or caller does not have access)."


def asset_id(name: str) -> str:
    """The id of an asset from its id or resource name."""
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return name[len(prefix) :].strip("/")
    return name.strip("/")


def image_collection(asset: CollectionAsset) -> Collection:
    """A collection asset as a lazy collection."""
    return Collection(
        lambda hint: (Image.from_record(record) for record in asset.images(hint)),
        images=True,
        id=asset.id,
        version=getattr(asset, "version", None),
        properties=asset.properties,
    )


def table(asset: TableAsset) -> Collection:
    """A table asset as a feature collection."""

    def feature(number: int) -> Feature:
        row = rows[number]
        geometry = None if row.geometry is None else Geometry(row.geometry, geodesic=False)
        return Feature(geometry, row.properties, row.id)

    rows = asset.features()
    return Collection(
        lambda _: (feature(number) for number in range(len(rows))),
        images=False,
        id=asset.id,
        version=asset.version,
        properties=asset.properties,
    )


class Session:
    """Loads assets of one world, each at most once per request."""

    def __init__(self, world: World, limits: LimitSettings) -> None:
        self.world = world
        self.limits = limits
        self.render = RenderContext(limits)
        self._images: dict[str, Image] = {}

    def image(self, name: str, version: int) -> Image:
        """An image asset; ``version`` -1 = the current one.

        Raises:
            EvalError: it does not exist, or not in this version.
        """
        found = self._images.get(name)
        if found is None:
            record = self.world.find(asset_id(name))
            if not isinstance(record, ImageRecord):
                raise EvalError(f"Image asset '{name}' {_ABSENT}")
            found = self._images[name] = Image.from_record(record)
        if version not in (-1, found.version):
            raise EvalError(f"Image asset '{name}' {_ABSENT}")
        return found

    def collection(self, name: str) -> Collection:
        """An image collection asset.

        Raises:
            EvalError: it does not exist.
        """
        found = self.world.find(asset_id(name))
        if not isinstance(found, CollectionAsset):
            raise EvalError(f"ImageCollection asset '{name}' {_ABSENT}")
        return image_collection(found)

    def table(self, name: str, version: int) -> Collection:
        """A table asset, or the images of a collection asset as features.

        Raises:
            EvalError: it does not exist, or not in this version.
        """
        found = self.world.find(asset_id(name))
        if isinstance(found, TableAsset) and version in (-1, found.version):
            return table(found)
        if isinstance(found, CollectionAsset):
            return image_collection(found)
        raise EvalError(f"Collection asset '{name}' {_ABSENT}")
