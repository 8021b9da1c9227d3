"""The simulated planet: a procedural world that serves any place and date."""

from geomeld_build.emulator.worlds.planet.world import PlanetWorld

__all__ = ["PlanetWorld"]
