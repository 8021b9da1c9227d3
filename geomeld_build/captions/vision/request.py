"""Requests to a server, and what they are called: equal requests have equal names."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from geomeld_build.captions.vision.image import TileImages
from geomeld_build.captions.vision.prompt import SYSTEM
from geomeld_build.captions.vision.settings import VisionSettings

__all__ = ["request_body", "request_sha", "seed_of"]


def seed_of(tile_id: str, seed: int, attempt: int = 0) -> int:
    """The seed that a tile's request carries, below 2**31, since some servers take no larger one."""
    digest = hashlib.blake2b(f"{tile_id}/{seed}/{attempt}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") & 0x7FFF_FFFF


def request_body(settings: VisionSettings, images: TileImages, text: str, *, count: int, seed: int) -> dict[str, Any]:
    """The body of a chat completion with so many answers.

    Args:
        settings: which model, and how it writes.
        images: what it sees.
        text: what it is told.
        count: answers.
        seed: of their words.
    """
    shown = [images.main] + ([images.false_colour] if images.false_colour is not None else [])
    content: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": _data_uri(png)}} for png in shown]
    content.append({"type": "text", "text": text})
    return {
        "model": settings.model,
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": content}],
        "n": count,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "max_tokens": settings.max_tokens,
        "seed": seed,
    }


def request_sha(body: Mapping[str, Any]) -> str:
    """The name of a request: a hash of all of it, pictures too. It does not depend on the server."""
    plain = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
