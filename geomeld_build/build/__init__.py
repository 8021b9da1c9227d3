"""Turns anchors into a store: plan, run on threads or Dask, commit. Plain Python; flows only compose it."""

from geomeld_build.build.config import BuildConfig, DaskConfig, SourceConfig
from geomeld_build.build.run import BuildSummary, Progress, build_tiles

__all__ = ["BuildConfig", "BuildSummary", "DaskConfig", "Progress", "SourceConfig", "build_tiles"]
