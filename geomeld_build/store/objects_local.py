"""Objects as files: temporary name, fsync, rename, fsync of the folder."""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from geomeld_build.errors import StoreError
from geomeld_build.store.objects import ObjectExists, ObjectMissing

__all__ = ["LocalObjects"]

_TEMPORARY = ".tmp-"
# Below runs/, because a stray file beside the arrays makes zarr readers warn.
_LOCK = "runs/.lock"


class LocalObjects:
    """Keys are file paths below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uri = str(root)

    def put(self, key: str, data: bytes) -> None:
        """See ``Objects.put``."""
        path = self.root / key
        with _writing(path):
            made = _make_folders(path.parent)
            temporary = _write_temporary(path, data)
            temporary.replace(path)
            _sync_folders(path.parent, made)

    def create(self, key: str, data: bytes) -> None:
        """See ``Objects.create``. A hard link either takes the name with all the bytes or fails."""
        path = self.root / key
        with _writing(path):
            made = _make_folders(path.parent)
            temporary = _write_temporary(path, data)
            try:
                os.link(temporary, path)
            except FileExistsError:
                raise ObjectExists(f"{path} exists already, and is written only once") from None
            finally:
                temporary.unlink()
            _sync_folders(path.parent, made)

    def update(self, keys: Sequence[str], change: Callable[[list[bytes]], list[bytes]]) -> None:
        """See ``Objects.update``. The kernel drops the lock of a killed process."""
        with self._locked():
            before = [self.get(key) for key in keys]
            after = change(before)
            changed = [(self.root / key, new) for key, old, new in zip(keys, before, after, strict=True) if new != old]
            with _writing(self.root):
                # All the slow work first, then the renames back to back.
                ready = [(_write_temporary(path, data), path) for path, data in changed]
                for temporary, path in ready:
                    temporary.replace(path)
                for _, path in ready:
                    _sync(path.parent)

    def get(self, key: str) -> bytes:
        """See ``Objects.get``."""
        with self._reading(key) as path:
            return path.read_bytes()

    def size(self, key: str) -> int:
        """See ``Objects.size``."""
        with self._reading(key) as path:
            return path.stat().st_size

    def keys(self, prefix: str) -> list[str]:
        """See ``Objects.keys``."""
        return [f"{prefix.strip('/')}/{entry.name}" for entry in self._entries(prefix) if entry.is_file()]

    def folders(self, prefix: str) -> list[str]:
        """See ``Objects.folders``."""
        return [entry.name for entry in self._entries(prefix) if entry.is_dir()]

    def delete(self, key: str) -> None:
        """See ``Objects.delete``. Folders that became empty go too, except those that new objects share."""
        path = self.root / key
        with _writing(path):
            path.unlink(missing_ok=True)
            folder = path.parent
            while len(folder.relative_to(self.root).parts) > 2:
                try:
                    folder.rmdir()
                except OSError:
                    # Not empty, or gone with the file of another sweeper.
                    return
                folder = folder.parent

    def sweep(self, before: datetime, *, dry_run: bool = False) -> int:
        """See ``Objects.sweep``."""
        count = 0
        with _writing(self.root):
            for path in self.root.rglob(f"{_TEMPORARY}*"):
                try:
                    if path.stat().st_mtime >= before.timestamp():
                        continue
                    if not dry_run:
                        path.unlink()
                except FileNotFoundError:
                    continue
                count += 1
        return count

    def sync(self, key: str) -> None:
        """See ``Objects.sync``."""
        with self._reading(key) as path:
            _sync(path)
            # Up to the store itself: any folder in between may be as new as the file.
            folder = path.parent
            while folder != self.root and self.root in folder.parents:
                _sync(folder)
                folder = folder.parent
            _sync(self.root)

    def _entries(self, prefix: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / prefix) as entries:
                return sorted((e for e in entries if not e.name.startswith(".")), key=lambda entry: entry.name)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"cannot list {self.root / prefix}: {error}") from error

    @contextmanager
    def _reading(self, key: str) -> Iterator[Path]:
        path = self.root / key
        try:
            yield path
        except (FileNotFoundError, NotADirectoryError):
            raise ObjectMissing(f"no such object: {path}") from None
        except OSError as error:
            raise StoreError(f"cannot read {path}: {error}") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = self.root / _LOCK
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            with _writing(path):
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        advice = "expected a folder that this user may write, on a disk with room"
        raise StoreError(f"cannot write {path}: {error.strerror or error}; {advice}") from error


def _make_folders(folder: Path) -> list[Path]:
    made = []
    while not folder.exists():
        made.append(folder)
        folder = folder.parent
    for new in reversed(made):
        new.mkdir(exist_ok=True)
    return made


def _write_temporary(path: Path, data: bytes) -> Path:
    temporary = path.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}")
    with temporary.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _sync_folders(folder: Path, made: list[Path]) -> None:
    _sync(folder)
    for new in made:
        _sync(new.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
