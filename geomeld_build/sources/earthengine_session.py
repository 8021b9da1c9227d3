"""Who is asked, as whom: the process-wide state of the ``ee`` client, guarded.

The client keeps one endpoint per process. Sources that ask the same endpoint share it; a source for another endpoint
re-initialises it, unless calls are in flight, which is an error of the program.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import ee
import google.auth.exceptions
import googleapiclient.errors
from google.auth.credentials import AnonymousCredentials
from google.oauth2 import service_account

from geomeld_build.errors import ConfigError, CredentialsError, SourceError
from geomeld_build.sources.earthengine_retry import Refused, Verdict
from geomeld_build.sources.earthengine_transport import Switch, Transport, purpose
from geomeld_build.sources.meter import Kind

__all__ = ["DEFAULT_URL", "Endpoint", "Session", "endpoint"]

_log = logging.getLogger(__name__)

DEFAULT_URL = "https://earthengine-highvolume.googleapis.com"
"""The endpoint meant for many small requests."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the client is initialised with."""

    url: str
    project: str
    credentials: Path | None = None
    """A key file; None = as the client finds them, or anonymous away from Google."""

    @property
    def is_google(self) -> bool:
        """Whether this is the real service."""
        return (urlsplit(self.url).hostname or "").endswith(".googleapis.com")


def endpoint(url: str | None, project: str | None, credentials: str | Path | None) -> Endpoint:
    """Checks and completes what the user gave.

    Raises:
        ConfigError: the URL is no URL, the project is missing for the real service, or the key file is absent.
    """
    address = (url or DEFAULT_URL).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"url is {address!r}: expected http(s)://host[:port]")
    key = Path(credentials) if credentials is not None else None
    if key is not None and not key.is_file():
        raise ConfigError(f"credentials file {key} does not exist: expected a service-account JSON file")
    found = Endpoint(address, project or "", key)
    if found.is_google and not project:
        raise ConfigError(
            "Earth Engine needs a Google Cloud project: pass --project NAME (registered for Earth Engine)"
        )
    return found if project else Endpoint(address, "local", key)


def _login(where: Endpoint) -> Any:
    if where.credentials is not None:
        try:
            load: Any = service_account.Credentials.from_service_account_file
            return load(str(where.credentials), scopes=ee.oauth.SCOPES)
        except (google.auth.exceptions.GoogleAuthError, ValueError) as error:
            raise CredentialsError(f"{where.credentials} holds no service-account key: {error}") from error
    if not where.is_google:
        anonymous: Any = AnonymousCredentials
        return anonymous()
    try:
        return ee.data.get_persistent_credentials()
    except ee.EEException as error:
        raise CredentialsError(
            "no Earth Engine credentials found: run `earthengine authenticate`, or pass --credentials FILE"
        ) from error


class _Client:
    """The one ``ee`` state of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: Endpoint | None = None
        self._switch: Switch | None = None
        self._in_flight = 0

    @contextmanager
    def use(self, where: Endpoint, transport: Transport) -> Iterator[None]:
        with self._lock:
            if where != self._current or not self._untouched():
                if self._in_flight and where == self._current:
                    raise ConfigError(
                        f"the ee client was set up by other code of this process while calls to {where} are in "
                        "flight: let them finish first, or use another process"
                    )
                if self._in_flight:
                    raise ConfigError(
                        f"Earth Engine calls to {self._current} are in flight: one process talks to one endpoint at a "
                        f"time, so {where} must wait or use another process"
                    )
                self._current = None
                with _translated(where), purpose(transport, "setup"):
                    self._switch = _initialise(where)
                self._current = where
            self._in_flight += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1

    def _untouched(self) -> bool:
        """Whether the client is still as it was set up here: notebooks, geemap and xee initialise it for themselves."""
        state = ee.data._get_state()
        return state.initialized and state.http_transport is self._switch


_CLIENT = _Client()


def _initialise(where: Endpoint) -> Switch:
    ee.Reset()
    switch = Switch()
    # Three requests: two discovery documents and the list of algorithms. All retries are the transport's.
    ee.data.setMaxRetries(0)
    # Any entry keeps Initialize from downloading the list of deprecated assets, which has no timeout.
    ee.deprecation.deprecated_assets = {"": ee.deprecation.DeprecatedAsset("", None, None, None)}
    login = _login(where)
    try:
        ee.Initialize(credentials=login, url=where.url, project=where.project, http_transport=switch)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # The client trusts what it downloads and fails in many ways on anything else.
        raise SourceError(f"{where.url} does not speak the Earth Engine protocol: {error!r}") from error
    _log.debug("Earth Engine client set up for %s, project %s", where.url, where.project)
    return switch


@contextmanager
def _translated(where: Endpoint) -> Iterator[None]:
    try:
        yield
    except ee.EEException as error:
        http = error.__context__
        status = http.resp.status if isinstance(http, googleapiclient.errors.HttpError) else 0
        if int(status) == 401:
            raise _unauthenticated(where, str(error)) from error
        raise Refused(Verdict.REJECTED, int(status), str(error)) from error
    except google.auth.exceptions.GoogleAuthError as error:
        raise _unauthenticated(where, str(error)) from error
    except googleapiclient.errors.Error as error:
        raise SourceError(f"{where.url} does not speak the Earth Engine protocol: {error}") from error


def _unauthenticated(where: Endpoint, said: str) -> CredentialsError:
    return CredentialsError(
        f"{where.url} does not accept the login ({said}): run `earthengine authenticate`, or pass --credentials FILE"
    )


class Session:
    """The client as one source uses it: its endpoint, its transport, its workload tag.

    Args:
        where: endpoint.
        transport: carries and counts the requests of this session.
        workload_tag: label for cost accounting on the service, or empty.
    """

    def __init__(self, where: Endpoint, transport: Transport, workload_tag: str = "") -> None:
        self.where = where
        self.transport = transport
        self._tag = {"workloadTag": workload_tag} if workload_tag else {}

    def run(self, kind: Kind, build: Callable[[], T], *, repeated: bool = False) -> T:
        """Runs ``build`` (which makes expressions and sends them) with the client pointed at this endpoint.

        Raises:
            SourceError: and its subclasses, when the service fails.
        """
        with (
            _CLIENT.use(self.where, self.transport),
            purpose(self.transport, kind, repeated=repeated),
            _translated(self.where),
        ):
            return build()

    def value(self, expression: Any) -> Any:
        """The value of an expression (``value:compute``); only inside :meth:`run`."""
        # computeValue has no argument for the tag; it reads the process-wide one.
        wanted = self._tag.get("workloadTag", "")
        if ee.data.getWorkloadTag() != wanted:
            ee.data.setDefaultWorkloadTag(wanted)
        return ee.data.computeValue(expression)

    def pixels(self, expression: Any, grid: dict[str, Any]) -> bytes:
        """Pixels of an image on a grid as NPY bytes (``image:computePixels``); only inside :meth:`run`."""
        body = {"expression": expression, "fileFormat": "NPY", "grid": grid, **self._tag}
        return bytes(ee.data.computePixels(body))

    def features(self, expression: Any, page_size: int) -> Iterator[dict[str, Any]]:
        """Features of a collection, page after page (``table:computeFeatures``); only inside :meth:`run`."""
        token: str | None = None
        while True:
            body = {"expression": expression, "pageSize": page_size, **self._tag}
            page = ee.data.computeFeatures(body if token is None else {**body, "pageToken": token})
            yield from page.get("features", ())
            token = page.get("nextPageToken")
            if not token:
                return
