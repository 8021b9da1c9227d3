"""Making a store, and recognising one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from geomeld_build.errors import ConfigError, SchemaVersionError
from geomeld_build.modalities import SCHEMA_VERSION, modality
from geomeld_build.store.catalog import create_tiles
from geomeld_build.store.layout import array_key, array_metadata, group_metadata, root_attributes
from geomeld_build.store.objects import ObjectExists, ObjectMissing, Objects, open_objects

__all__ = ["StoreHeader", "create_store", "read_header"]

_ROOT = "zarr.json"


@dataclass(frozen=True, slots=True)
class StoreHeader:
    """What a store says of itself."""

    modalities: tuple[str, ...]
    recipe: str
    schema_version: int


def create_store(uri: str, *, modalities: Sequence[str], recipe: str) -> None:
    """Make an empty store. Doing it again with the same arguments changes nothing.

    Args:
        uri: a local folder, or s3://, gs://, az://.
        modalities: rows of the table that its tiles have, in any order.
        recipe: identity of how tiles are chosen and made; part of every tile_id.

    Raises:
        ConfigError: a row is unknown or named twice, or the store exists with other modalities or another recipe.
        SchemaVersionError: the store exists under another schema version.
        StoreError: the place cannot be written.
    """
    rows = tuple(modality(name) for name in modalities)
    if not rows or len(set(modalities)) != len(rows):
        raise ConfigError(f"expected at least one modality and none twice, got {list(modalities)}")
    objects = open_objects(uri)
    wanted = StoreHeader(tuple(modalities), recipe, SCHEMA_VERSION)
    if _exists(objects):
        _check_same(uri, read_header(uri), wanted)
        return
    # The root comes last: what has one is whole, and a creation that was cut short is simply done again.
    for folder in ("tables", "runs"):
        # Group marks: zarr readers warn of folders that are none.
        _create_or_leave(objects, f"{folder}/zarr.json", group_metadata())
    for row in rows:
        _create_or_leave(objects, array_key(row.name), array_metadata(row))
    create_tiles(uri)
    _create_or_leave(objects, _ROOT, group_metadata(root_attributes(wanted.modalities, recipe)))
    _check_same(uri, read_header(uri), wanted)


def read_header(uri: str) -> StoreHeader:
    """What the store at a URI says of itself.

    Raises:
        ConfigError: there is no store.
        SchemaVersionError: it was written under another schema version.
    """
    try:
        document = json.loads(open_objects(uri).get(_ROOT))
    except ObjectMissing:
        raise ConfigError(
            f"no tile store at {uri!r}: expected a folder with zarr.json and tables/tiles; make one with create_store"
        ) from None
    except ValueError as error:
        raise ConfigError(f"{uri!r} is no tile store: its zarr.json is not JSON ({error})") from error
    attributes = document.get("attributes", {}) if isinstance(document, dict) else {}
    missing = [key for key in ("schema_version", "recipe", "modalities") if key not in attributes]
    if missing:
        raise ConfigError(
            f"{uri!r} is no tile store: expected group attributes schema_version, recipe and modalities "
            f"in its zarr.json, found no {', '.join(missing)}"
        )
    version = attributes["schema_version"]
    if version != SCHEMA_VERSION:
        raise SchemaVersionError(
            f"store {uri!r} has schema version {version}, this code reads and writes version {SCHEMA_VERSION}: "
            "use the matching release of geomeld-build, or build the store anew"
        )
    return StoreHeader(tuple(attributes["modalities"]), str(attributes["recipe"]), int(version))


def _exists(objects: Objects) -> bool:
    try:
        objects.size(_ROOT)
    except ObjectMissing:
        return False
    return True


def _create_or_leave(objects: Objects, key: str, data: bytes) -> None:
    try:
        objects.create(key, data)
    except ObjectExists:
        return


def _check_same(uri: str, found: StoreHeader, wanted: StoreHeader) -> None:
    if set(found.modalities) != set(wanted.modalities):
        raise ConfigError(
            f"store {uri!r} exists with modalities {', '.join(found.modalities)}, asked for "
            f"{', '.join(wanted.modalities)}: use the same, or another folder"
        )
    if found.recipe != wanted.recipe:
        raise ConfigError(
            f"store {uri!r} exists with recipe {found.recipe!r}, asked for {wanted.recipe!r}: "
            "use the same, or another folder"
        )
