"""Settings of a captioning run, and the agents that they describe."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from geomeld_build.captions.agents.captioner import Captioner, GrammarCaptioner
from geomeld_build.captions.agents.evaluator import GroundedScorer, ImageScorer, Scorer
from geomeld_build.captions.agents.nodes import Agents
from geomeld_build.captions.agents.record import CAPTIONS_VERSION, short_sha
from geomeld_build.captions.claims.lexicon.all import lexicon_sha
from geomeld_build.captions.claims.verify import VERIFIER_VERSION
from geomeld_build.captions.vision.settings import VisionSettings
from geomeld_build.errors import ConfigError

__all__ = ["REMOTECLIP", "CaptionSettings", "ScorerSettings", "agents_of", "config_sha_of"]


REMOTECLIP = "geomeld_build.train.remoteclip.scorer:open_remoteclip"
"""What opens RemoteCLIP. It needs torch, which captions do not: it is imported where it is asked for."""


class ScorerSettings(BaseModel):
    """Something that compares texts with pictures, opened in every process that captions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    opener: str = Field(
        pattern=r"^[\w.]+:\w+$", description="What opens it, as module:function; it returns an ImageScorer."
    )
    options: tuple[tuple[str, str], ...] = Field((), description="Keyword arguments of the opener.")


class CaptionSettings(BaseModel):
    """Everything that decides the captions of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    producer: str = Field("grammar", min_length=1, description="Names the run in the table.")
    vision: VisionSettings | None = Field(None, description="Model that writes; without, the grammar does.")
    image_scorer: ScorerSettings | None = Field(None, description="What compares candidates with the picture.")
    preset: Literal["paper"] | None = Field(
        None, description="paper: as GeoMeld was captioned, by a vision model whose texts RemoteCLIP ranks."
    )
    count: int = Field(5, ge=1, le=64, description="Candidates a tile.")
    seed: int = Field(0, ge=0, description="Another seed, other words.")
    withhold: tuple[str, ...] = Field((), description="Signals that captions are not to stand on.")
    driver: Literal["machine", "langgraph"] = Field("machine", description="What runs the agents' steps.")

    @model_validator(mode="after")
    def _paper_is_whole(self) -> Self:
        ranked = self.image_scorer is not None and self.image_scorer.opener == REMOTECLIP
        if self.preset == "paper" and (self.vision is None or not ranked):
            raise ValueError(
                "the preset 'paper' needs a vision model (--url, --model) and RemoteCLIP (--remoteclip, --clip-vocab): "
                "without both, captions are not made as GeoMeld's were"
            )
        return self

    @property
    def looks(self) -> bool:
        """Whether anybody needs pictures of the tiles."""
        return self.vision is not None or self.image_scorer is not None


def agents_of(settings: CaptionSettings) -> Agents:
    """The agents that the settings describe.

    Raises:
        ConfigError: what compares texts with pictures cannot be opened.
    """
    captioner: Captioner = GrammarCaptioner(settings.seed)
    if settings.vision is not None:
        from geomeld_build.captions.vision.captioner import VisionCaptioner

        captioner = VisionCaptioner(settings.vision, settings.seed)
    image = None if settings.image_scorer is None else _opened(settings.image_scorer)
    scorer: Scorer = GroundedScorer(image)
    return Agents(captioner, scorer, settings.count, settings.seed)


def _opened(settings: ScorerSettings) -> ImageScorer:
    module, _, function = settings.opener.partition(":")
    try:
        opener = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"cannot open the scorer {settings.opener}: {error}") from error
    scorer: ImageScorer = opener(**dict(settings.options))
    return scorer


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
