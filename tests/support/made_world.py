"""A small Earth for tests of frames: three biomes on two continents, and pools of points on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from geomeld_build.anchors.imports import Pool
from geomeld_build.anchors.world import BiomeLayer, World
from geomeld_build.anchors.world.polygons import locate_in_polygons
from geomeld_build.draws import uniform

BOXES = {1: (20.0, -2.0, 21.0, -1.2), 7: (20.0, -4.0, 21.4, -3.0), 14: (-60.0, -6.0, -59.6, -5.7)}
"""Biome to west, south, east, north: forest and savanna in Africa, a few mangroves in South America."""
NAMES = {1: "tropical-moist-broadleaf-forests", 7: "tropical-grasslands", 14: "mangroves"}


def made_world() -> World:
    """Forest (about 5,900 cells), savanna (10,300), mangroves (880)."""
    shapes = np.array([shapely.box(*box) for box in BOXES.values()], dtype=object)
    biomes = np.array(list(BOXES), np.int8)
    return World(BiomeLayer(biomes, ("wet", "dry", "salt"), locate_in_polygons(shapes), "made-up"))


def made_pool(name: str, count: int, *, seed: int = 0, off: int = 0) -> Pool:
    """So many points in the three boxes by turns, and ``off`` more at sea."""
    keys = np.arange(count + off, dtype=np.uint64)
    u, v = (uniform(f"{name}-{seed}", axis, keys) for axis in ("lon", "lat"))
    boxes = np.array(list(BOXES.values()))[np.arange(count + off) % len(BOXES)]
    lon = boxes[:, 0] + u * (boxes[:, 2] - boxes[:, 0])
    lat = boxes[:, 1] + v * (boxes[:, 3] - boxes[:, 1])
    lon[count:] -= 40.0
    return pool_of(name, lon, lat)


def pool_of(name: str, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Pool:
    """A pool of given points, with ids by their numbers."""
    return Pool(name, lon, lat, pa.array([f"{name}-{i:06d}" for i in range(len(lon))]), None, Path(f"{name}.csv"))


def shuffled(pool: Pool, seed: int) -> Pool:
    """The same points in another order."""
    order = np.random.default_rng(seed).permutation(len(pool))
    return Pool(pool.name, pool.lon[order], pool.lat[order], pool.src_id.take(pa.array(order)), None, pool.path)
