"""One HTTP exchange: a request goes out, a whole answer or a named failure comes back. No retries, no meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol
from urllib.parse import urlsplit

import numpy as np
import requests
from requests.adapters import HTTPAdapter

__all__ = ["Answer", "HttpSender", "Request", "Sender", "WireError", "is_whole"]

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    connect_s: float = 10.0
    """Seconds to wait for a connection."""
    read_s: float = 300.0
    """Seconds to wait for the next bytes: the service computes up to five minutes before it answers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole and decompressed."""

    status: int
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes
    received: int = 0
    """Bytes on the wire."""


class WireError(Exception):
    """The exchange failed below HTTP.

    Attributes:
        kind: ``connect`` (nobody answers at this address), ``reset``, ``timeout`` or ``truncated``.
        detail: what the operating system or the HTTP library said.
    """

    def __init__(self, kind: Literal["connect", "reset", "timeout", "truncated"], detail: str) -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


class Sender(Protocol):
    """Something that exchanges one request for one answer."""

    def send(self, request: Request) -> Answer:
        """Sends and waits.

        Raises:
            WireError: no whole answer came.
        """
        ...

    def close(self) -> None:
        """Closes connections; sending again opens new ones."""
        ...


class HttpSender:
    """Sends over a pool of kept-alive connections, shared by all threads.

    Args:
        url: where most requests go; proxies of the environment are not used for loopback addresses.
        connections: size of the pool per host.
    """

    def __init__(self, url: str, *, connections: int = 48) -> None:
        self._session = requests.Session()
        self._session.trust_env = urlsplit(url).hostname not in _LOOPBACK
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=connections, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def send(self, request: Request) -> Answer:
        """Sends and waits for the whole answer.

        Raises:
            WireError: no whole answer came.
        """
        try:
            with self._session.request(
                request.method,
                request.url,
                data=request.body or None,
                headers=dict(request.headers),
                timeout=(request.connect_s, request.read_s),
                stream=True,
            ) as response:
                body = response.content
                received = response.raw.tell()
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, headers, body, received)
        except requests.exceptions.ConnectTimeout as error:
            raise WireError("connect", str(error)) from error
        except requests.exceptions.Timeout as error:
            raise WireError("timeout", str(error)) from error
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
            raise WireError("truncated", str(error)) from error
        except requests.exceptions.ConnectionError as error:
            raise WireError(_connection_kind(error), str(error)) from error
        except requests.exceptions.RequestException as error:
            raise WireError("connect", str(error)) from error

    def close(self) -> None:
        """Closes the pool."""
        self._session.close()


def _connection_kind(error: Exception) -> Literal["connect", "reset", "timeout"]:
    text = repr(error)
    if "Read timed out" in text:
        return "timeout"
    refused = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "Connection refused", "SSLError")
    return "connect" if any(word in text for word in refused) else "reset"


def is_whole(answer: Answer) -> bool:
    """Whether a successful body is complete, judged by its own format: a proxy may cut it without breaking HTTP."""
    kind = answer.headers.get("content-type", "")
    if answer.body.startswith(b"\x93NUMPY"):
        return _npy_is_whole(answer.body)
    if "json" in kind:
        return answer.body.rstrip()[-1:] in (b"}", b"]") and _parses(answer.body)
    return True


def _parses(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _npy_is_whole(body: bytes) -> bool:
    from io import BytesIO

    stream = BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    except ValueError:
        return False
    return len(body) - stream.tell() == int(np.prod(shape)) * int(dtype.itemsize)
