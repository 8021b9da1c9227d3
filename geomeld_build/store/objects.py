"""Bytes under keys, on a local disk or in a bucket: the only place where a store is written besides its tables.

A key is a path below the store, e.g. ``sentinel2/c/0/0/0/0``. A write is seen whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from geomeld_build.errors import ConfigError, StoreError

__all__ = ["BUCKET_SCHEMES", "ObjectExists", "ObjectMissing", "Objects", "join_uri", "local_root", "open_objects"]

BUCKET_SCHEMES = ("s3", "gs", "az")
"""URI schemes that go through obstore."""


class ObjectMissing(StoreError):
    """No object has this key."""


class ObjectExists(StoreError):
    """The key is taken, and was asked to be new."""


class Objects(Protocol):
    """Keys and bytes below one URI."""

    uri: str

    def put(self, key: str, data: bytes) -> None:
        """Write an object, whole and durable, over what may be there.

        Raises:
            StoreError: the place cannot be written.
        """

    def create(self, key: str, data: bytes) -> None:
        """Write an object whose key must be new; of several writers exactly one succeeds.

        Raises:
            ObjectExists: the key is taken.
            StoreError: the place cannot be written.
        """

    def update(self, keys: Sequence[str], change: Callable[[list[bytes]], list[bytes]]) -> None:
        """Replace objects by a function of themselves; no update of another writer is lost.

        Each object is replaced whole. All of them are replaced as nearly at once as the place allows: on a disk within
        a few milliseconds, in a bucket one after the other.

        Args:
            keys: the objects.
            change: new bytes of each from the bytes of all; may run again when somebody else was faster.

        Raises:
            ObjectMissing: there is nothing to change.
            StoreError: the place cannot be written.
        """

    def get(self, key: str) -> bytes:
        """Read an object.

        Raises:
            ObjectMissing: there is none.
            StoreError: it cannot be read.
        """

    def size(self, key: str) -> int:
        """Length of an object in bytes.

        Raises:
            ObjectMissing: there is none.
        """

    def keys(self, prefix: str) -> list[str]:
        """Keys of the objects directly below a folder, sorted; none when there is no folder."""

    def folders(self, prefix: str) -> list[str]:
        """Names of the folders directly below a folder, sorted; none when there is no folder."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is removed already.

        Raises:
            StoreError: the place cannot be written.
        """

    def sweep(self, before: datetime, *, dry_run: bool = False) -> int:
        """Remove what killed writers left half-written before a time (UTC); how many files. Buckets have none.

        Raises:
            StoreError: the place cannot be written.
        """

    def sync(self, key: str) -> None:
        """Make sure that an object written by anybody survives a power cut.

        Raises:
            ObjectMissing: there is none.
        """


def local_root(uri: str) -> Path | None:
    """The local folder of a URI without a scheme or with ``file://``; None for a bucket.

    Raises:
        ConfigError: the scheme is unknown.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return Path(uri)
    if scheme == "file":
        return Path(rest)
    if scheme in BUCKET_SCHEMES:
        return None
    raise ConfigError(f"unknown scheme of store {uri!r}: expected a local path, file://, s3://, gs:// or az://")


def join_uri(uri: str, key: str) -> str:
    """The URI of a key below a store."""
    root = local_root(uri)
    return str(root / key) if root is not None else f"{uri.rstrip('/')}/{key}"


def open_objects(uri: str) -> Objects:
    """The objects below a URI; nothing is touched yet.

    Raises:
        ConfigError: the scheme is unknown, or the bucket's settings are incomplete.
    """
    root = local_root(uri)
    if root is not None:
        from geomeld_build.store.objects_local import LocalObjects

        return LocalObjects(root)
    from geomeld_build.store.objects_bucket import BucketObjects, bucket_of

    return BucketObjects(uri, bucket_of(uri))
