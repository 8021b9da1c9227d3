"""A server that speaks OpenAI's chat completions and writes as models do: fluent, mostly right, at a known rate wrong.

It reads what the prompt lists, words it by sentences of its own, adds things that nobody can tell, and lies about a
stated share of the tiles. It can be slow, limit its rate, cut off answers, say nothing, break off, or write what is no
JSON.
"""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any

from PIL import Image

from tests.support.injections import KINDS, inject

__all__ = ["MODEL", "Stub", "running_stub"]

MODEL = "stub-vl-1"
_NOUNS = {
    "tree": "tree cover", "shrub": "shrubland", "grass": "grassland", "crop": "farmland", "built": "built-up land",
    "bare": "bare ground", "snow": "snow and ice", "water": "open water", "wetland": "wetland",
    "mangrove": "mangroves", "moss": "moss and lichen",
}  # fmt: skip
_PLACES = {"NW": "north-west", "NE": "north-east", "SW": "south-west", "SE": "south-east", "centre": "centre"}
_IDLE = (
    "A few cars can be made out along the roads.",
    "The trees appear to be mostly birch and oak.",
    "The place has a long history of settlement.",
    "People seem to be at work in the fields.",
)
_FAULTS = ("slow", "limited", "overloaded", "truncated", "empty", "garbled", "cut", "refused")


@dataclass
class Stub:
    """What the server does, and what it did."""

    records: Mapping[int, dict[str, Any]]
    """Seed of a request to the signals of its tile, to lie about them."""
    lie_rate: float = 0.0
    idle_rate: float = 0.2
    faults: Mapping[str, float] = field(default_factory=dict)
    """Kind to the share of requests that it happens to."""
    slow_s: float = 1.0
    most_choices: int = 64
    """Some servers give one choice whatever they are asked for."""
    url: str = ""
    seen: Counter[str] = field(default_factory=Counter)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    lies: dict[str, str] = field(default_factory=dict)
    """Caption to the lie in it."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        assert set(self.faults) <= set(_FAULTS)

    def fault(self, number: int) -> str | None:
        """What happens to a request, by its number."""
        draw, above = Random(f"fault {number}").random(), 0.0
        for kind, rate in self.faults.items():
            above += rate
            if draw < above:
                return kind
        return None

    def caption(self, body: Mapping[str, Any], index: int) -> str:
        """One description."""
        told = body["messages"][-1]["content"][-1]["text"]
        block = json.loads(told[told.index("Measured:") + 9 :].split("\n\nThese statements")[0])
        rng = Random(f"{body['seed']} {index} {'These statements' in told}")
        text = _described(block, rng)
        if rng.random() < self.idle_rate:
            text += f" {rng.choice(_IDLE)}"
        record = self.records.get(body["seed"])
        if record is not None and rng.random() < self.lie_rate:
            kinds = list(KINDS)
            rng.shuffle(kinds)
            for kind in kinds:
                lie = inject(text, record, kind, str(body["seed"] + index))
                if lie is not None:
                    with self.lock:
                        self.lies[lie.text] = lie.text[lie.start : lie.end]
                    return lie.text
        return text


def _described(block: Mapping[str, Any], rng: Random) -> str:
    sentences = []
    cover = list((block.get("land_cover_percent") or {}).items())
    if cover:
        (top, share), *rest = cover
        sentences.append(f"{_NOUNS[top].capitalize()} makes up about {share}% of this scene")
        if rest:
            sentences[-1] += f", with {_NOUNS[rest[0][0]]} on roughly {rest[0][1]}%"
    for place, shares in list((block.get("quadrants_percent") or {}).items())[: rng.randrange(3)]:
        ((top, part),) = shares.items()
        sentences.append(f"The {_PLACES[place]} {'is mostly' if part > 55 else 'has some'} {_NOUNS[top]}")
    terrain = block.get("terrain") or {}
    if "elevation_m" in terrain and rng.random() < 0.7:
        sentences.append(f"The ground lies at around {terrain['elevation_m']['mean']} m above sea level")
    place = block.get("place") or {}
    if "country" in place and rng.random() < 0.6:
        sentences.append(f"This is a landscape in {place['country']}")
    if block.get("season") not in {None, "tropical"} and rng.random() < 0.5:
        sentences.append(f"It was taken in {block['season']}")
    rng.shuffle(sentences)
    return ". ".join(sentences) + "."


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stub: Stub

    def log_message(self, format: str, *args: object) -> None:
        """Quietly."""

    def do_GET(self) -> None:
        self._say(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        stub = self.stub
        with stub.lock:
            number = stub.seen["requests"]
            stub.seen["requests"] += 1
            stub.bodies.append(body)
        fault = stub.fault(number)
        if fault is not None:
            with stub.lock:
                stub.seen[fault] += 1
        if fault == "slow":
            time.sleep(stub.slow_s)
        if fault == "limited":
            self._say(429, {"error": {"message": "slow down"}}, {"Retry-After": "0.05"})
        elif fault == "overloaded":
            self._say(503, {"error": {"message": "no capacity"}})
        elif fault == "refused":
            self._say(400, {"error": {"message": "this request is not to our liking"}})
        elif fault == "cut":
            self.close_connection = True
        elif fault == "garbled":
            self._raw(200, b'{"choices": [{"message": {"content": "Half an ans')
        else:
            self._say(200, self._answer(body, fault))

    def _answer(self, body: Mapping[str, Any], fault: str | None) -> dict[str, Any]:
        image = body["messages"][-1]["content"][0]["image_url"]["url"]
        Image.open(io.BytesIO(base64.b64decode(image.split(",", 1)[1]))).verify()
        count = min(body["n"], self.stub.most_choices)
        texts = [self.stub.caption(body, index) for index in range(count)]
        reason = "stop"
        if fault == "empty":
            texts = ["" for _ in texts]
        elif fault == "truncated":
            texts, reason = [text[: len(text) * 2 // 3] for text in texts], "length"
        choices = [
            {"index": index, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
            for index, text in enumerate(texts)
        ]
        written = sum(len(text.split()) for text in texts)
        return {
            "model": MODEL,
            "choices": choices,
            "usage": {"prompt_tokens": 700, "completion_tokens": written},
            "system_fingerprint": "stub",
        }

    def _say(self, status: int, document: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        self._raw(status, json.dumps(document).encode(), headers)

    def _raw(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        try:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            # The client went away, as it should from a server that is slow.
            self.close_connection = True


@contextmanager
def running_stub(stub: Stub) -> Iterator[Stub]:
    """Serve on a free port of this machine."""
    handler = type("Handler", (_Handler,), {"stub": stub})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
