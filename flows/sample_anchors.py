"""The flow `sample-anchors`: a thin layer over `geomeld_build.build.frames.sample_frame`.

One task samples, one reports. The folder that comes out is what the parameter `anchors` of `build-tiles` takes. The
same recipe gives the same bytes, hence running again changes nothing. The state of a run says how it ended:
`Completed`, `Misconfigured`, `ServiceUnavailable`, `Failed`.

No ``from __future__ import annotations`` here: Prefect resolves the annotations of flows at run time.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows.build_tiles import _failed
from flows.reporting import forwarded_logs
from flows.sampling import frame_config, source_config
from flows.sampling_report import StepBars, frame_markdown, pool_rows

if TYPE_CHECKING:
    from geomeld_build.anchors.recipe import FrameConfig
    from geomeld_build.build.config import SourceConfig
    from geomeld_build.build.frames import FrameSummary

__all__ = ["FINISHED_EVENT", "sample_anchors"]

FINISHED_EVENT = "geomeld.sample-anchors.finished"
"""Event that a run emits when its frame is written, with the summary as payload."""


@flow(name="sample-anchors", description="Sample the anchors of a frame: strata of the Earth, reserves, splits.")
def sample_anchors(
    out: str,
    frame: str | None = None,
    preset: Literal["independent", "paper"] | None = None,
    pools: dict[str, str] | None = None,
    n: Annotated[int, Field(ge=1)] | None = None,
    by: Literal["biome", "ecoregion", "continent-biome"] | None = None,
    grow: str | None = None,
    recipe: str | None = None,
    biomes: str | None = None,
    naip: bool | None = None,
    url: str | None = None,
    project: str | None = None,
) -> State[Any]:
    """Make a frame and write it as a folder, which `build-tiles` takes as its anchors.

    Args:
        out: folder of the frame; an earlier frame there is replaced when this one is whole. Relative paths start in
            the worker's working directory.
        frame: recipe of the frame (YAML). Give this, or `preset`, or `n`.
        preset: a recipe that comes with the package, over the pools of `pools`.
        pools: files of a preset's pools by name, such as {"mmearth": "tile_info.json"}.
        n: so many anchors, drawn by us, in strata of `by`.
        by: what the strata are, with `n`.
        grow: folder of an earlier frame, all of whose anchors stay.
        recipe: names the rules and keys every draw. Default: the recipe's own.
        biomes: table of the provider, or a file of biomes on the worker's machine.
        naip: date anchors in the US by aerial images of the provider.
        url: endpoint of the provider, for an emulator.
        project: cloud project that is charged.
    """
    from geomeld_build.errors import ConfigError, GeomeldError

    parameters = locals()
    with forwarded_logs(get_run_logger()):
        try:
            config, source = frame_config(parameters), source_config(parameters)
        except ConfigError as error:
            return _failed(error)
        sampled = sample(config, Path(out), source, Path(grow) if grow else None, return_state=True)
        result = sampled.result(raise_on_failure=False)
        if isinstance(result, GeomeldError):
            return _failed(result)
        if isinstance(result, BaseException):
            raise result
    report(result)
    return Completed(message=_counts(result))


@task(name="sample", cache_policy=NO_CACHE)
def sample(config: "FrameConfig", folder: Path, source: "SourceConfig", grow: Path | None) -> "FrameSummary":
    """Draw and write, with live progress."""
    from geomeld_build.build.frames import sample_frame
    from geomeld_build.errors import ConfigError, GeomeldError

    try:
        with StepBars(get_run_logger()) as progress:
            return sample_frame(config, folder, source, grow=grow, progress=progress)
    except GeomeldError as error:
        foreseen = error
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        foreseen = ConfigError(f"cannot write the frame {folder}: {error}")
    # Prefect takes a state for the end of the task: failed, but without the traceback of a foreseen error.
    return Failed(message=f"{type(foreseen).__name__}: {foreseen}", data=foreseen)  # type: ignore[return-value]


@task(name="report", cache_policy=NO_CACHE)
def report(summary: "FrameSummary") -> None:
    """Leave a summary, a table of pools and an event behind."""
    from prefect.artifacts import create_markdown_artifact, create_table_artifact
    from prefect.events import emit_event

    folder = str(summary.folder)
    create_markdown_artifact(frame_markdown(summary), key="sample-anchors-summary", description=folder)
    create_table_artifact(
        pool_rows(summary),
        key="sample-anchors-outcomes",
        description="Points offered, taken and dropped, by pool",
    )
    emit_event(
        FINISHED_EVENT,
        resource={"prefect.resource.id": f"geomeld.frame.{folder}", "prefect.resource.name": folder},
        payload=summary.to_json(),
    )


def _counts(summary: "FrameSummary") -> str:
    counts = f"{summary.anchors} anchors, {summary.reserves} reserves, {summary.dropped} points dropped"
    if lacking := sum(summary.lacking.values()):
        counts += f", {lacking} lacking in the quotas"
    if summary.leaking_pairs:
        counts += f", pairs leaking between splits: {summary.leaking_pairs}"
    return counts
