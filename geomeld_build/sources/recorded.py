"""Record and replay: answers kept by what was asked, so that a bug report runs without network or account.

An answer is filed under the hash of method, path and canonical body. Host, project and workload tag are left out:
the same question has the same answer under any of them. Headers of requests, which carry tokens, are never stored.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from geomeld_build.errors import ConfigError, SourceError
from geomeld_build.sources.wire import Answer, Request, Sender

__all__ = ["RecordingSender", "ReplaySender", "request_key"]

_PROJECT = re.compile(r"/projects/[^/]+/(?=(value:|image:|table:|algorithms|imageCollection:))")
_KEPT_HEADERS = ("content-type", "x-earth-engine-quota-status")


def request_key(request: Request) -> str:
    """What an answer is filed under: 40 hex digits."""
    parts = urlsplit(request.url)
    path = _PROJECT.sub("/projects/-/", parts.path)
    digest = hashlib.blake2b(f"{request.method} {path}?{parts.query}\n".encode(), digest_size=20)
    digest.update(_canonical(request.body))
    return digest.hexdigest()


def _canonical(body: bytes) -> bytes:
    try:
        content = json.loads(body)
    except ValueError:
        return body
    if isinstance(content, dict):
        content.pop("workloadTag", None)
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


class RecordingSender:
    """Passes requests on and files every final answer; answers that would be asked again are not filed.

    Args:
        inner: the wire.
        folder: where answers go; made when absent.
    """

    def __init__(self, inner: Sender, folder: Path) -> None:
        self._inner = inner
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def send(self, request: Request) -> Answer:
        """Sends, files, returns.

        Raises:
            WireError: no whole answer came.
        """
        answer = self._inner.send(request)
        if answer.status < 500 and answer.status not in (401, 403, 408, 429):
            self._file(request, answer)
        return answer

    def close(self) -> None:
        """Closes the wire."""
        self._inner.close()

    def _file(self, request: Request, answer: Answer) -> None:
        key = request_key(request)
        kept = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
        path = _PROJECT.sub("/projects/-/", urlsplit(request.url).path)
        about = {"method": request.method, "path": path, "status": answer.status, "headers": kept}
        # The body first: an entry exists when its description does.
        _write(self._folder / f"{key}.bin", answer.body)
        _write(self._folder / f"{key}.json", json.dumps(about, indent=1, sort_keys=True).encode())


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)


class ReplaySender:
    """Answers from a folder of recorded answers; nothing is sent.

    Raises:
        ConfigError: the folder does not exist.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ConfigError(f"{folder} is no folder of recorded answers: record with open_source(..., record=FOLDER)")
        self._folder = folder

    def send(self, request: Request) -> Answer:
        """The recorded answer.

        Raises:
            SourceError: this was never asked while recording.
        """
        about = self._folder / f"{request_key(request)}.json"
        try:
            kept = json.loads(about.read_text())
            body = about.with_suffix(".bin").read_bytes()
        except FileNotFoundError:
            path = urlsplit(request.url).path
            raise SourceError(
                f"{self._folder} holds no answer to this {request.method} {path}: the request differs from what was "
                "recorded (another plan, another version of the package or of the ee client)"
            ) from None
        return Answer(int(kept["status"]), kept["headers"], body, len(body))

    def close(self) -> None:
        """Nothing is open."""
