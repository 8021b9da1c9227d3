"""A wire with the protocol of Earth Engine on top and scripted answers below: no socket is opened."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ee
import numpy as np
from numpy.typing import NDArray

from geomeld_build.sources.earthengine import EarthEngineSource
from geomeld_build.sources.earthengine_retry import RetryPolicy
from geomeld_build.sources.earthengine_session import Session, endpoint
from geomeld_build.sources.earthengine_transport import Transport
from geomeld_build.sources.limits import LocalLimiter
from geomeld_build.sources.wire import Answer, Request, WireError

JSON = {"content-type": "application/json; charset=UTF-8"}
Reply = Answer | WireError
QUICK = RetryPolicy(attempts=6, base_s=0.001, cap_s=0.002, budget_s=5.0)


def ok(content: Any) -> Answer:
    body = json.dumps(content).encode()
    return Answer(200, JSON, body, len(body))


def refusal(status: int, message: str, **headers: str) -> Answer:
    body = json.dumps({"error": {"code": status, "message": message, "status": "X"}}).encode()
    return Answer(status, {**JSON, **headers}, body, len(body))


def npy(array: NDArray[Any]) -> Answer:
    from io import BytesIO

    stream = BytesIO()
    np.save(stream, array)
    body = stream.getvalue()
    return Answer(200, {"content-type": "application/octet-stream"}, body, len(body))


class FakeService:
    """Answers the three requests of initialisation from the ``ee`` wheel, everything else from ``answer``."""

    def __init__(self, answer: Callable[[Request], Reply] | Sequence[Reply] = ()) -> None:
        self._answer = answer
        self._script = list(answer) if not callable(answer) else []
        self.asked: list[Request] = []

    def send(self, request: Request) -> Answer:
        if "$discovery" in request.url:
            return ok(_discovery())
        if "/algorithms" in request.url:
            content = Path(ee.__file__).with_name("tests") / "algorithms.json"
            return ok(json.loads(content.read_text()))
        self.asked.append(request)
        reply = self._answer(request) if callable(self._answer) else self._script.pop(0)
        if isinstance(reply, WireError):
            raise reply
        return reply

    def close(self) -> None:
        pass

    def body(self, n: int = -1) -> dict[str, Any]:
        found = json.loads(self.asked[n].body)
        assert isinstance(found, dict)
        return found


def fake_transport(service: Any, policy: RetryPolicy = QUICK) -> Transport:
    return Transport(service, LocalLimiter(rate=1e6, burst=1000), policy=policy, sleep=lambda _: None)


def fake_source(service: Any, *, project: str = "local", tag: str = "", **options: Any) -> EarthEngineSource:
    transport = fake_transport(service)
    where = endpoint(f"http://h{id(service)}.invalid", project, None)
    return EarthEngineSource(Session(where, transport, tag), **options)


def _method(name: str, path: str, verb: str, parameter: str) -> dict[str, Any]:
    return {
        "id": f"earthengine.{name}",
        "httpMethod": verb,
        "path": path,
        "flatPath": path,
        "parameters": {parameter: {"type": "string", "location": "path", "required": True, "pattern": "^projects/.+$"}},
        "parameterOrder": [parameter],
        "response": {"$ref": "Any"},
        **({"request": {"$ref": "Any"}} if verb == "POST" else {}),
    }


def _discovery() -> dict[str, Any]:
    def group(name: str, method: str, path: str, verb: str = "POST", parameter: str = "project") -> dict[str, Any]:
        return {"methods": {method: _method(f"{name}.{method}", f"v1/{{+{parameter}}}/{path}", verb, parameter)}}

    resources = {
        "value": group("value", "compute", "value:compute"),
        "image": group("image", "computePixels", "image:computePixels"),
        "table": group("table", "computeFeatures", "table:computeFeatures"),
        "algorithms": group("algorithms", "list", "algorithms", "GET", "parent"),
    }
    common = {"type": "string", "location": "query"}
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": "earthengine:v1",
        "name": "earthengine",
        "version": "v1",
        "rootUrl": "http://fake.invalid/",
        "baseUrl": "http://fake.invalid/",
        "servicePath": "",
        "batchPath": "batch",
        "protocol": "rest",
        "parameters": dict.fromkeys(("alt", "key", "fields"), common) | {"prettyPrint": {**common, "type": "boolean"}},
        "schemas": {"Any": {"id": "Any", "type": "object", "additionalProperties": {"type": "any"}}},
        "resources": {"projects": {"resources": resources}},
    }
