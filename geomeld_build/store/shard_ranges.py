"""Parts of objects: ``preadv`` from files that stay open, or ranged GETs from a bucket."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Protocol

import obstore
from obstore.exceptions import BaseError, NotSupportedError

from geomeld_build.errors import StoreError
from geomeld_build.store.objects import ObjectMissing, local_root

__all__ = ["BucketRanges", "LocalRanges", "Ranges", "open_ranges"]

_OPEN_FILES = 256
"""Files that stay open: processes are commonly allowed 1,024."""


class Ranges(Protocol):
    """Bytes out of the middle of objects. Safe to use from many threads, and in a forked child."""

    uri: str
    cheap: bool
    """Whether many small reads cost about as much as one large one."""

    def edge(self, key: str, count: int, *, first: bool) -> tuple[bytes, int]:
        """The first or last bytes of an object (fewer where it is shorter), and how many bytes it has.

        Raises:
            ObjectMissing: there is none.
            StoreError: it cannot be read.
        """

    def read_into(self, key: str, offset: int, buffer: memoryview) -> None:
        """Fill a buffer with the bytes from an offset on.

        Raises:
            ObjectMissing: there is no such object.
            StoreError: it cannot be read, or ends before the buffer is full.
        """

    def close(self) -> None:
        """Let go of open files; the next read opens them again."""


def open_ranges(uri: str) -> Ranges:
    """Ranged reads below a URI; nothing is touched yet.

    Raises:
        ConfigError: the scheme is unknown, or the bucket's settings are incomplete.
    """
    root = local_root(uri)
    if root is not None:
        return LocalRanges(root)
    from geomeld_build.store.objects_bucket import bucket_of

    return BucketRanges(uri, bucket_of(uri))


class _File:
    """An open file. It closes when the last reader lets go of it: never under a read of another thread."""

    __slots__ = ("fd", "size")

    def __init__(self, path: Path) -> None:
        self.fd = -1
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self.fd).st_size

    def __del__(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)


class LocalRanges:
    """Keys are file paths below a folder."""

    cheap = True

    def __init__(self, root: Path) -> None:
        self.uri = str(root)
        self._root = root
        self._files: dict[str, _File] = {}
        # By process, because a lock that another thread holds while we fork stays held in the child.
        self._locks: dict[int, threading.Lock] = {}

    def edge(self, key: str, count: int, *, first: bool) -> tuple[bytes, int]:
        """See ``Ranges.edge``."""
        file = self._file(key)
        try:
            return os.pread(file.fd, count, 0 if first else max(0, file.size - count)), file.size
        except OSError as error:
            raise StoreError(f"cannot read {self.uri}/{key}: {error}") from error

    def read_into(self, key: str, offset: int, buffer: memoryview) -> None:
        """See ``Ranges.read_into``."""
        file = self._files.get(key) or self._file(key)
        done = 0
        try:
            # One call reads at most 2 GiB.
            while done < len(buffer):
                count = os.preadv(file.fd, [buffer[done:] if done else buffer], offset + done)
                if count == 0:
                    raise StoreError(
                        f"{self.uri}/{key} is truncated: expected {len(buffer)} bytes from {offset}, found {done}"
                    )
                done += count
        except OSError as error:
            raise StoreError(f"cannot read {self.uri}/{key}: {error}") from error

    def close(self) -> None:
        """See ``Ranges.close``."""
        self._files = {}

    def _file(self, key: str) -> _File:
        with self._locks.setdefault(os.getpid(), threading.Lock()):
            if (known := self._files.get(key)) is not None:
                return known
            try:
                file = _File(self._root / key)
            except (FileNotFoundError, NotADirectoryError):
                raise ObjectMissing(f"no such object: {self.uri}/{key}") from None
            except OSError as error:
                raise StoreError(f"cannot read {self.uri}/{key}: {error}") from error
            while len(self._files) >= _OPEN_FILES:
                del self._files[next(iter(self._files))]
            self._files[key] = file
            return file


class BucketRanges:
    """Keys are object names below the prefix of a bucket."""

    cheap = False

    def __init__(self, uri: str, bucket: Any) -> None:
        self.uri = uri
        self._bucket = bucket

    def edge(self, key: str, count: int, *, first: bool) -> tuple[bytes, int]:
        """See ``Ranges.edge``."""
        try:
            found = obstore.get(self._bucket, key, options={"range": (0, count) if first else {"suffix": count}})
            return bytes(found.bytes()), int(found.meta["size"])
        except NotSupportedError:
            # Azure knows no "last bytes".
            size = int(obstore.head(self._bucket, key)["size"])
            start = max(0, size - count)
            return bytes(obstore.get_range(self._bucket, key, start=start, end=size)), size
        except FileNotFoundError:
            raise ObjectMissing(f"no such object: {self.uri}/{key}") from None
        except (BaseError, OSError) as error:
            raise _failed(self.uri, key, error) from error

    def read_into(self, key: str, offset: int, buffer: memoryview) -> None:
        """See ``Ranges.read_into``."""
        try:
            data = obstore.get_range(self._bucket, key, start=offset, end=offset + len(buffer))
        except FileNotFoundError:
            raise ObjectMissing(f"no such object: {self.uri}/{key}") from None
        except (BaseError, OSError) as error:
            raise _failed(self.uri, key, error) from error
        if len(data) != len(buffer):
            raise StoreError(
                f"{self.uri}/{key} is truncated: expected {len(buffer)} bytes from {offset}, found {len(data)}"
            )
        buffer[:] = memoryview(data)

    def close(self) -> None:
        """See ``Ranges.close``: nothing stays open."""


def _failed(uri: str, key: str, error: Exception) -> StoreError:
    reason = str(error).splitlines()[0]
    return StoreError(f"cannot read {uri}/{key}: {reason}; check address, login and rights")
