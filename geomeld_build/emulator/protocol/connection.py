"""Connections that break on purpose. ASGI cannot break one, so the server hands its transports out."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from typing import Any

from starlette.datastructures import Address
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["ConnectionRegistry", "CutResponse", "protocol_class"]

_LOG = logging.getLogger(__name__)


class ConnectionRegistry:
    """Open connections by client address."""

    def __init__(self) -> None:
        self._transports: dict[tuple[str, int], asyncio.BaseTransport] = {}

    def add(self, transport: asyncio.BaseTransport) -> None:
        """A connection was made."""
        peer = transport.get_extra_info("peername")
        if peer:
            self._transports[(str(peer[0]), int(peer[1]))] = transport

    def discard(self, transport: asyncio.BaseTransport) -> None:
        """A connection was lost."""
        self._transports = {key: item for key, item in self._transports.items() if item is not transport}

    def find(self, client: Address | None) -> Any:
        """The transport of a client, or None."""
        return None if client is None else self._transports.get((client.host, client.port))


class CutResponse(Response):
    """Half of a body, or nothing, and then a closed connection."""

    def __init__(self, registry: ConnectionRegistry, client: Address | None, body: bytes, *, reset: bool) -> None:
        super().__init__(body)
        self._registry = registry
        self._peer = client
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Break the connection."""
        transport = self._registry.find(self._peer)
        if transport is None:
            _LOG.warning("Cannot break a connection: this server does not register its transports.")
        if not self._reset:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            half = bytes(self.body)[: len(self.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
        if transport is None:
            return
        if self._reset:
            raw = transport.get_extra_info("socket")
            if raw is not None:
                # Lingering zero seconds makes the kernel send RST instead of FIN.
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
            return
        transport.close()


def protocol_class(registry: ConnectionRegistry) -> type[H11Protocol]:
    """An HTTP protocol that registers its transport."""

    class RegisteredProtocol(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            registry.add(transport)
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            registry.discard(self.transport)
            super().connection_lost(exc)

    return RegisteredProtocol
