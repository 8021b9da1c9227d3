"""Which model, where, and how it is asked."""

from __future__ import annotations

import os
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["KEY_VARIABLE", "VisionSettings"]

KEY_VARIABLE = "GEOMELD_VISION_KEY"
"""Environment variable with the server's key, if it wants one. It is written nowhere."""


class VisionSettings(BaseModel):
    """A vision-language model behind any server that speaks OpenAI's chat completions: vLLM, LMDeploy, SGLang, ..."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="Base of the API, e.g. http://localhost:8000/v1.", pattern=r"^https?://")
    model: str = Field(min_length=1, description="Name of the model at the server.")
    temperature: float = Field(0.7, ge=0.0, le=2.0, description="How freely it writes.")
    top_p: float = Field(0.9, gt=0.0, le=1.0, description="Share of the probability that words are drawn from.")
    max_tokens: int = Field(120, ge=16, description="Longest answer.")
    false_colour: bool = Field(False, description="Also send near infrared, red and green as a second image.")
    timeout_s: float = Field(120.0, gt=0.0, description="Longest wait for an answer.")
    tries: int = Field(4, ge=1, le=10, description="How often a request that fails for now is sent.")
    at_once: int = Field(16, ge=1, le=256, description="Tiles in flight in a process.")
    cache: str | None = Field(None, description="Folder of raw answers; nothing is asked twice.")
    offline: bool = Field(False, description="Use the folder of answers only.")
    usd_per_million_in: float = Field(0.0, ge=0.0, description="Price of tokens read, for the account.")
    usd_per_million_out: float = Field(0.0, ge=0.0, description="Price of tokens written, for the account.")

    def decides(self) -> dict[str, Any]:
        """What decides an answer, as far as one can: not where the server is, nor how patient we are."""
        return self.model_dump(include={"model", "temperature", "top_p", "max_tokens", "false_colour"})

    def key(self) -> str | None:
        """The server's key from the environment."""
        return os.environ.get(KEY_VARIABLE) or None
