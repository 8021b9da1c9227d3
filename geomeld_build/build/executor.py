"""Spreads shard groups over threads or Dask. The only module that imports Dask.

One Dask task is one shard group. A lease server on the scheduler keeps all workers together under the quota, which
limits per worker could not.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from geomeld_build.build.config import DaskConfig, SourceConfig
from geomeld_build.build.group import GroupResult, GroupTask, OnTile, fetch_group
from geomeld_build.errors import SourceError
from geomeld_build.sources import Limiter, LocalLimiter, Source, open_source

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["map_tasks", "open_configured", "run_groups"]

_GROUPS_AT_ONCE = 2
"""In one process: while one group is compressed and written, the next is being fetched."""
_START_IN_FLIGHT = 8
_DASK_RETRIES = 2
"""A task whose worker dies is tried again elsewhere."""


def open_configured(config: SourceConfig, limiter: Limiter | None = None) -> Source:
    """The source of a configuration, with its limits.

    Raises:
        ConfigError: no project for the real service, or a malformed URL.
    """
    from geomeld_build.sources.earthengine_transport import Timeouts

    return open_source(
        config.name,
        url=config.url,
        project=config.project,
        credentials=config.credentials,
        limiter=limiter or _local_limiter(config, 1),
        workload_tag=config.workload_tag,
        timeouts=Timeouts(read_s=config.timeout_s),
    )


def _local_limiter(config: SourceConfig, shares: int) -> LocalLimiter:
    most = config.max_in_flight
    return LocalLimiter(
        rate=config.requests_per_second / shares,
        start=max(1, min(_START_IN_FLIGHT // shares, most)),
        most=most,
    )


def run_groups(
    tasks: Sequence[GroupTask], dask: DaskConfig, config: SourceConfig, source: Source, on_tile: OnTile | None
) -> Iterator[GroupResult]:
    """Run all groups; results come as they finish, in any order.

    Args:
        tasks: the groups.
        dask: where to run them.
        config: how workers of other processes open the source.
        source: the open source of this process.
        on_tile: called after every tile; only in this process.
    """
    match dask.mode:
        case "sync":
            for task in tasks:
                yield fetch_group(task, source, on_tile)
        case "threads":
            yield from _on_threads(tasks, source, on_tile)
        case "local" | "address":
            yield from _on_dask(tasks, dask, config)


def _on_threads(tasks: Sequence[GroupTask], source: Source, on_tile: OnTile | None) -> Iterator[GroupResult]:
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=_GROUPS_AT_ONCE, thread_name_prefix="groups") as pool:
        left = {pool.submit(fetch_group, task, source, on_tile, stop) for task in tasks}
        try:
            for future in as_completed(tuple(left)):
                left.discard(future)
                yield future.result()
        except KeyboardInterrupt:
            # Tiles in flight end in seconds; with those that are finished they are paid for, so they are kept.
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for future in left:
                if not future.cancelled() and (result := future.result()).records:
                    yield result
            raise
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _on_dask(tasks: Sequence[GroupTask], dask: DaskConfig, config: SourceConfig) -> Iterator[GroupResult]:
    from distributed import Semaphore
    from distributed import as_completed as dask_completed

    with _client(dask) as client:
        workers = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        leases = Semaphore(max_leases=config.max_in_flight, name=f"geomeld-{uuid.uuid4().hex}")
        job = _Job(config, leases, workers, leases.name)
        futures = client.map(_work, tasks, job=job, pure=False, retries=_DASK_RETRIES)
        for future, result in dask_completed(futures, with_results=True):
            future.release()
            yield result


Task = TypeVar("Task")
Result = TypeVar("Result")


def map_tasks(
    function: Callable[[Task], Result], tasks: Sequence[Task], dask: DaskConfig, *, at_once: int = 1
) -> Iterator[Result]:
    """Run a function over tasks; results come as they finish, in any order.

    Args:
        function: importable by name, as processes of a cluster import it.
        tasks: what it is called with; small, they travel.
        dask: where to run them.
        at_once: tasks of this process that run side by side, with mode threads.
    """
    if dask.mode == "sync" or (dask.mode == "threads" and at_once == 1):
        for task in tasks:
            yield function(task)
    elif dask.mode == "threads":
        with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="tasks") as pool:
            for future in as_completed([pool.submit(function, task) for task in tasks]):
                yield future.result()
    else:
        from distributed import as_completed as dask_completed

        with _client(dask) as client:
            futures = client.map(function, tasks, pure=False, retries=_DASK_RETRIES)
            for future, result in dask_completed(futures, with_results=True):
                future.release()
                yield result


@contextmanager
def _client(dask: DaskConfig) -> Iterator[Client]:
    from distributed import Client, LocalCluster

    if dask.mode == "address":
        try:
            client = Client(dask.address, timeout=15)
        except (OSError, TimeoutError) as error:
            raise SourceError(f"no Dask scheduler answers at {dask.address}: {error}") from error
        with client:
            yield client
        return
    loopback = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    cluster = LocalCluster(n_workers=dask.n_workers, threads_per_worker=1, silence_logs=30, **loopback)
    with cluster, Client(cluster) as client:
        yield client


@dataclass(frozen=True, slots=True)
class _Job:
    """What all workers of one run share."""

    config: SourceConfig
    leases: Any
    workers: int
    key: str


class _LeasedLimiter:
    """The local limits of one worker under the leases of the whole run."""

    def __init__(self, local: LocalLimiter, leases: Any) -> None:
        self._local = local
        self._leases = leases

    @contextmanager
    def _both(self) -> Iterator[None]:
        with self._local.slot(), self._leases:
            yield

    def slot(self) -> AbstractContextManager[None]:
        """Blocks until both the worker's own limits and a lease of the run allow one more request."""
        return self._both()

    def on_throttle(self) -> None:
        """The service refused for load."""
        self._local.on_throttle()

    def on_success(self) -> None:
        """The service answered."""
        self._local.on_success()


_sources: dict[str, Source] = {}
_sources_lock = threading.Lock()


def _work(task: GroupTask, *, job: _Job) -> GroupResult:
    """Runs inside a Dask worker. One source a run and process: connecting costs three requests."""
    with _sources_lock:
        if job.key not in _sources:
            for stale in _sources.values():
                stale.close()
            _sources.clear()
            limiter = _LeasedLimiter(_local_limiter(job.config, job.workers), job.leases)
            _sources[job.key] = open_configured(job.config, limiter)
        source = _sources[job.key]
    return fetch_group(task, source)
