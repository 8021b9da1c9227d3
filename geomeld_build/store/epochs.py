"""In which order an epoch visits tiles: a pure function of (catalog version, seed, epoch).

Blocks of 32 neighbouring tiles are permuted, 256 of them make a window, and the tiles of a window are permuted again:
disks and buckets see contiguous reads, the trainer sees a shuffle. Windows are dealt to ranks in turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from geomeld_build.draws import mixed
from geomeld_build.errors import ConfigError

__all__ = ["EpochPlan", "LoaderState", "OrderRule", "epoch_key", "epoch_plan", "epoch_windows"]

_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class OrderRule:
    """How tiles are dealt. The same rule and the same tiles give the same order for ever."""

    seed: int = 0
    batch: int = 64
    """Samples a batch, on one rank."""
    world: int = 1
    """Ranks that share an epoch."""
    block: int = 32
    """Neighbouring samples that stay in one window: one contiguous read."""
    window: int = 8192
    """Samples that are shuffled among each other, and held compressed in memory, twice."""
    drop_last: bool = True
    """Leave out the last samples of a window where they do not fill a batch."""

    def __post_init__(self) -> None:
        wrong = [name for name in ("batch", "world", "block", "window") if getattr(self, name) < 1]
        if wrong:
            raise ConfigError(f"expected {', '.join(wrong)} of at least 1, got {[getattr(self, n) for n in wrong]}")
        if self.seed < 0:
            raise ConfigError(f"expected a seed >= 0, got {self.seed}")
        if not self.drop_last and self.world > 1:
            raise ConfigError("several ranks need batches of one size: leave drop_last on")


@dataclass(frozen=True, slots=True)
class LoaderState:
    """Where an epoch stands, after some batch; goes into a checkpoint and continues there exactly."""

    version: int
    """Catalog version."""
    seed: int
    epoch: int
    windows_done: int
    """Windows of this rank that were given out."""
    batch_in_window: int
    """Batches of the next window that were given out."""
    rank: int = 0
    """Whose windows these are; any rank of the same world continues from it."""
    order: str = ""
    """Identity of tiles and rule, so that a changed filter, batch or world size is noticed."""

    def to_dict(self) -> dict[str, int | str]:
        """Numbers and a string, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, int | str]) -> LoaderState:
        """A state from what ``to_dict`` gave.

        Raises:
            ConfigError: something is missing, or is no count.
        """
        names = [field.name for field in fields(cls)]
        counts = names[:-1]
        if sorted(values) != sorted(names) or not isinstance(values["order"], str):
            raise ConfigError(f"no state of a loader: expected {', '.join(names)}, got {', '.join(map(str, values))}")
        found = {name: values[name] for name in counts}
        if wrong := {name: value for name, value in found.items() if not isinstance(value, int) or value < 0}:
            raise ConfigError(f"no state of a loader: expected counts, got {wrong}")
        return cls(**{name: int(value) for name, value in found.items()}, order=values["order"])


@dataclass(frozen=True, slots=True)
class EpochPlan:
    """What one rank does in one epoch."""

    windows: tuple[NDArray[np.int32], ...]
    """Positions of samples, window by window, in the order in which they are given out."""
    batches: tuple[int, ...]
    """Batches to take of each window."""

    @property
    def steps(self) -> int:
        """Batches in all: the same on every rank."""
        return sum(self.batches)


def epoch_windows(
    samples: int, *, version: int, seed: int, epoch: int, block: int = 32, window: int = 8192, least: int = 1
) -> tuple[NDArray[np.int32], ...]:
    """All windows of an epoch. Every position is in exactly one of them, once.

    Args:
        samples: how many there are.
        version: catalog version.
        seed: of the run.
        epoch: number of the epoch.
        block: neighbouring samples that stay together.
        window: most samples a window, rounded down to blocks.
        least: windows to make at least, e.g. one a rank. Windows are of equal size, give or take a block.
    """
    blocks = -(-samples // block)
    if blocks == 0:
        return ()
    count = min(blocks, max(least, -(-blocks // max(1, window // block))))
    base = epoch_key(version, seed, epoch)
    order = np.argsort(_draw(base, 0, blocks), kind="stable")
    # Every sample has its own number, whatever window it falls into.
    numbers = _draw(base, 1, samples)
    inside = np.arange(block, dtype=np.int64)
    windows = []
    for part in np.array_split(order, count):
        members = (part[:, None] * block + inside).ravel()
        members = members[members < samples]
        windows.append(members[np.argsort(numbers[members], kind="stable")].astype(np.int32))
    return tuple(windows)


def epoch_key(*parts: int) -> int:
    """One 64-bit number from several, e.g. of version, seed and epoch."""
    key = 0
    for part in parts:
        key = int(mixed(np.array([(key ^ part) & _MASK], np.uint64))[0])
    return key


def _draw(base: int, purpose: int, count: int) -> NDArray[np.uint64]:
    start = np.uint64(epoch_key(base, purpose))
    with np.errstate(over="ignore"):
        return mixed(start + np.arange(count, dtype=np.uint64))


def epoch_plan(samples: int, rule: OrderRule, *, version: int, epoch: int, rank: int = 0) -> EpochPlan:
    """The windows of a rank, cut so that every rank makes the same number of steps.

    Windows go to ranks in turn. What is left out of an epoch for equal steps is another part in the next.

    Raises:
        ConfigError: no such rank, or too few samples to give every rank a batch.
    """
    if not 0 <= rank < rule.world:
        raise ConfigError(f"no rank {rank} in a world of {rule.world}: expected 0..{rule.world - 1}")
    if samples >= np.iinfo(np.int32).max:
        raise ConfigError(f"{samples} samples: expected fewer than {np.iinfo(np.int32).max}")
    windows = epoch_windows(
        samples,
        version=version,
        seed=rule.seed,
        epoch=epoch,
        block=rule.block,
        window=rule.window,
        least=rule.world,
    )
    batches = [_batches(len(window), rule) for window in windows]
    steps = min(sum(batches[number :: rule.world]) for number in range(rule.world))
    if steps == 0:
        raise ConfigError(
            f"{samples} samples in {len(windows)} windows do not give each of {rule.world} ranks a batch of "
            f"{rule.batch}: choose a smaller batch, or drop_last=False on a single rank"
        )
    mine: list[NDArray[np.int32]] = []
    taken: list[int] = []
    for window, count in zip(windows[rank :: rule.world], batches[rank :: rule.world], strict=True):
        if (take := min(count, steps - sum(taken))) > 0:
            mine.append(window)
            taken.append(take)
    return EpochPlan(tuple(mine), tuple(taken))


def _batches(samples: int, rule: OrderRule) -> int:
    return samples // rule.batch if rule.drop_last else -(-samples // rule.batch)
