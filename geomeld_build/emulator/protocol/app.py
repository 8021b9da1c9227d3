"""The ASGI application: routing, quotas, latency, faults, statistics."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from geomeld_build.emulator.errors import ServiceError
from geomeld_build.emulator.faults import Fault, FaultPlan
from geomeld_build.emulator.limits import Quota, delay_s
from geomeld_build.emulator.protocol.connection import ConnectionRegistry, CutResponse
from geomeld_build.emulator.protocol.discovery import discovery_document
from geomeld_build.emulator.protocol.service import Answer, Service
from geomeld_build.emulator.settings import EmulatorSettings
from geomeld_build.emulator.signatures import algorithms_document, algorithms_gzip
from geomeld_build.emulator.stats import Stats
from geomeld_build.emulator.worlds.base import World

__all__ = ["Emulator", "endpoint_of"]

_LOG = logging.getLogger(__name__)
_RESTRICTED = {"x-earth-engine-quota-status": "parallelism_restricted=true"}
_PROFILE = "x-earth-engine-computation-profiling"
_SUFFIXES = (
    "value:compute",
    "image:computePixels",
    "table:computeFeatures",
    ":listAssets",
    ":listFeatures",
    ":getPixels",
)


def endpoint_of(method: str, path: str) -> str:
    """The name of an endpoint, as statistics and faults know it."""
    if path.startswith("/$discovery"):
        return "discovery"
    if path.endswith("/algorithms"):
        return "algorithms"
    if "/thumbnails" in path and "/assets/" not in path:
        return "thumbnails:getPixels" if path.endswith(":getPixels") else "thumbnails"
    if "/maps" in path and "/assets/" not in path:
        return "maps:getTile" if "/tiles/" in path else "maps"
    for suffix in _SUFFIXES:
        if path.endswith(suffix):
            return suffix.lstrip(":")
    return "getAsset" if method == "GET" and "/assets" in path else "unknown"


class Emulator:
    """Answers requests over one world, and keeps the state that tests look at.

    Attributes:
        stats: counters.
        faults: faults still to come.
        connections: open connections, where the server registers them.
    """

    def __init__(self, world: World, settings: EmulatorSettings) -> None:
        self._settings = settings
        self._service = Service(world, settings)
        self.stats = Stats()
        self.faults = FaultPlan()
        self.connections = ConnectionRegistry()
        self._quota = Quota(settings.quota)
        self._number = 0
        self._pool: ThreadPoolExecutor | None = None

    def start(self) -> None:
        """Start the threads that evaluate."""
        self._pool = ThreadPoolExecutor(self._settings.threads, thread_name_prefix="emulator")

    def stop(self) -> None:
        """Wait for running evaluations, then end the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def use_world(self, world: World) -> None:
        """Serve another world from now on."""
        self._service.world = world

    def reset(self) -> None:
        """Forget faults and counters; request numbers, on which the jitter depends, start again."""
        self.faults.replace(())
        self.stats.clear()
        self._number = 0

    def stats_dict(self) -> dict[str, Any]:
        """Counters as JSON."""
        return self.stats.as_dict() | {"in_flight": self._quota.in_flight, "peak_in_flight": self._quota.peak}

    async def discovery(self, request: Request) -> Response:
        """The discovery document."""
        self.stats.request("discovery", request.url.path, b"", None)
        self.stats.answer(200, 0)
        return JSONResponse(discovery_document(str(request.base_url)))

    async def algorithms(self, request: Request) -> Response:
        """The function list, compressed when accepted."""
        self.stats.request("algorithms", request.url.path, b"", None)
        self.stats.answer(200, 0)
        media_type = "application/json; charset=UTF-8"
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(algorithms_gzip(), media_type=media_type, headers={"content-encoding": "gzip"})
        return Response(algorithms_document(), media_type=media_type)

    async def handle(self, request: Request) -> Response:
        """Any request of the service."""
        path, body = request.url.path, await request.body()
        endpoint = endpoint_of(request.method, path)
        parsed = _parse(body)
        tag = parsed.get("workloadTag") if isinstance(parsed, Mapping) else None
        self.stats.request(endpoint, path, body, None if tag is None else str(tag))
        try:
            self._quota.enter()
        except ServiceError as exc:
            return self._error(exc)
        try:
            return await self._admitted(request, endpoint, path, body, parsed)
        finally:
            self._quota.leave()

    async def _admitted(self, request: Request, endpoint: str, path: str, body: bytes, parsed: Any) -> Response:
        self._number += 1
        fault = self.faults.take(endpoint, path, body)
        delay = delay_s(self._settings.latency, self._number) + (0.0 if fault is None else fault.latency_s)
        if delay > 0:
            await asyncio.sleep(delay)
        if fault is not None:
            self.stats.fault(fault.kind)
        if fault is not None and fault.kind == "error":
            return self._error(_error_of(fault))
        if fault is not None and fault.kind == "reset":
            self.stats.answer(0, 0)
            return CutResponse(self.connections, request.client, b"", reset=True)
        response = await self._evaluated(request, endpoint, parsed)
        if fault is not None and fault.kind == "truncate":
            return CutResponse(self.connections, request.client, bytes(response.body), reset=False)
        return response

    async def _evaluated(self, request: Request, endpoint: str, parsed: Any) -> Response:
        call = self._call(request, endpoint, parsed)
        start = time.perf_counter()
        assert self._pool is not None, "the application was not started"
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._pool, call)
        except ServiceError as exc:
            self.stats.work(time.perf_counter() - start, 0, 0)
            return self._error(exc)
        except Exception as exc:
            # A server answers whatever happens: 400, because clients retry 500 for half a minute.
            _LOG.exception("The emulator failed on %s.", request.url.path)
            return self._error(ServiceError(f"Internal error of the emulator: {type(exc).__name__}: {exc}", 400))
        self.stats.work(time.perf_counter() - start, answer.pixels, answer.native_pixels)
        self.stats.answer(200, len(answer.body))
        headers = dict(_RESTRICTED) if self._settings.quota.restricted else {}
        if request.headers.get(_PROFILE) == "1":
            headers["x-earth-engine-computation-profile"] = f"{self._number}"
        return Response(answer.body, media_type=answer.media_type, headers=headers)

    def _call(self, request: Request, endpoint: str, parsed: Any) -> Callable[[], Answer]:
        service = self._service
        name = request.url.path.removeprefix("/v1/").rsplit(":", 1)[0]
        query = dict(request.query_params)
        calls: dict[str, Callable[[], Answer]] = {
            "value:compute": lambda: service.compute_value(_object(parsed)),
            "image:computePixels": lambda: service.compute_pixels(_object(parsed)),
            "table:computeFeatures": lambda: service.compute_features(_object(parsed)),
            "thumbnails": lambda: service.create_thumbnail(name.removesuffix("/thumbnails"), _object(parsed)),
            "thumbnails:getPixels": lambda: service.thumbnail_pixels(name),
            "maps": lambda: service.create_map(name.removesuffix("/maps"), _object(parsed)),
            "maps:getTile": lambda: service.map_tile(name),
            "getPixels": lambda: service.get_pixels(name, _object(parsed)),
            "listAssets": lambda: service.list_assets(name, query),
            "listFeatures": lambda: service.list_features(name, query),
            "getAsset": lambda: service.get_asset(request.url.path.removeprefix("/v1/")),
        }
        return calls.get(endpoint, lambda: _unknown(request))

    def _error(self, exc: ServiceError) -> Response:
        body = json.dumps(exc.body()).encode()
        self.stats.answer(exc.status, len(body))
        return Response(body, exc.status, media_type="application/json; charset=UTF-8", headers=exc.headers)


def _unknown(request: Request) -> Answer:
    raise ServiceError(f"{request.method} {request.url.path}: this endpoint is not emulated.", 404)


def _parse(body: bytes) -> Any:
    if not body:
        return {}
    try:
        return json.loads(body)
    except ValueError:
        return None


def _object(parsed: Any) -> Mapping[str, Any]:
    if not isinstance(parsed, Mapping):
        raise ServiceError("Invalid JSON payload received.")
    return parsed


def _error_of(fault: Fault) -> ServiceError:
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    return ServiceError(fault.message, fault.status, headers=headers, reason=fault.reason)
