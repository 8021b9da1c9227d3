"""Where and when tiles are: sampling of the lattice in a region, and anchors from files."""

from geomeld_build.anchors.files import ANCHOR_SCHEMA, read_anchors, write_anchors
from geomeld_build.anchors.region import Region, parse_region
from geomeld_build.anchors.sample import sample_anchors

__all__ = ["ANCHOR_SCHEMA", "Region", "parse_region", "read_anchors", "sample_anchors", "write_anchors"]
