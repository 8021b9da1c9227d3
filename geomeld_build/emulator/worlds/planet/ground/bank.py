"""Named noise channels, evaluated together because a call costs more than a node."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from geomeld_build.emulator.worlds.planet.ground.noise import Floats, Octaves, key_of

__all__ = ["NoiseBank"]


class NoiseBank:
    """A set of channels, each a weighted sum of octaves."""

    def __init__(self, seed: int, name: str, channels: Mapping[str, Mapping[float, float]]) -> None:
        """Args:
        seed: the planet's seed.
        name: keeps the octaves of this bank apart from those of others.
        channels: channel name to {wavelength km: weight}.
        """
        lengths = [length for octaves in channels.values() for length in octaves]
        self._octaves = Octaves.of(key_of(seed, name), lengths)
        self._names = tuple(channels)
        self._weights = np.array([weight for octaves in channels.values() for weight in octaves.values()])
        self._channels = np.repeat(np.arange(len(channels)), [len(octaves) for octaves in channels.values()])

    def only(self, *channels: str) -> NoiseBank:
        """A bank of some of the channels, with the values they have here."""
        part = object.__new__(NoiseBank)
        part._names = tuple(name for name in self._names if name in channels)
        numbers = np.array([self._names.index(name) for name in part._names])
        kept = np.flatnonzero(np.isin(self._channels, numbers))
        part._octaves = self._octaves.part(kept)
        part._weights = self._weights[kept]
        part._channels = np.searchsorted(numbers, self._channels[kept])
        return part

    def at(self, xyz: Floats) -> dict[str, Floats]:
        """Every channel at points ``(3, ...)`` in km."""
        found = self._octaves.mixed(xyz.reshape(3, -1), self._weights, self._channels)
        return dict(zip(self._names, found.reshape(-1, *xyz.shape[1:]), strict=True))
