"""What a run asked of servers, and what it cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from geomeld_build.captions.vision.answer import Usage

__all__ = ["Account"]


@dataclass(frozen=True, slots=True)
class Account:
    """Sums; they add up over tiles and workers."""

    requests: int = 0
    """Answered by a server."""
    from_cache: int = 0
    retries: int = 0
    failures: int = 0
    """Given up."""
    tokens_read: int = 0
    tokens_written: int = 0

    def __add__(self, other: Account) -> Account:
        return Account(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @classmethod
    def of(cls, usage: Usage) -> Account:
        """One request that a server answered."""
        return cls(requests=1, tokens_read=usage.read, tokens_written=usage.written)

    def cost_usd(self, per_million_read: float, per_million_written: float) -> float:
        """What the tokens cost at these prices."""
        return (self.tokens_read * per_million_read + self.tokens_written * per_million_written) / 1e6

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)
