"""Pools of points from other people's files: MMEarth, SkyScript, the released GeoMeld, and plain tables."""

from geomeld_build.anchors.imports.pool import Pool, PoolFormat, Progress
from geomeld_build.anchors.imports.read import read_pool

__all__ = ["Pool", "PoolFormat", "Progress", "read_pool"]
