"""What the sampling of a frame shows in Prefect while it runs and when it is over."""

import logging
import re
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from geomeld_build.build.frames import FrameSummary

__all__ = ["StepBars", "frame_markdown", "pool_rows"]


class StepBars:
    """Steps of a flow as Prefect artifacts, one bar a step, and as log lines.

    Steps follow each other and are all reported by the thread that works, so this talks to the API right there: when
    a step begins and ends, and every `interval` seconds between. Trouble with the API never stops the work.
    """

    def __init__(
        self,
        logger: "logging.Logger | logging.LoggerAdapter[Any]",
        interval: float = 5.0,
        *,
        flow: str = "sample-anchors",
    ) -> None:
        self._logger = logger
        self._flow = flow
        self._interval = interval
        self._artifacts: dict[str, UUID] = {}
        self._step: tuple[str, int, int] | None = None
        self._shown_at = 0.0

    def __call__(self, step: str, done: int, total: int) -> None:
        """Note how far a step is. The one before it is over."""
        begins = self._step is None or self._step[0] != step
        if begins:
            self._finish()
        self._step = (step, done, total)
        if begins or done >= total or time.monotonic() - self._shown_at >= self._interval:
            self._show(100.0 * min(done / total, 1.0) if total else 100.0)

    def __enter__(self) -> "StepBars":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()

    def _finish(self) -> None:
        """A step that is left is over, also where it found less than it looked for or counts nothing."""
        if self._step is not None and self._step[1] < self._step[2]:
            self._show(100.0)

    def _show(self, percent: float) -> None:
        assert self._step is not None
        step, done, total = self._step
        text = f"{step}: {done} of {total}" if total > 1 else step
        self._shown_at = time.monotonic()
        self._logger.info("progress: %s, %.0f %%", text, percent)
        try:
            self._draw(step, percent, text)
        except Exception as error:  # the work is worth more than its progress bar
            self._logger.warning("progress could not be shown: %s", error)

    def _draw(self, step: str, percent: float, text: str) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        if step in self._artifacts:
            update_progress_artifact(self._artifacts[step], percent, description=text)
            return
        # Keys are of lower-case letters, digits and dashes; steps name pools, which may have more.
        key = f"{self._flow}-progress-{re.sub('[^a-z0-9]+', '-', step.lower()).strip('-')}"
        created = create_progress_artifact(percent, key=key, description=text)
        if isinstance(created, UUID):
            self._artifacts[step] = created


def pool_rows(summary: "FrameSummary") -> list[dict[str, str | int]]:
    """One row a pool: points offered, anchors taken, and points dropped by reason; every column in every row."""
    reasons = sorted({reason for counts in summary.by_reason.values() for reason in counts})
    return [
        {
            "pool": pool,
            "offered": summary.offered.get(pool, 0),
            "anchors": summary.by_pool.get(pool, 0),
            **{reason: summary.by_reason.get(pool, {}).get(reason, 0) for reason in reasons},
        }
        for pool in sorted({*summary.by_pool, *summary.offered, *summary.by_reason})
    ]


def frame_markdown(summary: "FrameSummary") -> str:
    """A page for people about one finished frame."""
    rows: dict[str, object] = {
        "folder": f"`{summary.folder}`",
        "anchors": summary.anchors,
        "reserves": summary.reserves,
        "points dropped, with a reason": summary.dropped,
        "lacking in the quotas": sum(summary.lacking.values()),
        **{f"split {name}": count for name, count in summary.splits.items()},
        "anchors that overlap another": summary.overlapping,
        "pairs leaking between splits": summary.leaking_pairs,
    }
    lines = ["# Sampling frame", "", *_table(("", ""), rows.items())]
    pools = pool_rows(summary)
    lines += ["", "## Pools", "", *_table(tuple(pools[0]), (row.values() for row in pools))] if pools else []
    if summary.lacking:
        lacking = sorted(summary.lacking.items(), key=lambda item: (-item[1], item[0]))
        lines += ["", "## Strata without enough places", "", *_table(("stratum", "lacking"), lacking)]
    return "\n".join(lines)


def _table(head: tuple[str, ...], rows: Any) -> list[str]:
    cells = [head, ("---",) * len(head), *rows]
    return [f"| {' | '.join(str(cell) for cell in row)} |" for row in cells]
