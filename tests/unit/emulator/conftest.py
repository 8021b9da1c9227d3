"""The real client against an emulator in this process; every test brings its own world."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ee
import numpy as np
import pytest
from google.auth.credentials import AnonymousCredentials
from numpy.typing import NDArray

from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.settings import EmulatorSettings, LimitSettings, QuotaSettings
from geomeld_build.emulator.worlds.memory import MemoryWorld

UTM = "EPSG:32643"


def connect(url: str) -> None:
    """Point the process-global client at a server."""
    close_client()
    # Any non-empty value keeps Initialize from opening an internet address.
    ee.deprecation.deprecated_assets = {"none": None}
    ee.Initialize(AnonymousCredentials(), url=url, project="local")
    ee.data.setMaxRetries(0)


def close_client() -> None:
    session = ee.data._get_state().requests_session
    if session is not None:
        session.close()
    ee.Reset()


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorServer]:
    """A server without quotas, and the client connected to it."""
    settings = EmulatorSettings(quota=QuotaSettings(concurrent=None, per_second=None))
    with EmulatorServer(MemoryWorld(), settings) as running:
        connect(running.url)
        yield running
        close_client()


@pytest.fixture
def world(server: EmulatorServer) -> MemoryWorld:
    """A fresh world, served from now on."""
    made = MemoryWorld()
    server.use_world(made)
    server.reset()
    return made


@pytest.fixture
def own_server() -> Iterator[Callable[..., EmulatorServer]]:
    """Starts servers with other settings; the client is connected to the last one."""
    running: list[EmulatorServer] = []

    def start(
        quota: QuotaSettings | None = None, limits: LimitSettings | None = None, **settings: Any
    ) -> EmulatorServer:
        made = EmulatorServer(
            MemoryWorld(),
            EmulatorSettings(
                quota=quota or QuotaSettings(concurrent=None, per_second=None),
                limits=limits or LimitSettings(),
                **settings,
            ),
        ).start()
        running.append(made)
        connect(made.url)
        return made

    yield start
    close_client()
    for made in running:
        made.stop()


Pixels = Callable[..., NDArray[Any]]


@pytest.fixture
def pixels() -> Pixels:
    """Requests pixels as NPY: ``pixels(image, transform, width, height, crs=...)``."""

    def request(
        image: ee.Image, transform: Sequence[float], width: int, height: int, crs: str = UTM, **more: Any
    ) -> NDArray[Any]:
        keys = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
        grid = {
            "dimensions": {"width": width, "height": height},
            "affineTransform": dict(zip(keys, map(float, transform), strict=True)),
            "crsCode": crs,
        }
        found = ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid, **more})
        assert isinstance(found, np.ndarray)
        return found

    return request
