"""The flow `build-tiles`: a thin layer over `geomeld_build.build.build_tiles`.

One task builds, one reports: a task run costs about 50 ms of the API, so there is none for a single tile. The catalog
of the store decides what is left to do, hence running again is how a build is resumed, and the state of a run says
how it ended: `Completed`, `Partial` (store valid, some tiles failed), `Misconfigured`, `ServiceUnavailable`, `Failed`.

No ``from __future__ import annotations`` here: Prefect resolves the annotations of flows at run time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows.parameters import build_config
from flows.reporting import ProgressReporter, forwarded_logs, outcome_rows, summary_markdown

if TYPE_CHECKING:
    from geomeld_build.build import BuildSummary
    from geomeld_build.build.config import BuildConfig
    from geomeld_build.errors import GeomeldError

__all__ = ["BUILD_LIMIT", "FINISHED_EVENT", "build_tiles"]

BUILD_LIMIT = "geomeld-builds"
"""Global concurrency limit: builds at a time, over all deployments. Rate limits hold within a build, not across."""

FINISHED_EVENT = "geomeld.build-tiles.finished"
"""Event that a run emits when its build is over, with the summary as payload."""


@flow(name="build-tiles", description="Build the tiles of anchors, or of a sampled region, into a store.")
def build_tiles(
    store: str,
    anchors: str | None = None,
    source: str = "earthengine",
    project: str | None = None,
    region: str | None = None,
    limit: Annotated[int, Field(ge=1)] | None = None,
    workers: Annotated[int, Field(ge=1, le=256)] = 16,
    url: str | None = None,
    modalities: str | None = None,
    dask_mode: Literal["threads", "sync", "local", "address"] = "threads",
    dask_address: str | None = None,
    reserves: str | None = None,
    overrides: dict[str, Any] | None = None,
) -> State[Any]:
    """Build what is not yet in the store.

    Args:
        store: folder or URL of the store. Relative paths start in the worker's working directory.
        anchors: table of lon, lat, date (Parquet, CSV, GeoParquet), or the folder of a frame. Give this or `region`.
        source: provider of the scenes.
        project: cloud project that is charged.
        region: 'west,south,east,north' or a polygon file to sample `limit` anchors in.
        limit: at most this many anchors.
        workers: threads that wait for pixels.
        url: endpoint of the provider, for an emulator.
        modalities: names separated by commas. Default: all.
        dask_mode: how the work is spread.
        dask_address: scheduler, with mode 'address'.
        reserves: the frame's reserves, which stand in for anchors without a tile. Default: those in the frame's folder.
        overrides: any other setting, nested as in `geomeld_build.build.BuildConfig`.
    """
    from geomeld_build.errors import ConfigError, GeomeldError

    parameters = {name: value for name, value in locals().items() if name in _PARAMETERS}
    with forwarded_logs(get_run_logger()):
        try:
            config = build_config(parameters, overrides)
        except ConfigError as error:
            return _failed(error)
        with _slot():
            built = build(config, return_state=True)
        result = built.result(raise_on_failure=False)
        if isinstance(result, GeomeldError):
            return _failed(result)
        if isinstance(result, BaseException):
            raise result
    report(result)
    return _ended(result)


_PARAMETERS = (
    *("store", "anchors", "source", "project", "region", "limit", "workers", "url", "modalities"),
    *("dask_mode", "dask_address", "reserves"),
)


@task(name="build", cache_policy=NO_CACHE)
def build(config: "BuildConfig") -> "BuildSummary":
    """Plan and fetch, with live progress."""
    from geomeld_build.build import build_tiles as run_build
    from geomeld_build.errors import GeomeldError

    try:
        with ProgressReporter(get_run_logger()) as progress:
            return run_build(config, progress=progress)
    except GeomeldError as error:
        # Prefect takes a state for the end of the task: failed, but without the traceback of a foreseen error.
        return Failed(message=f"{type(error).__name__}: {error}", data=error)  # type: ignore[return-value]


@task(name="report", cache_policy=NO_CACHE)
def report(summary: "BuildSummary") -> None:
    """Leave a summary, a table of outcomes and an event behind."""
    from prefect.artifacts import create_markdown_artifact, create_table_artifact
    from prefect.events import emit_event

    create_markdown_artifact(summary_markdown(summary), key="build-tiles-summary", description=summary.store)
    create_table_artifact(
        outcome_rows(summary.outcomes),
        key="build-tiles-outcomes",
        description="Typed outcomes of every modality, whole store",
    )
    emit_event(
        FINISHED_EVENT,
        resource={"prefect.resource.id": f"geomeld.store.{summary.store}", "prefect.resource.name": summary.store},
        payload=summary.to_json(),
    )


@contextmanager
def _slot() -> Iterator[None]:
    """Wait for a slot of the limit that `deploy` created; without a deployment (a direct call) there is no limit."""
    from prefect import runtime
    from prefect.concurrency.sync import concurrency

    if runtime.deployment.id is None:
        yield
        return
    get_run_logger().info("waiting for a slot of the limit %s, if it has none free", BUILD_LIMIT)
    with concurrency(BUILD_LIMIT, occupy=1, strict=True):
        yield


def _failed(error: "GeomeldError") -> State[Any]:
    """The final state for an error: whether the outside world or the store is to blame decides what to do next."""
    from geomeld_build.errors import ConfigError, MissingExtra, SchemaVersionError, SourceError

    message = f"{type(error).__name__}: {error}"
    if isinstance(error, SourceError):
        return Failed(name="ServiceUnavailable", message=message)
    if isinstance(error, ConfigError | MissingExtra | SchemaVersionError):
        return Failed(name="Misconfigured", message=message)
    return Failed(message=message)


def _ended(summary: "BuildSummary") -> State[Any]:
    counts = f"{summary.ok} built, {summary.already} already there, {summary.skipped} skipped, {summary.failed} failed"
    if lacking := sum(item.lacking for item in summary.quotas):
        counts += f", {lacking} lacking in the quotas"
    if summary.exit_code == 0:
        return Completed(message=counts)
    return Completed(name="Partial", message=f"{counts}; the next run tries the failed ones again")
