"""Named noise channels, evaluated together because a call costs more than a node."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from geomeld_build.emulator.worlds.planet.ground.noise import Floats, Octaves, key_of

__all__ = ["NoiseBank"]

_PIECE = 2048


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
        self._weights: list[tuple[str, int, Floats]] = []
        start = 0
        for channel, octaves in channels.items():
            self._weights.append((channel, start, np.array(list(octaves.values()))))
            start += len(octaves)

    def only(self, *channels: str) -> NoiseBank:
        """A bank of some of the channels, with the values they have here."""
        part = object.__new__(NoiseBank)
        part._weights = []
        kept: list[int] = []
        for name, start, weights in self._weights:
            if name in channels:
                part._weights.append((name, len(kept), weights))
                kept.extend(range(start, start + weights.size))
        part._octaves = self._octaves.part(kept)
        return part

    def at(self, xyz: Floats) -> dict[str, Floats]:
        """Every channel at points ``(3, ...)`` in km."""
        points = xyz.reshape(3, -1)
        # Maps of the world come through here too: pieces keep the eight corners of a point in the cache.
        pieces = [self._octaves.at(points[:, start : start + _PIECE]) for start in range(0, points.shape[1], _PIECE)]
        noise = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
        found: dict[str, Floats] = {}
        for channel, start, weights in self._weights:
            total = noise[start] * weights[0]
            for offset in range(1, weights.size):
                total = total + noise[start + offset] * weights[offset]
            found[channel] = total.reshape(xyz.shape[1:])
        return found
