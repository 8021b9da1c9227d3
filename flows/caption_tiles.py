"""The flow `caption-tiles`: a thin layer over `geomeld_build.captions`.

One task measures the signals that are missing, one captions the tiles that have no caption of these settings, one
reports. Running again goes on where the last run was. The state of a run says how it ended: `Completed`, `Partial` when
tiles were rejected or the grammar stood in for the model, `Misconfigured`, `Failed`.

No ``from __future__ import annotations`` here: Prefect resolves the annotations of flows at run time.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows.build_tiles import _failed
from flows.captioning import CaptionPlan, caption_plan
from flows.reporting import forwarded_logs
from flows.sampling_report import StepBars

if TYPE_CHECKING:
    from geomeld_build.captions.agents.run import CaptionSummary

__all__ = ["FINISHED_EVENT", "caption_tiles"]

FINISHED_EVENT = "geomeld.caption-tiles.finished"
"""Event that a run emits when its captions are written, with the summary as payload."""


@flow(name="caption-tiles", description="Measure what tiles show and caption them: what is missing, and nothing else.")
def caption_tiles(
    store: str,
    producer: str | None = None,
    k: Annotated[int, Field(ge=1, le=64)] = 5,
    seed: Annotated[int, Field(ge=0)] = 0,
    withhold: str | None = None,
    osm: str | None = None,
    osm_complete: bool = False,
    countries: str | None = None,
    admin1: str | None = None,
    ecoregions: str | None = None,
    vision_url: str | None = None,
    vision_model: str | None = None,
    at_once: Annotated[int, Field(ge=1, le=256)] = 16,
    answers: str | None = None,
    retry_fallbacks: bool = False,
    dask_mode: Literal["sync", "threads", "local", "address"] = "sync",
    dask_address: str | None = None,
    workers: Annotated[int, Field(ge=1)] = 2,
) -> State[Any]:
    """Measure and caption the tiles of a store that need it.

    Args:
        store: folder or URL of the store.
        producer: names these captions. Default: who writes them.
        k: candidates a tile.
        seed: another seed, other words.
        withhold: signals that captions are not to stand on, such as "biome,season".
        osm: extracts of OpenStreetMap on the worker's machine, with commas between them.
        osm_complete: what the extracts lack is not there.
        countries: polygons of countries.
        admin1: polygons of states and provinces.
        ecoregions: polygons of RESOLVE Ecoregions 2017.
        vision_url: OpenAI-compatible server of a vision model. Without, the grammar writes.
        vision_model: its model.
        at_once: tiles in flight at the server, a process.
        answers: folder of the model's answers.
        retry_fallbacks: caption tiles again that the model had no answer for.
        dask_mode: where captions are made.
        dask_address: scheduler, with mode `address`.
        workers: processes, with mode `local`.
    """
    from geomeld_build.errors import ConfigError, GeomeldError

    parameters = locals()
    with forwarded_logs(get_run_logger()):
        try:
            plan = caption_plan(parameters)
        except ConfigError as error:
            return _failed(error)
        measured = measure(plan, return_state=True).result(raise_on_failure=False)
        summary: Any = measured
        if not isinstance(measured, BaseException):
            summary = caption(plan, return_state=True).result(raise_on_failure=False)
        if isinstance(summary, GeomeldError):
            return _failed(summary)
        if isinstance(summary, BaseException):
            raise summary
    report(summary)
    return _ended(summary)


@task(name="measure", cache_policy=NO_CACHE)
def measure(plan: CaptionPlan) -> bool:
    """Signals of the tiles that lack them, with live progress; true when all have them."""
    from geomeld_build.captions.signals.table import measure_store
    from geomeld_build.errors import GeomeldError

    try:
        with StepBars(get_run_logger(), flow="caption-tiles") as progress:
            measure_store(
                plan.store,
                plan.sources,
                again=plan.sources_given,
                progress=lambda done, total: progress("signals", done, total),
            )
            return True
    except GeomeldError as error:
        return Failed(message=f"{type(error).__name__}: {error}", data=error)  # type: ignore[return-value]


@task(name="caption", cache_policy=NO_CACHE)
def caption(plan: CaptionPlan) -> "CaptionSummary":
    """Captions of the tiles that lack them, with live progress and acceptance rate."""
    from geomeld_build.captions.agents.run import caption_store
    from geomeld_build.errors import GeomeldError

    logger = get_run_logger()

    def told(done: int, total: int, note: str) -> None:
        progress("captions", done, total)
        logger.info("captions: %d of %d, %s", done, total, note)

    try:
        with StepBars(logger, flow="caption-tiles") as progress:
            return caption_store(
                plan.store, plan.settings, plan.dask, retry_fallbacks=plan.retry_fallbacks, progress=told
            )
    except GeomeldError as error:
        return Failed(message=f"{type(error).__name__}: {error}", data=error)  # type: ignore[return-value]


@task(name="report", cache_policy=NO_CACHE)
def report(summary: "CaptionSummary") -> None:
    """Leave a summary, a table of endings and an event behind."""
    from prefect.artifacts import create_markdown_artifact, create_table_artifact
    from prefect.events import emit_event

    from flows.captioning import caption_markdown

    create_markdown_artifact(
        caption_markdown(summary), key="caption-tiles-summary", description=f"{summary.store}, {summary.producer}"
    )
    rows = [{"ended as": name, "tiles": count} for name, count in sorted(summary.statuses.items())]
    create_table_artifact(rows, key="caption-tiles-outcomes", description="How the tiles of this run ended")
    emit_event(
        FINISHED_EVENT,
        resource={"prefect.resource.id": f"geomeld.store.{summary.store}", "prefect.resource.name": summary.store},
        payload=summary.to_json(),
    )


def _ended(summary: "CaptionSummary") -> State[Any]:
    ends = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(summary.statuses.items()))
    counts = f"{summary.captioned} captioned, {summary.already} already there" + (f": {ends}" if ends else "")
    if summary.statuses.get("rejected") or summary.statuses.get("fallback"):
        return Completed(name="Partial", message=counts)
    return Completed(message=counts)
