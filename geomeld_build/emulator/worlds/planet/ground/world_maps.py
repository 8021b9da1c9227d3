"""Global maps that make the planet resemble Earth at the scale of continents: land, mountain belts, rain.

Land fractions come from a public-domain map at 2 degrees; belts and rain anomalies are drawn by hand. They are blurred
to hundreds of kilometres: coasts and ranges lie about where they do on Earth, and everything finer is invented.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files

import numpy as np
from scipy import ndimage

from geomeld_build.emulator.worlds.planet.ground.noise import EARTH_RADIUS_KM, Floats, unit_xyz

__all__ = ["sample_maps"]

_STEP = 1.0
# name, crest height m, half width km, (lon, lat) vertices
_BELTS: tuple[tuple[str, float, float, tuple[tuple[float, float], ...]], ...] = (
    ("Andes", 3300, 180, ((-73, 9), (-76, 2), (-79, -5), (-73, -14), (-68, -20), (-70, -30), (-71, -40), (-73, -50))),
    (
        "Rocky Mountains",
        1900,
        280,
        ((-148, 62), (-133, 60), (-123, 54), (-115, 48), (-110, 43), (-107, 38), (-105, 33)),
    ),
    ("Sierra Madre", 1600, 200, ((-106, 28), (-103, 22), (-97, 18), (-91, 15))),
    ("Cascades", 1500, 90, ((-121.5, 49), (-121, 42), (-119, 37), (-116, 33))),
    ("Appalachians", 600, 130, ((-71, 45), (-78, 39), (-83, 36))),
    ("Alps", 1900, 100, ((6, 44.5), (8, 46), (12, 47), (15, 47))),
    ("Pyrenees", 1400, 60, ((-2, 42.9), (2, 42.5))),
    ("Carpathians", 900, 90, ((18, 49), (24, 48), (26, 46), (23, 45))),
    ("Scandes", 900, 130, ((7, 60), (14, 65), (20, 69))),
    ("Caucasus", 2100, 80, ((38, 44), (48, 41.5))),
    ("Zagros", 1600, 160, ((38, 39), (44, 37), (48, 33), (54, 29))),
    ("Anatolia and Iran", 1100, 260, ((29, 38), (40, 39), (52, 34), (60, 33))),
    ("Himalaya", 4000, 150, ((66, 34.5), (72, 36), (78, 32), (84, 28.7), (92, 28), (97, 28.5))),
    ("Tibet", 4200, 330, ((81, 34), (90, 33.5), (98, 33.5))),
    ("Tien Shan", 2300, 150, ((70, 41), (78, 42.5), (88, 43.5))),
    ("Altai", 1700, 220, ((84, 50), (92, 48), (98, 48), (104, 52))),
    ("Yunnan", 1700, 220, ((100, 28), (103, 24))),
    ("South China hills", 450, 300, ((108, 26), (117, 26))),
    ("Urals", 600, 90, ((58, 52), (59, 60), (65, 67))),
    ("East Siberia", 900, 260, ((127, 66), (138, 65), (150, 64), (165, 66))),
    ("Kamchatka", 1000, 90, ((157, 53), (160, 57))),
    ("Japan", 900, 70, ((131, 33), (138, 36), (142, 43))),
    ("New Guinea", 2200, 90, ((133, -4), (140, -5), (146, -6.5))),
    ("New Zealand", 1200, 60, ((168, -45), (172, -43), (176, -39))),
    ("Great Dividing Range", 600, 120, ((146, -18), (150, -25), (150, -33), (147, -37))),
    ("Ethiopia", 2000, 220, ((38, 6), (39, 13))),
    ("East Africa", 1200, 260, ((36, 1), (34, -6), (33, -12))),
    ("Southern Africa", 1200, 350, ((29, -30), (25, -28), (18, -22))),
    ("Atlas", 1300, 110, ((-8, 31), (0, 34), (8, 36))),
    ("Hoggar and Tibesti", 1000, 130, ((6, 23), (17, 21))),
    ("Western Ghats", 700, 90, ((74, 19), (77, 10))),
    ("Brazilian highlands", 700, 350, ((-44, -18), (-48, -23))),
    ("Guiana", 700, 180, ((-64, 5), (-60, 4))),
    ("Borneo", 800, 90, ((114, 2), (116, 5))),
    ("Sumatra and Java", 900, 50, ((97, 4), (103, -4), (107, -7.2), (113, -7.8))),
    ("Madagascar", 900, 130, ((47, -16), (47, -22))),
    ("Greenland", 2500, 330, ((-45, 63), (-40, 70), (-38, 78))),
    ("Antarctica", 2900, 1300, ((80, -82), (0, -80), (120, -78))),
)
# lon, lat, radius km, natural logarithm of the factor on rain
_RAIN: tuple[tuple[float, float, float, float], ...] = (
    (96, 22, 1500, 1.5),
    (112, 27, 1300, 1.1),
    (138, 36, 900, 0.7),
    (-86, 34, 1100, 0.8),
    (-52, -22, 1300, 0.8),
    (-62, -5, 1600, 0.25),
    (112, 0, 1500, 0.3),
    (22, -10, 1500, 0.3),
    (2, 45, 1200, 0.3),
    (8, 24, 1700, -1.6),
    (28, 23, 1300, -1.8),
    (48, 23, 1200, -1.6),
    (62, 38, 1300, -1.0),
    (72, 28, 500, -1.0),
    (90, 42, 1400, -1.2),
    (128, -25, 1200, -1.1),
    (-70, -24, 500, -2.0),
    (17, -24, 800, -1.1),
    (-114, 33, 900, -1.3),
    (-107, 42, 700, -0.4),
    (-68, -45, 600, -1.2),
    (45, 5, 700, -1.1),
)


def _grid_xyz() -> tuple[Floats, Floats, Floats]:
    lon, lat = np.meshgrid(np.arange(-180.0, 180.0, _STEP) + _STEP / 2, np.arange(90.0, -90.0, -_STEP) - _STEP / 2)
    return lon, lat, unit_xyz(lon, lat)


def _belt_heights(xyz: Floats) -> Floats:
    """Height of the highest belt at every grid point, metres."""
    heights = np.zeros(xyz.shape[1:])
    for _, crest, width, vertices in _BELTS:
        nodes = unit_xyz(np.array([v[0] for v in vertices], float), np.array([v[1] for v in vertices], float))
        nearest = np.full(xyz.shape[1:], np.inf)
        for a, b in zip(nodes.T[:-1], nodes.T[1:], strict=True):
            along = np.clip(np.tensordot(b - a, xyz - a[:, None, None], 1) / np.dot(b - a, b - a), 0.0, 1.0)
            gap = xyz - (a[:, None, None] + along * (b - a)[:, None, None])
            # Chords of long segments run below the surface; the lengths drawn here keep that below 2 %.
            nearest = np.minimum(nearest, np.sqrt((gap * gap).sum(0)))
        heights = np.maximum(heights, crest * np.exp(-((nearest / width) ** 2) / 2))
    return heights


def _rain_factors(xyz: Floats) -> Floats:
    factor = np.zeros(xyz.shape[1:])
    for lon, lat, radius, change in _RAIN:
        centre = unit_xyz(np.array(float(lon)), np.array(float(lat)))
        cosine = np.tensordot(centre, xyz, 1) / EARTH_RADIUS_KM**2
        distance = EARTH_RADIUS_KM * np.arccos(np.clip(cosine, -1.0, 1.0))
        factor += change * np.exp(-((distance / radius) ** 2) / 2)
    return factor


@lru_cache(maxsize=1)
def _maps() -> tuple[Floats, ...]:
    """Land fraction, land fraction blurred over 1,000 km, belt height m, log rain factor: padded 1 degree grids."""
    text = files(__package__).joinpath("continents.json").read_text("utf-8")
    rows = json.loads(text)["rows"]
    land = np.array([[int(digit) for digit in row] for row in rows], dtype=np.float64) / 9.0
    land = np.repeat(np.repeat(land, 2, axis=0), 2, axis=1)
    inland = ndimage.gaussian_filter(land, (7.0, 9.0), mode=("nearest", "wrap"))
    _, _, xyz = _grid_xyz()
    padded = (_pad(ndimage.uniform_filter(land, 2, mode=("nearest", "wrap"))), _pad(inland))
    return (*padded, _pad(_belt_heights(xyz)), _pad(_rain_factors(xyz)))


def _pad(grid: Floats) -> Floats:
    return np.pad(np.pad(grid, ((4, 4), (0, 0)), mode="edge"), ((0, 0), (4, 4)), mode="wrap")


def sample_maps(lon: Floats, lat: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Land fraction 0..1, continentality 0..1, belt height m and log rain factor at lon/lat degrees, smoothly."""
    column = ((np.asarray(lon) + 180.0) % 360.0) / _STEP - 0.5 + 4
    row = (90.0 - np.asarray(lat)) / _STEP - 0.5 + 4
    where = np.stack((row.ravel(), column.ravel()))
    # prefilter=False keeps the cubic B-spline a smoother: block edges of the coarse maps do not ring.
    land, inland, belt, rain = (
        ndimage.map_coordinates(grid, where, order=3, prefilter=False, mode="nearest").reshape(row.shape)
        for grid in _maps()
    )
    return land, inland, belt, rain
