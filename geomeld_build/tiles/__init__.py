"""From anchors to checked pixels: select scenes, pin them in a plan, fetch, check. Pure functions in the middle."""

from geomeld_build.tiles.check import CloudTest, cloud_test, out_of_range, valid_fraction
from geomeld_build.tiles.estimate import Estimate, estimate
from geomeld_build.tiles.fetch import FetchedTile, PartOutcome, fetch_tile, not_tried
from geomeld_build.tiles.plan import plan_anchors
from geomeld_build.tiles.plan_file import PlanWriter, read_plan, write_plan
from geomeld_build.tiles.select import rank_references, select_part

__all__ = [
    "CloudTest",
    "Estimate",
    "FetchedTile",
    "PartOutcome",
    "PlanWriter",
    "cloud_test",
    "estimate",
    "fetch_tile",
    "not_tried",
    "out_of_range",
    "plan_anchors",
    "rank_references",
    "read_plan",
    "select_part",
    "valid_fraction",
    "write_plan",
]
