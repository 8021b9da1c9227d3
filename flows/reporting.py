"""What a build shows in Prefect while it runs and when it is over."""

import contextvars
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

if TYPE_CHECKING:
    from geomeld_build.build import BuildSummary

__all__ = ["ProgressReporter", "forwarded_logs", "outcome_rows", "summary_markdown"]

Stage = Literal["anchors", "plan", "tiles", "reserves"]


class _Forwarder(logging.Handler):
    """Hands records to the run's logger, whichever thread they come from.

    Prefect's own handler finds the run through a context variable, which worker threads do not inherit.
    """

    def __init__(self, target: "logging.Logger | logging.LoggerAdapter[Any]") -> None:
        super().__init__(logging.INFO)
        self._target = target

    def emit(self, record: logging.LogRecord) -> None:
        self._target.log(record.levelno, "%s: %s", record.name, record.getMessage(), exc_info=record.exc_info)


@contextmanager
def forwarded_logs(
    target: "logging.Logger | logging.LoggerAdapter[Any]", name: str = "geomeld_build"
) -> Iterator[None]:
    """Send what the package logs (INFO and above) to the run's log while the block runs."""
    logger, handler = logging.getLogger(name), _Forwarder(target)
    level = logger.level
    logger.addHandler(handler)
    if logger.getEffectiveLevel() > logging.INFO:
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class ProgressReporter:
    """Progress of a build as Prefect artifacts, one a stage, and as a log line now and then.

    Calling it only stores three numbers, because worker threads do so for every tile; a thread of its own talks to
    the API every `interval` seconds. Trouble with the API never stops a build.
    """

    def __init__(self, logger: "logging.Logger | logging.LoggerAdapter[Any]", interval: float = 5.0) -> None:
        self._logger = logger
        self._interval = interval
        self._lock = threading.Lock()
        self._latest: dict[Stage, tuple[int, int, str]] = {}
        self._shown: dict[Stage, tuple[int, int, str]] = {}
        self._artifacts: dict[Stage, UUID] = {}
        self._stop = threading.Event()
        # The artifact calls find the run and the settings through context variables.
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._loop,), name="progress", daemon=True)

    def __call__(self, stage: Stage, done: int, total: int, note: str = "") -> None:
        """Note how far a stage is; late reports of slower threads never turn the bar back."""
        with self._lock:
            before = self._latest.get(stage)
            if before is None or done >= before[0]:
                self._latest[stage] = (done, total, note)

    def __enter__(self) -> "ProgressReporter":
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join()
        self._publish()

    def _loop(self) -> None:
        while not self._stop.wait(self._interval):
            self._publish()

    def _publish(self) -> None:
        with self._lock:
            news = {stage: value for stage, value in self._latest.items() if self._shown.get(stage) != value}
        for stage, (done, total, note) in news.items():
            try:
                self._show(stage, done, total, note)
            except Exception as error:  # the build is worth more than its progress bar
                self._logger.warning("progress could not be shown: %s", error)
            self._shown[stage] = (done, total, note)

    def _show(self, stage: Stage, done: int, total: int, note: str) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        percent = 100.0 * min(done / total, 1.0) if total else 100.0
        text = f"{stage}: {done} of {total}" + (f", {note}" if note else "")
        self._logger.info("progress: %s", text)
        if stage in self._artifacts:
            update_progress_artifact(self._artifacts[stage], percent, description=text)
        else:
            created = create_progress_artifact(percent, key=f"build-tiles-progress-{stage}", description=text)
            if isinstance(created, UUID):
                self._artifacts[stage] = created


def outcome_rows(outcomes: Mapping[str, Mapping[str, int]]) -> list[dict[str, str | int]]:
    """One row a modality: how often each typed outcome came up, every column in every row."""
    kinds = sorted({kind for counts in outcomes.values() for kind in counts}, key=lambda kind: (kind != "ok", kind))
    return [{"modality": name, **{kind: counts.get(kind, 0) for kind in kinds}} for name, counts in outcomes.items()]


def summary_markdown(summary: "BuildSummary") -> str:
    """A page for people about one finished build."""
    counters = summary.counters
    a_tile = f" ({counters.pixel_requests / summary.ok:.2f} for pixels a tile built)" if summary.ok else ""
    rows = {
        "store": f"`{summary.store}`",
        "run": f"`{summary.run_id}`",
        "catalog version": summary.catalog_version,
        "plan": f"`{summary.plan_path}`" if summary.plan_path else "nothing was missing",
        "anchors": summary.anchors,
        "already there": summary.already,
        "tiles built": summary.ok,
        "skipped, with a reason": summary.skipped,
        "failed, next run tries again": summary.failed,
        "requests": f"{counters.requests}{a_tile}",
        "repeated after faults": counters.retries_fault,
        "repeated after clouds": summary.retries_cloud,
        "received": f"{counters.bytes_received / 1e6:.1f} MB",
        "time": str(timedelta(seconds=round(summary.seconds))),
    }
    lines = ["# Build of tiles", "", "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
    if summary.failed:
        lines += ["", f"{summary.failed} tiles failed: run the deployment again, the catalog decides what is left."]
    if summary.quotas:
        lines += ["", *_quota_lines(summary)]
    return "\n".join(lines)


def _quota_lines(summary: "BuildSummary") -> list[str]:
    """How far the strata are, those that lack most first."""
    from geomeld_build.build.reserves import quota_notes, strata_that_lack

    used = sum(item.reserves_used for item in summary.quotas)
    head = f"Strata: {len(summary.quotas)}, tiles of reserves: {used}. " + " ".join(quota_notes(summary.quotas))
    table = [
        f"| {item.stratum or '(none)'} | {item.wanted} | {item.built} | {item.reserves_used} | {item.lacking} |"
        for item in strata_that_lack(summary.quotas)
    ]
    columns = ["", "| stratum | wanted | built | reserves used | lacking |", "|---|---|---|---|---|"]
    return [head, *(columns + table if table else [])]
