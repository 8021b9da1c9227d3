"""One process or many: what torchrun tells, and what follows from it."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from geomeld_build.errors import ConfigError

__all__ = ["Process", "distributed_model", "same_everywhere", "training_processes"]


@dataclass(frozen=True, slots=True)
class Process:
    """This process among those that train together."""

    rank: int
    world: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether it writes what is written once."""
        return self.rank == 0


@contextmanager
def training_processes(device: str | None = None) -> Iterator[Process]:
    """Join the others, if torchrun started this process; leave them at the end.

    Args:
        device: by default CUDA where there is one, else the CPU.

    Raises:
        ConfigError: the device is not there.
    """
    local = int(os.environ.get("LOCAL_RANK", "0"))
    kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if kind.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"device {kind}: torch sees no CUDA device here")
    where = torch.device("cuda", local) if kind == "cuda" else torch.device(kind)
    if where.type == "cuda":
        torch.cuda.set_device(where)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Process(0, 1, where)
        return
    distributed.init_process_group("nccl" if where.type == "cuda" else "gloo")
    try:
        yield Process(distributed.get_rank(), world, where)
    finally:
        distributed.destroy_process_group()


def distributed_model(model: nn.Module) -> DistributedDataParallel:
    """The model, whose gradients are averaged over processes. Buffers are constants: none is sent."""
    # Depthwise weights have a dimension of size 1, whose stride is nobody's business.
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
    known = inspect.signature(DistributedDataParallel.__init__).parameters
    # Newer torch has another name for it, and warns of the old one.
    buffers: dict[str, Any] = {
        "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers": False
    }
    return DistributedDataParallel(model, **buffers)


def same_everywhere(value: Any) -> Any:
    """The value of the process that leads, on all."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return value
    box = [value]
    distributed.broadcast_object_list(box, src=0)
    return box[0]
