"""How verdicts are made from what was observed."""

from __future__ import annotations

from typing import Any

from geomeld_build.captions.claims.model import Verdict

__all__ = ["denied", "unknown", "verdict"]


def verdict(holds: bool | None, signal: str, observed: Any, expected: str) -> Verdict:
    """Supported where it holds, contradicted where it does not, unverifiable where one cannot say (None)."""
    if isinstance(observed, float):
        observed = round(observed, 4)
    if holds is None:
        return Verdict("unverifiable", signal, observed, expected)
    return Verdict("supported" if holds else "contradicted", signal, observed, expected)


def unknown(signal: str, why: str) -> Verdict:
    """Nothing is known of it."""
    return Verdict("unverifiable", signal, None, why)


def denied(found: Verdict) -> Verdict:
    """The verdict on the opposite."""
    if found.label == "unverifiable":
        return found
    label = "contradicted" if found.label == "supported" else "supported"
    return Verdict(label, found.signal, found.observed, f"not ({found.expected})")  # type: ignore[arg-type]
