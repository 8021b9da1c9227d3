"""``train``: from a configuration to weights."""

from __future__ import annotations

import dataclasses
import math
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from geomeld_build.errors import ConfigError, GeomeldError
from geomeld_build.store import LoaderState
from geomeld_build.train.config import TrainConfig
from geomeld_build.train.loop.checkpoints import Checkpoint, latest, read_checkpoint, write_checkpoint
from geomeld_build.train.loop.feed import FedStep, Feed
from geomeld_build.train.loop.logbook import Logbook
from geomeld_build.train.loop.optimiser import lr_at, optimiser_of
from geomeld_build.train.loop.processes import Process, distributed_model, training_processes
from geomeld_build.train.loop.setup import Ground, build_model, ground_of, provenance_of
from geomeld_build.train.model import GeoMeldFM
from geomeld_build.train.objective.jepa import follow
from geomeld_build.train.step import TOTAL, StepBatch, StepReport, backward

__all__ = ["Callback", "Moment", "TrainSummary", "TrainingFailed", "train"]


class TrainingFailed(GeomeldError):
    """Training cannot go on; the message says at which step, with which tiles."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A run between two steps, for callbacks."""

    step: int
    steps: int
    epoch: int
    model: GeoMeldFM
    batch: StepBatch
    """The first that this process computed."""
    tile_ids: Sequence[str]
    line: Mapping[str, Any] | None
    """What was logged after this step, if anything was."""


Callback = Callable[[Moment], Mapping[str, float] | None]
"""Called by the leading process after every step; the numbers that it returns go into the log."""


@dataclass(frozen=True, slots=True)
class TrainSummary:
    """What a run did."""

    steps: int
    """Done in all."""
    resumed_at: int
    epochs: float
    samples: int
    """In this call."""
    seconds: float
    losses: Mapping[str, float]
    """Of the last line of the log."""
    checkpoint: str
    stopped: bool
    """By a signal, before the end."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


def train(
    config: TrainConfig,
    *,
    resume: str | None = "auto",
    device: str | None = None,
    callbacks: Sequence[Callback] = (),
    say: Callable[[str], None] = lambda _: None,
) -> TrainSummary:
    """Train GeoMeld-FM. Stopped at any point, the same call goes on from the last checkpoint, exactly.

    Args:
        config: of the run.
        resume: ``auto`` goes on from the newest checkpoint in ``run.out``, if there is one; a path from that one; None
            begins anew, and refuses a folder with checkpoints.
        device: by default CUDA where there is one.
        callbacks: called after every step.
        say: what a user should know, by the leading process.

    Raises:
        ConfigError: the configuration, the store and the checkpoint do not fit together.
        StoreError: pixels cannot be read.
        TrainingFailed: a loss is no number.
    """
    with training_processes(device) as process:
        told = say if process.leads else lambda _: None
        checkpoint = _found(Path(config.run.out), resume)
        ground = ground_of(config, process, checkpoint, told)
        run = _Run(config, process, ground, checkpoint, tuple(callbacks) if process.leads else ())
        with _stopped_by_signal() as stop:
            return run.go(stop)


def _found(folder: Path, resume: str | None) -> Checkpoint | None:
    path = latest(folder) if resume in (None, "auto") else Path(resume)
    if path is None:
        return None
    if resume is None:
        raise ConfigError(
            f"{folder} has checkpoints of an earlier run: leave out --no-resume, or choose another run.out"
        )
    checkpoint = read_checkpoint(path, "cpu")
    newest = latest(folder)
    if newest is not None and read_checkpoint(newest).step > checkpoint.step:
        # Going on here would cut the log, and what is written next would be the first to be deleted.
        raise ConfigError(f"{folder} goes on to {newest.name}: choose another run.out to go on from {path}")
    return checkpoint


@contextmanager
def _stopped_by_signal() -> Iterator[threading.Event]:
    """An event that SIGTERM sets: schedulers send it a while before they kill."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)


@dataclass(slots=True)
class _Clock:
    """Time since the last line of the log."""

    since: float = field(default_factory=time.monotonic)
    waited: float = 0.0
    samples: int = 0


class _Run:
    """The state of a run."""

    def __init__(
        self,
        config: TrainConfig,
        process: Process,
        ground: Ground,
        checkpoint: Checkpoint | None,
        callbacks: Sequence[Callback],
    ) -> None:
        self.config, self.process, self.ground, self.callbacks = config, process, ground, callbacks
        self.folder = Path(config.run.out)
        self.lanes = process.world if checkpoint is None else checkpoint.lanes
        self.feed = Feed(
            ground.store,
            config,
            ground.captions,
            rank=process.rank,
            world=process.world,
            lanes=self.lanes,
            device=process.device,
        )
        self.model = build_model(config, ground, process, checkpoint)
        self.optimiser = optimiser_of(self.model, config.optim)
        self.step = self.epoch = 0
        self.after: LoaderState | None = None
        if checkpoint is not None:
            self._restore(checkpoint)
        self.resumed_at = self.step
        self.steps = config.run.steps or (config.run.epochs or 1) * self.feed.steps()
        self.trained: nn.Module = cast(nn.Module, torch.compile(self.model)) if config.run.compile else self.model
        if process.world > 1:
            self.trained = distributed_model(self.trained)
        self.losses: dict[str, float] = {}
        self.done = 0

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.optimiser.load_state_dict(checkpoint.optimiser)
        self.step, self.epoch = checkpoint.step, checkpoint.epoch
        self.after = None if checkpoint.loader is None else LoaderState.from_dict(checkpoint.loader)
        torch.set_rng_state(checkpoint.random)

    def go(self, stop: threading.Event) -> TrainSummary:
        """Steps until the last, or until the event."""
        begun, samples = time.monotonic(), 0
        logbook = Logbook(self.folder, after=self.step) if self.process.leads else None
        try:
            while self.step < self.steps and not self._stops(stop):
                with closing(self._timed_epoch()) as epoch:
                    for fed in epoch:
                        samples += self._one(fed, logbook)
                        if self.step >= self.steps or self._stops(stop):
                            break
                    else:
                        self.epoch, self.after = self.epoch + 1, None
            path = self._save()
        finally:
            if logbook is not None:
                logbook.close()
        return TrainSummary(
            steps=self.step,
            resumed_at=self.resumed_at,
            epochs=self.step / max(1, self.feed.steps()),
            samples=samples * self.process.world,
            seconds=time.monotonic() - begun,
            losses=self.losses,
            checkpoint=str(path),
            stopped=self.step < self.steps,
        )

    def _stops(self, stop: threading.Event) -> bool:
        """Whether any process was told to stop: all do so after the same step."""
        if self.process.world == 1:
            return stop.is_set()
        told = torch.tensor(float(stop.is_set()), device=self.process.device)
        torch.distributed.all_reduce(told)
        return bool(told > 0)

    def _timed_epoch(self) -> Generator[FedStep, None, None]:
        self.clock = _Clock()
        with closing(self.feed.epoch(self.epoch, self.after)) as steps:
            while True:
                begun = time.monotonic()
                fed = next(steps, None)
                self.clock.waited += time.monotonic() - begun
                if fed is None:
                    return
                yield fed

    def _one(self, fed: FedStep, logbook: Logbook | None) -> int:
        """One step; returns samples."""
        run, optim = self.config.run, self.config.optim
        lr = lr_at(self.step, self.steps, optim, run.batch)
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        logged = (self.step + 1) % run.log_every == 0 or self.step + 1 == self.steps
        self.optimiser.zero_grad()
        report = backward(self.trained, fed.batches, autocast=self._autocast(), signs=logged)
        norm = nn.utils.clip_grad_norm_(self._trained_weights(), optim.clip or math.inf)
        self._stop_at_nan(report, norm, fed)
        self.optimiser.step()
        self._move_teacher()
        self.step, self.after = self.step + 1, fed.state
        self.clock.samples += len(fed.tile_ids)
        line = self._line(report, float(norm), lr) if logged else None
        if line is not None:
            self.losses = {name: line[name] for name in report.losses}
        self._call(fed, line, logbook)
        if self.step % run.save_every == 0 and self.step < self.steps:
            self._save()
        return len(fed.tile_ids)

    def _autocast(self) -> AbstractContextManager[None]:
        if self.config.run.precision != "bf16":
            return nullcontext()
        return torch.autocast(self.process.device.type, torch.bfloat16)

    def _trained_weights(self) -> list[nn.Parameter]:
        return [one for group in self.optimiser.param_groups for one in group["params"]]

    def _stop_at_nan(self, report: StepReport, norm: Tensor, fed: FedStep) -> None:
        """Raises:
        TrainingFailed: before the weights are touched.
        """
        if math.isfinite(float(norm)) and math.isfinite(float(report.losses[TOTAL])):
            return
        wrong = [name for name, loss in report.losses.items() if not math.isfinite(float(loss))]
        tiles = ", ".join(fed.tile_ids[:8]) + (", ..." if len(fed.tile_ids) > 8 else "")
        raise TrainingFailed(
            f"step {self.step + 1}: {'the loss of ' + ', '.join(wrong) if wrong else 'the gradient'} is no finite "
            f"number; tiles {tiles}. The last checkpoint is untouched; a smaller optim.lr or run.precision=fp32 may do"
        )

    def _move_teacher(self) -> None:
        jepa = self.config.jepa
        if self.model.teacher is None:
            return
        share = self.step / max(1, self.steps)
        momentum = jepa.momentum if jepa.schedule == "constant" else jepa.momentum + (1 - jepa.momentum) * share
        follow(self.model.teacher, self.model.encoder, momentum)

    def _line(self, report: StepReport, norm: float, lr: float) -> dict[str, Any]:
        clock, self.clock = self.clock, _Clock()
        seconds = max(1e-9, time.monotonic() - clock.since)
        line: dict[str, Any] = {
            "step": self.step,
            "epoch": self.step / max(1, self.feed.steps()),
            "lr": lr,
            "grad_norm": norm,
            **{name: float(loss) for name, loss in report.losses.items()},
            **{f"sign_{name}": float(value) for name, value in report.signs.items()},
            "samples_per_s": clock.samples * self.process.world / seconds,
            "loader_wait": clock.waited / seconds,
            "unfit": int(report.fit[1] - report.fit[0]),
        }
        if self.process.device.type == "cuda":
            line["memory_gib"] = torch.cuda.max_memory_allocated(self.process.device) / 2**30
        return line

    def _call(self, fed: FedStep, line: dict[str, Any] | None, logbook: Logbook | None) -> None:
        for callback in self.callbacks:
            moment = Moment(self.step, self.steps, self.epoch, self.model, fed.batches[0], fed.tile_ids, line)
            more = callback(moment)
            if more:
                line = {**(line or {"step": self.step}), **more}
        if logbook is not None and line is not None:
            logbook.add(line)

    def _save(self) -> Path | None:
        path = self.folder / f"step-{self.step:08d}.pt"
        if self.process.leads:
            path = write_checkpoint(self.folder, self._checkpoint(), self.config.run.keep)
        if self.process.world > 1:
            torch.distributed.barrier()
        return path

    def _checkpoint(self) -> Checkpoint:
        vocabulary = self.ground.vocabulary
        return Checkpoint(
            step=self.step,
            epoch=self.epoch,
            lanes=self.lanes,
            loader=None if self.after is None else dict(self.after.to_dict()),
            config=self.config.to_dict(),
            scales=self.ground.scales.to_dict(),
            vocabulary=None if vocabulary is None else vocabulary.to_json(),
            provenance=provenance_of(self.config, self.ground),
            model=self.model.state_dict(),
            optimiser=self.optimiser.state_dict(),
            random=torch.get_rng_state(),
        )
