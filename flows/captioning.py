"""From the parameters of `caption-tiles` to what the captioning takes, and its summary for people. No Prefect here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geomeld_build.build.config import DaskConfig
    from geomeld_build.captions.agents.run import CaptionSummary
    from geomeld_build.captions.agents.settings import CaptionSettings
    from geomeld_build.captions.context.sources import ContextSources

__all__ = ["CaptionPlan", "caption_markdown", "caption_plan"]


@dataclass(frozen=True)
class CaptionPlan:
    """What a run does."""

    store: str
    settings: "CaptionSettings"
    sources: "ContextSources"
    sources_given: bool
    """Whether the run names any, which then replace those of tiles that were measured before."""
    dask: "DaskConfig"
    retry_fallbacks: bool


def caption_plan(parameters: Mapping[str, Any]) -> CaptionPlan:
    """Check the flow's parameters.

    Raises:
        ConfigError: one does not fit; the message names it.
    """
    from pydantic import ValidationError

    from geomeld_build.build.config import DaskConfig
    from geomeld_build.captions.agents.settings import CaptionSettings
    from geomeld_build.captions.context.geography import Atlas
    from geomeld_build.captions.context.sources import ContextSources
    from geomeld_build.captions.vision.settings import VisionSettings
    from geomeld_build.errors import ConfigError

    url, model = parameters["vision_url"], parameters["vision_model"]
    if (url is None) != (model is None):
        raise ConfigError("a vision model needs both vision_url and vision_model")
    layers = {name: Path(parameters[name]) for name in ("countries", "admin1", "ecoregions") if parameters[name]}
    extracts = tuple(Path(name) for name in _names(parameters["osm"]))
    try:
        vision = None
        if url is not None:
            vision = VisionSettings(url=url, model=model, at_once=parameters["at_once"], cache=parameters["answers"])
        return CaptionPlan(
            store=parameters["store"],
            settings=CaptionSettings(
                producer=parameters["producer"] or model or "grammar",
                vision=vision,
                count=parameters["k"],
                seed=parameters["seed"],
                withhold=_names(parameters["withhold"]),
            ),
            sources=ContextSources(extracts, parameters["osm_complete"], Atlas(**layers)),
            sources_given=bool(extracts or layers or parameters["osm_complete"]),
            dask=DaskConfig(
                mode=parameters["dask_mode"], address=parameters["dask_address"], n_workers=parameters["workers"]
            ),
            retry_fallbacks=parameters["retry_fallbacks"],
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{where}: {first['msg']}, got {first['input']!r}") from error


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def caption_markdown(summary: "CaptionSummary") -> str:
    """A page for people about one run."""
    rows: dict[str, object] = {
        "store": f"`{summary.store}`",
        "producer": summary.producer,
        "tiles with signals": summary.tiles,
        "captioned": summary.captioned,
        "already there": summary.already,
        **{name.replace("_", " "): count for name, count in sorted(summary.statuses.items())},
        "groundedness": summary.groundedness,
    }
    if summary.account.requests or summary.account.from_cache:
        rows |= {name.replace("_", " "): count for name, count in summary.account.to_json().items()}
        rows["cost, USD"] = round(summary.cost_usd, 4)
    lines = ["# Captions", "", "| | |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {name} | {value} |" for name, value in rows.items())])
