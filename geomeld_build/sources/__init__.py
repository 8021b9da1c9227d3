"""Where scenes come from. ``open_source`` gives the adapter of a provider; each finds and reads, never chooses."""

from geomeld_build.sources.base import Counters, Reading, SceneQuery, Source

__all__ = ["Counters", "Reading", "SceneQuery", "Source"]
