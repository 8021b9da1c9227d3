"""How the emulated service behaves apart from its data: quotas, latency, limits, threads."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["EmulatorSettings", "LatencySettings", "LimitSettings", "QuotaSettings"]


@dataclass(frozen=True, slots=True)
class QuotaSettings:
    """Request quotas. ``None`` switches a quota off."""

    concurrent: int | None = 40
    """Most requests in flight; the next one is answered 429."""
    per_second: int | None = 100
    """Most requests within any one second; the next one is answered 429."""
    restricted: bool = False
    """Send the header that tells the client that its noncommercial compute quota is spent."""


@dataclass(frozen=True, slots=True)
class LatencySettings:
    """Artificial delay of every request but the control endpoints. The jitter depends on the request number only."""

    fixed_s: float = 0.0
    jitter_s: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Size limits of one request, as documented by the service."""

    pixel_bytes: int = 50_331_648
    """Most bytes of one pixel answer: width * height * sum of the bands' item sizes."""
    side: int = 32_768
    bands: int = 1_024
    elements: int = 5_000
    """Most elements of a collection answered by ``value:compute``."""
    window_pixels: int = 4_194_304
    """Most native pixels that are read at once; a sparser request is split."""
    native_pixels: int = 1_073_741_824
    """Most native pixels that one request may read in all; beyond it memory is said to be exceeded."""


@dataclass(frozen=True, slots=True)
class EmulatorSettings:
    """Everything that :func:`geomeld_build.emulator.serve.create_app` can be told."""

    quota: QuotaSettings = field(default_factory=QuotaSettings)
    latency: LatencySettings = field(default_factory=LatencySettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    threads: int = 4
    """Threads that evaluate requests."""
