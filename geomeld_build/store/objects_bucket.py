"""Objects in a bucket (S3, Google Cloud Storage, Azure) through obstore. A put is atomic there by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import from_url

from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.store.objects import ObjectExists, ObjectMissing

if TYPE_CHECKING:
    from obstore import ObjectMeta, UpdateVersion

__all__ = ["BucketObjects", "bucket_of"]

_ATTEMPTS = 100
"""Tries of an update before we say that somebody else never stops writing."""


def bucket_of(uri: str) -> Any:
    """The obstore store of a URI, with credentials from the environment.

    Raises:
        ConfigError: the settings are incomplete.
    """
    try:
        return from_url(uri)
    except (BaseError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"cannot open bucket {uri!r}: {reason}; set the provider's environment variables") from error


class BucketObjects:
    """Keys are object names below the prefix of a bucket."""

    def __init__(self, uri: str, bucket: Any) -> None:
        self.uri = uri
        self._bucket = bucket

    def put(self, key: str, data: bytes) -> None:
        """See ``Objects.put``."""
        with self._talking("write", key):
            obstore.put(self._bucket, key, data)

    def create(self, key: str, data: bytes) -> None:
        """See ``Objects.create``."""
        with self._talking("write", key):
            try:
                obstore.put(self._bucket, key, data, mode="create")
            except AlreadyExistsError:
                raise ObjectExists(f"{self.uri}/{key} exists already, and is written only once") from None

    def update(self, keys: Sequence[str], change: Callable[[list[bytes]], list[bytes]]) -> None:
        """See ``Objects.update``. Compare and swap: each put names the version that was read."""
        for _ in range(_ATTEMPTS):
            with self._talking("write", keys[0]):
                found = [obstore.get(self._bucket, key) for key in keys]
                before = [bytes(item.bytes()) for item in found]
                after = change(before)
                try:
                    for key, item, old, new in zip(keys, found, before, after, strict=True):
                        if new != old:
                            obstore.put(self._bucket, key, new, mode=_as_read(item.meta))
                except PreconditionError:
                    continue
                return
        raise StoreError(f"cannot update {self.uri}/{keys[0]}: others changed it {_ATTEMPTS} times meanwhile")

    def get(self, key: str) -> bytes:
        """See ``Objects.get``."""
        with self._talking("read", key):
            return bytes(obstore.get(self._bucket, key).bytes())

    def size(self, key: str) -> int:
        """See ``Objects.size``."""
        with self._talking("read", key):
            return int(obstore.head(self._bucket, key)["size"])

    def keys(self, prefix: str) -> list[str]:
        """See ``Objects.keys``."""
        with self._talking("list", prefix):
            found = obstore.list_with_delimiter(self._bucket, prefix)
            return sorted(str(entry["path"]) for entry in found["objects"])

    def folders(self, prefix: str) -> list[str]:
        """See ``Objects.folders``."""
        with self._talking("list", prefix):
            found = obstore.list_with_delimiter(self._bucket, prefix)
            return sorted(str(path).rstrip("/").rsplit("/", 1)[-1] for path in found["common_prefixes"])

    def delete(self, key: str) -> None:
        """See ``Objects.delete``."""
        with self._talking("delete", key):
            try:
                obstore.delete(self._bucket, key)
            except FileNotFoundError:
                return

    def sweep(self, before: datetime, *, dry_run: bool = False) -> int:
        """See ``Objects.sweep``: a put that was cut short leaves no object."""
        del before, dry_run
        return 0

    def sync(self, key: str) -> None:
        """See ``Objects.sync``: a bucket is durable once it has answered."""
        self.size(key)

    @contextmanager
    def _talking(self, verb: str, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise ObjectMissing(f"no such object: {self.uri}/{key}") from None
        except (BaseError, OSError) as error:
            reason = str(error).splitlines()[0]
            raise StoreError(f"cannot {verb} {self.uri}/{key}: {reason}; check address, login and rights") from error


def _as_read(meta: ObjectMeta) -> UpdateVersion:
    version: UpdateVersion = {"e_tag": meta["e_tag"]}
    if meta["version"] is not None:
        version["version"] = meta["version"]
    return version
