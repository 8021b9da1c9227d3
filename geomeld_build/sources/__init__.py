"""Where scenes come from. ``open_source`` gives the adapter of a provider; each finds and reads, never chooses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import MODALITIES, Modality
from geomeld_build.sources.base import Counters, Reading, SceneQuery, Source
from geomeld_build.sources.limits import Limiter, LocalLimiter

if TYPE_CHECKING:
    from geomeld_build.sources.earthengine import EarthEngineSource
    from geomeld_build.sources.earthengine_retry import RetryPolicy
    from geomeld_build.sources.earthengine_transport import Timeouts

__all__ = ["Counters", "Limiter", "LocalLimiter", "Reading", "SceneQuery", "Source", "open_source"]

_NAMES = ("earthengine", "recorded")


def open_source(
    name: str,
    *,
    url: str | None = None,
    project: str | None = None,
    credentials: str | Path | None = None,
    limiter: Limiter | None = None,
    workload_tag: str = "",
    record: Path | None = None,
    policy: RetryPolicy | None = None,
    timeouts: Timeouts | None = None,
    modalities: Mapping[str, Modality] = MODALITIES,
    dem_context_request: Literal["together", "separate"] = "together",
    s1_interpolation: Literal["power", "db"] = "power",
) -> EarthEngineSource:
    """The source with this name. Nothing is sent before the first use.

    Args:
        name: ``earthengine``, or ``recorded`` to replay answers with no network.
        url: service address; None = the real service. For ``recorded``: the folder of answers.
        project: Google Cloud project; required for the real service.
        credentials: key file; None = what ``earthengine authenticate`` stored, or application default credentials.
        limiter: shared leases; None = the published limits of one project, for this process alone.
        workload_tag: label for cost accounting: lower-case letters, digits, ``-`` and ``_``, at most 63.
        record: folder to keep all answers in, for a bug report.
        policy: how long to retry.
        timeouts: how long to wait for the network.
        modalities: the table that queries refer to.
        dem_context_request: whether the coarse elevation window travels with the tile or in a request of its own.
        s1_interpolation: interpolate radar as linear power or in decibels.

    Raises:
        ConfigError: an unknown name, a malformed URL or tag, or no project for the real service.
    """
    if name not in _NAMES:
        raise ConfigError(f"unknown source {name!r}: expected one of {', '.join(_NAMES)}")
    _check_tag(workload_tag)
    from geomeld_build.sources.earthengine import EarthEngineSource
    from geomeld_build.sources.earthengine_session import Session, endpoint
    from geomeld_build.sources.earthengine_transport import Transport
    from geomeld_build.sources.recorded import RecordingSender, ReplaySender
    from geomeld_build.sources.wire import HttpSender, Sender

    sender: Sender
    if name == "recorded":
        if url is None:
            raise ConfigError("source 'recorded' needs url=FOLDER, the folder of recorded answers")
        where = endpoint(f"http://{_slug(url)}.recorded.invalid", project, credentials)
        sender = ReplaySender(Path(url))
    else:
        where = endpoint(url, project, credentials)
        sender = HttpSender(where.url)
        if record is not None:
            sender = RecordingSender(sender, Path(record))
    transport = Transport(sender, limiter or LocalLimiter(), policy=policy, timeouts=timeouts)
    return EarthEngineSource(
        Session(where, transport, workload_tag),
        modalities=modalities,
        dem_context_request=dem_context_request,
        s1_interpolation=s1_interpolation,
    )


def _slug(folder: str) -> str:
    import hashlib

    return hashlib.blake2b(str(Path(folder).resolve()).encode(), digest_size=8).hexdigest()


def _check_tag(tag: str) -> None:
    import re

    if tag and not re.fullmatch(r"[a-z0-9]([-_a-z0-9]{0,61}[a-z0-9])?", tag):
        raise ConfigError(
            f"workload_tag is {tag!r}: expected 1 to 63 lower-case letters, digits, - and _, "
            "beginning and ending with a letter or digit"
        )
