"""The classes that captions speak of, and how the two land cover maps name them."""

from __future__ import annotations

__all__ = ["DYNAMIC_WORLD", "LAND_CLASSES", "WORLDCOVER", "harmonised"]

LAND_CLASSES = (
    "tree",
    "shrub",
    "grass",
    "crop",
    "built",
    "bare",
    "snow",
    "water",
    "wetland",
    "mangrove",
    "moss",
)
"""Short names, in the order of ESA WorldCover's codes."""

WORLDCOVER = dict(zip((10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100), LAND_CLASSES, strict=True))
"""Code of ESA WorldCover to short name."""

DYNAMIC_WORLD = {
    0: "water",
    1: "tree",
    2: "grass",
    3: "wetland",
    4: "crop",
    5: "shrub",
    6: "built",
    7: "bare",
    8: "snow",
}
"""Code of Dynamic World to short name; its flooded vegetation is our wetland."""

_MERGED = {"mangrove": "tree", "moss": "bare"}
"""What Dynamic World has no class for, and where it puts it for the most part."""


def harmonised(fractions: dict[str, float]) -> dict[str, float]:
    """Fractions of WorldCover's classes in those of Dynamic World, so that the two can be compared."""
    found = dict.fromkeys(DYNAMIC_WORLD.values(), 0.0)
    for name, fraction in fractions.items():
        found[_MERGED.get(name, name)] += fraction
    return found
