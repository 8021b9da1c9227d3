"""Raw answers by the hash of their request. A dataset is made again from these, not from a server."""

from __future__ import annotations

import os
from pathlib import Path

from geomeld_build.errors import ConfigError

__all__ = ["AnswerCache"]


class AnswerCache:
    """A folder of answers as they came. Several processes may share it; a file is there whole or not at all."""

    def __init__(self, folder: str | Path | None) -> None:
        self._folder = None if folder is None else Path(folder)
        if self._folder is not None:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigError(f"cannot keep answers in {self._folder}: {error.strerror}") from error

    def get(self, sha: str) -> bytes | None:
        """The answer to a request, if it was given before."""
        if self._folder is None:
            return None
        try:
            return self._path(sha).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, sha: str, answer: bytes) -> None:
        """Keep an answer."""
        if self._folder is None:
            return
        path = self._path(sha)
        path.parent.mkdir(exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.{id(answer)}")
        partial.write_bytes(answer)
        partial.replace(path)

    def _path(self, sha: str) -> Path:
        assert self._folder is not None
        return self._folder / sha[:2] / f"{sha}.json"
