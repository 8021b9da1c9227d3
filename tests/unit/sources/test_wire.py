"""The wire: whole answers or named failures, over real sockets on the loopback."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from geomeld_build.sources.wire import Answer, HttpSender, Request, WireError, is_whole
from tests.unit.sources.fake_service import JSON, npy


@contextmanager
def raw_server(reply: bytes | None, *, reset: bool = False, hang: bool = False) -> Iterator[str]:
    """Accepts one connection and sends exactly these bytes."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            if hang:
                done.wait(5)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif reply is not None:
                connection.sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        done.set()
        thread.join(5)
        listener.close()


def _send(url: str, read_s: float = 5.0) -> Answer:
    sender = HttpSender(url)
    try:
        return sender.send(Request("POST", url + "/x", body=b"{}", connect_s=1.0, read_s=read_s))
    finally:
        sender.close()


def test_gzip_is_unpacked_and_bytes_are_those_of_the_wire() -> None:
    body = gzip.compress(b'{"a":1}' + b" " * 5000 + b"}")
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nX-Y: z\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with raw_server(head + body) as url:
        answer = _send(url)
    assert (answer.status, len(answer.body), answer.received) == (200, 5008, len(body))
    assert answer.headers["x-y"] == "z"


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"reply": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"}, "truncated"),
        ({"reply": None, "reset": True}, "reset"),
        ({"reply": None}, "reset"),
        ({"reply": None, "hang": True}, "timeout"),
    ],
)
def test_failures_below_http_are_named(options: dict[str, object], kind: str) -> None:
    with raw_server(**options) as url, pytest.raises(WireError) as caught:  # type: ignore[arg-type]
        _send(url, read_s=0.3)
    assert caught.value.kind == kind


def test_nobody_listening_is_a_failed_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(WireError) as caught:
        _send(f"http://127.0.0.1:{port}")
    assert caught.value.kind == "connect"


def test_a_body_cut_without_breaking_http_is_noticed() -> None:
    whole = npy(np.zeros((4, 4), dtype=[("a", "<u2"), ("b", "u1")]))
    assert is_whole(whole)
    assert not is_whole(Answer(200, whole.headers, whole.body[:-3]))
    assert not is_whole(Answer(200, whole.headers, whole.body[:20]))
    assert is_whole(Answer(200, JSON, b'{"a": 1}\n'))
    assert not is_whole(Answer(200, JSON, b'{"a": [1, {"b": 2}'))
    assert not is_whole(Answer(200, JSON, b""))
