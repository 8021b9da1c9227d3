"""Run the emulator: as an application, in a thread next to the client, or in the foreground."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from geomeld_build.emulator.faults import Fault
from geomeld_build.emulator.protocol.app import Emulator
from geomeld_build.emulator.protocol.connection import protocol_class
from geomeld_build.emulator.settings import EmulatorSettings
from geomeld_build.emulator.signatures import algorithms_gzip
from geomeld_build.emulator.worlds.base import World

__all__ = ["EmulatorServer", "create_app", "serve"]

_START_TIMEOUT_S = 30.0
_METHODS = ["GET", "POST", "PATCH", "DELETE", "PUT"]


def create_app(world: World, settings: EmulatorSettings | None = None) -> Starlette:
    """The ASGI application over a world.

    Raises:
        SignaturesMissing: the installed ``ee`` client does not ship its function list.
    """
    algorithms_gzip()
    emulator = Emulator(world, settings or EmulatorSettings())

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        emulator.start()
        try:
            yield
        finally:
            emulator.stop()

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def stats(_: Request) -> Response:
        return JSONResponse(emulator.stats_dict())

    async def reset(_: Request) -> Response:
        emulator.reset()
        return JSONResponse({"status": "ok"})

    async def faults(request: Request) -> Response:
        try:
            found = [Fault.from_dict(item) for item in await request.json()]
        except (ValueError, TypeError, AttributeError) as exc:
            return JSONResponse({"error": str(exc)}, status_code=400)
        emulator.faults.replace(found)
        return JSONResponse({"faults": len(found)})

    app = Starlette(
        routes=[
            Route("/_emulator/health", health),
            Route("/_emulator/stats", stats),
            Route("/_emulator/reset", reset, methods=["POST"]),
            Route("/_emulator/faults", faults, methods=["POST"]),
            Route("/$discovery/rest", emulator.discovery),
            Route("/v1/projects/{project}/algorithms", emulator.algorithms),
            Route("/{path:path}", emulator.handle, methods=_METHODS),
        ],
        lifespan=lifespan,
    )
    app.state.emulator = emulator
    return app


def _config(app: Starlette, **options: Any) -> uvicorn.Config:
    emulator: Emulator = app.state.emulator
    return uvicorn.Config(
        app,
        http=protocol_class(emulator.connections),
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        # Connections that break on purpose would be reported as errors of the application.
        log_level="critical",
        timeout_graceful_shutdown=5,
        **options,
    )


class EmulatorServer:
    """The emulator on a loopback port, in a thread of this process.

    ::

        with EmulatorServer(world) as server:
            ee.Initialize(AnonymousCredentials(), url=server.url, project="local")

    Attributes:
        url: address without a trailing slash; empty before the start.
    """

    def __init__(
        self, world: World, settings: EmulatorSettings | None = None, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._app = create_app(world, settings)
        self._emulator: Emulator = self._app.state.emulator
        self._host, self._port = host, port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None
        self.url = ""

    def start(self) -> EmulatorServer:
        """Start serving.

        Raises:
            OSError: the port is taken.
            RuntimeError: the server did not come up.
        """
        self._socket = socket.create_server((self._host, self._port), backlog=512)
        port = self._socket.getsockname()[1]
        server = self._server = uvicorn.Server(_config(self._app))
        self._thread = threading.Thread(
            target=server.run, kwargs={"sockets": [self._socket]}, name="emulator-server", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError("The emulator did not start; look for an earlier error in the log.")
            time.sleep(0.005)
        self.url = f"http://{self._host}:{port}"
        return self

    def stop(self) -> None:
        """Stop serving; running requests are finished first."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(timeout=15.0)
            self._thread = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._server = None

    def __enter__(self) -> EmulatorServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stats(self) -> dict[str, Any]:
        """Counters since the start or the last reset."""
        return self._emulator.stats_dict()

    def faults(self, faults: Iterable[Fault | Mapping[str, Any]]) -> None:
        """Replace the scripted faults.

        Raises:
            ValueError: a fault is malformed.
        """
        self._emulator.faults.replace([item if isinstance(item, Fault) else Fault.from_dict(item) for item in faults])

    def reset(self) -> None:
        """Forget faults and counters."""
        self._emulator.reset()

    def use_world(self, world: World) -> None:
        """Serve another world from now on."""
        self._emulator.use_world(world)


def serve(world: World, host: str = "127.0.0.1", port: int = 8765, settings: EmulatorSettings | None = None) -> None:
    """Serve a world until interrupted.

    Raises:
        SignaturesMissing: the installed ``ee`` client does not ship its function list.
    """
    uvicorn.Server(_config(create_app(world, settings), host=host, port=port)).run()
