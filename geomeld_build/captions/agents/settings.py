"""Settings of a captioning run, and the agents that they describe."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from geomeld_build.captions.agents.captioner import Captioner, GrammarCaptioner
from geomeld_build.captions.agents.evaluator import GroundedScorer, Scorer
from geomeld_build.captions.agents.nodes import Agents
from geomeld_build.captions.agents.record import CAPTIONS_VERSION, short_sha
from geomeld_build.captions.claims.lexicon.all import lexicon_sha
from geomeld_build.captions.claims.verify import VERIFIER_VERSION

__all__ = ["CaptionSettings", "agents_of", "config_sha_of"]


class CaptionSettings(BaseModel):
    """Everything that decides the captions of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    producer: str = Field("grammar", min_length=1, description="Names the run in the table.")
    captioner: Literal["grammar"] = Field("grammar", description="Who writes.")
    count: int = Field(5, ge=1, le=64, description="Candidates a tile.")
    seed: int = Field(0, ge=0, description="Another seed, other words.")
    withhold: tuple[str, ...] = Field((), description="Signals that captions are not to stand on.")
    driver: Literal["machine", "langgraph"] = Field("machine", description="What runs the agents' steps.")


def agents_of(settings: CaptionSettings) -> Agents:
    """The agents that the settings describe."""
    captioner: Captioner = GrammarCaptioner(settings.seed)
    scorer: Scorer = GroundedScorer()
    return Agents(captioner, scorer, settings.count, settings.seed)


def config_sha_of(settings: CaptionSettings, agents: Agents) -> str:
    """A hash of what decides a text: the settings and the versions of the rules, not who runs the steps."""
    decides: dict[str, Any] = {
        "captioner": agents.captioner.describe(),
        "evaluator": agents.scorer.describe(),
        "count": settings.count,
        "seed": settings.seed,
        "withhold": sorted(settings.withhold),
        "verifier": VERIFIER_VERSION,
        "lexicon": lexicon_sha(),
        "record": CAPTIONS_VERSION,
    }
    return short_sha(decides)
