"""Readers that hold a catalog version: while a lease lives, ``gc`` deletes nothing of that version.

A lease is a small file with an expiry, renewed by a thread of its holder; a holder that was killed loses it by itself.
Taking a lease and expiring a version both write first and look afterwards, so that one of them always sees the other.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.store.catalog import TILES, load_table
from geomeld_build.store.gc_expired import refuse_expired
from geomeld_build.store.objects import ObjectMissing, Objects, open_objects

__all__ = ["Lease", "drop_dead_leases", "hold_version", "live_leases"]

logger = logging.getLogger(__name__)

_FOLDER = "runs/leases"
_SHORTEST = timedelta(seconds=1)
_RENEWALS = 3
"""Renewals within one term, so that a missed one does not lose the version."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds which version until when."""

    key: str
    version: int
    owner: str
    expires: datetime


@contextmanager
def hold_version(
    uri: str, version: int, *, term: timedelta = timedelta(hours=1), owner: str | None = None
) -> Iterator[Lease]:
    """Hold a version: inside, ``gc`` leaves its rows and its pixels alone. ``open_store`` it inside.

    Args:
        uri: the store; its ``runs`` folder must be writable.
        version: the catalog version.
        term: how long the lease outlives a killed holder. It is renewed three times a term.
        owner: for people; host name by default.

    Raises:
        ConfigError: a term below one second.
        StoreError: no such version, it has expired, or the store cannot be written.
    """
    if term < _SHORTEST:
        raise ConfigError(f"expected a lease of at least one second, got {term}")
    rim = open_objects(uri)
    lease = Lease(
        f"{_FOLDER}/{uuid.uuid4().hex}.json", version, owner or socket.gethostname(), datetime.now(UTC) + term
    )
    _write(rim, lease)
    stop = threading.Event()
    renewing = threading.Thread(target=_renew, args=(rim, lease, term, stop), name="lease", daemon=True)
    try:
        # After the lease was written: a gc that did not see it has noted the version as expired by now.
        refuse_expired(rim, version)
        load_table(uri, TILES, version)
        renewing.start()
        yield lease
    finally:
        stop.set()
        if renewing.ident is not None:
            renewing.join()
        rim.delete(lease.key)


def live_leases(rim: Objects, now: datetime | None = None) -> list[Lease]:
    """The leases that have not run out.

    Raises:
        StoreError: a file among them is no lease.
    """
    when = now or datetime.now(UTC)
    return [lease for lease in _all_leases(rim) if lease.expires > when]


def drop_dead_leases(rim: Objects, now: datetime) -> int:
    """Delete the leases that ran out a day ago; how many."""
    dead = [lease for lease in _all_leases(rim) if lease.expires < now - timedelta(days=1)]
    for lease in dead:
        rim.delete(lease.key)
    return len(dead)


def _all_leases(rim: Objects) -> Iterator[Lease]:
    for key in rim.keys(_FOLDER):
        try:
            note = json.loads(rim.get(key))
            yield Lease(key, int(note["version"]), str(note["owner"]), datetime.fromisoformat(note["expires"]))
        except ObjectMissing:
            # Given back between the listing and now.
            continue
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{rim.uri}/{key} is no lease: {error}; move the file away") from error


def _write(rim: Objects, lease: Lease) -> None:
    note = {"version": lease.version, "owner": lease.owner, "expires": lease.expires.isoformat()}
    rim.put(lease.key, json.dumps(note, indent=2).encode())


def _renew(rim: Objects, lease: Lease, term: timedelta, stop: threading.Event) -> None:
    while not stop.wait(term.total_seconds() / _RENEWALS):
        try:
            _write(rim, Lease(lease.key, lease.version, lease.owner, datetime.now(UTC) + term))
        except StoreError as error:
            logger.warning("the lease of version %d could not be renewed: %s", lease.version, error)
