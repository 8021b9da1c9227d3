"""Universal transverse Mercator on WGS 84, both ways, by Krueger's series to sixth order (below a micrometre).

Code of its own rather than a projection library: called for a few hundred points at a time from many threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from geomeld_build.emulator.compiled import helper, kernel
from geomeld_build.emulator.worlds.planet.ground.noise import Floats

__all__ = ["Utm", "epsg_of", "zone_of"]

_A = 6378137.0
_F = 1 / 298.257223563
_N = _F / (2 - _F)
_E = float(np.sqrt(_F * (2 - _F)))
_RADIUS = _A / (1 + _N) * (1 + _N**2 / 4 + _N**4 / 64 + _N**6 / 256) * 0.9996
_ALPHA = (
    _N / 2 - 2 * _N**2 / 3 + 5 * _N**3 / 16 + 41 * _N**4 / 180 - 127 * _N**5 / 288 + 7891 * _N**6 / 37800,
    13 * _N**2 / 48 - 3 * _N**3 / 5 + 557 * _N**4 / 1440 + 281 * _N**5 / 630 - 1983433 * _N**6 / 1935360,
    61 * _N**3 / 240 - 103 * _N**4 / 140 + 15061 * _N**5 / 26880 + 167603 * _N**6 / 181440,
    49561 * _N**4 / 161280 - 179 * _N**5 / 168 + 6601661 * _N**6 / 7257600,
    34729 * _N**5 / 80640 - 3418889 * _N**6 / 1995840,
    212378941 * _N**6 / 319334400,
)
_BETA = (
    _N / 2 - 2 * _N**2 / 3 + 37 * _N**3 / 96 - _N**4 / 360 - 81 * _N**5 / 512 + 96199 * _N**6 / 604800,
    _N**2 / 48 + _N**3 / 15 - 437 * _N**4 / 1440 + 46 * _N**5 / 105 - 1118711 * _N**6 / 3870720,
    17 * _N**3 / 480 - 37 * _N**4 / 840 - 209 * _N**5 / 4480 + 5569 * _N**6 / 90720,
    4397 * _N**4 / 161280 - 11 * _N**5 / 504 - 830251 * _N**6 / 7257600,
    4583 * _N**5 / 161280 - 108847 * _N**6 / 3991680,
    20648693 * _N**6 / 638668800,
)
_DELTA = (
    2 * _N - 2 * _N**2 / 3 - 2 * _N**3 + 116 * _N**4 / 45 + 26 * _N**5 / 45 - 2854 * _N**6 / 675,
    7 * _N**2 / 3 - 8 * _N**3 / 5 - 227 * _N**4 / 45 + 2704 * _N**5 / 315 + 2323 * _N**6 / 945,
    56 * _N**3 / 15 - 136 * _N**4 / 35 - 1262 * _N**5 / 105 + 73814 * _N**6 / 2835,
    4279 * _N**4 / 630 - 332 * _N**5 / 35 - 399572 * _N**6 / 14175,
    4174 * _N**5 / 315 - 144838 * _N**6 / 6237,
    601676 * _N**6 / 22275,
)


def zone_of(lon: float, lat: float) -> int:
    """UTM zone 1..60 of a point, with the exceptions of Norway and Svalbard."""
    lon = (lon + 180.0) % 360.0 - 180.0
    zone = min(int((lon + 180.0) // 6.0) + 1, 60)
    if 56.0 <= lat < 64.0 and 3.0 <= lon < 12.0:
        return 32
    if 72.0 <= lat < 84.0 and 0.0 <= lon < 42.0:
        return 31 if lon < 9.0 else 33 if lon < 21.0 else 35 if lon < 33.0 else 37
    return zone


def epsg_of(lon: float, lat: float) -> int:
    """EPSG code of the UTM zone of a point: 32601..32660 north, 32701..32760 south."""
    return (32600 if lat >= 0.0 else 32700) + zone_of(lon, lat)


@dataclass(frozen=True, slots=True)
class Utm:
    """One UTM zone by its EPSG code (326zz or 327zz)."""

    epsg: int

    @property
    def central_meridian(self) -> float:
        """Degrees east."""
        return (self.epsg % 100) * 6.0 - 183.0

    @property
    def false_northing(self) -> float:
        """Northing of the equator, m."""
        return 0.0 if self.epsg < 32700 else 10_000_000.0

    def forward(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Lon/lat degrees to easting and northing in metres."""
        lon, lat = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
        x, y = _forward(lon.ravel() - self.central_meridian, lat.ravel())
        return x.reshape(lon.shape), self.false_northing + y.reshape(lon.shape)

    def inverse(self, easting: Floats, northing: Floats) -> tuple[Floats, Floats]:
        """Metres to lon/lat degrees; longitudes stay continuous within the zone and may pass 180."""
        x, y = np.broadcast_arrays(np.asarray(easting, dtype=np.float64), np.asarray(northing, dtype=np.float64))
        lon, lat = _inverse(x.ravel(), y.ravel() - self.false_northing)
        return self.central_meridian + lon.reshape(x.shape), lat.reshape(x.shape)


@helper
def _series(terms: tuple[float, ...], xi: float, eta: float) -> tuple[float, float]:
    """Sums over k of ``terms[k - 1]`` times cos(2k xi) sinh(2k eta), and times sin(2k xi) cosh(2k eta)."""
    # Multiples of the angle by addition theorems: four transcendental functions instead of twenty-four.
    cosine, sine = math.cos(2.0 * xi), math.sin(2.0 * xi)
    hyper_cosine, hyper_sine = math.cosh(2.0 * eta), math.sinh(2.0 * eta)
    c, s, ch, sh = cosine, sine, hyper_cosine, hyper_sine
    x, y = terms[0] * c * sh, terms[0] * s * ch
    for k in range(1, len(terms)):
        c, s = c * cosine - s * sine, s * cosine + c * sine
        ch, sh = ch * hyper_cosine + sh * hyper_sine, sh * hyper_cosine + ch * hyper_sine
        x += terms[k] * c * sh
        y += terms[k] * s * ch
    return x, y


@kernel
def _forward(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Metres east (with the false easting) and north of the equator of points ``(n,)``, degrees from the meridian."""
    easting, northing = np.empty(lon.size), np.empty(lon.size)
    for i in range(lon.size):
        turn = lon[i] + 180.0
        lam = math.radians(turn - 360.0 * math.floor(turn / 360.0) - 180.0)
        sin_phi = math.sin(math.radians(lat[i]))
        t = math.sinh(math.atanh(sin_phi) - _E * math.atanh(_E * sin_phi))
        xi = math.atan2(t, math.cos(lam))
        eta = math.asinh(math.sin(lam) / math.hypot(t, math.cos(lam)))
        dx, dy = _series(_ALPHA, xi, eta)
        easting[i], northing[i] = 500_000.0 + _RADIUS * (eta + dx), _RADIUS * (xi + dy)
    return easting, northing


@kernel
def _inverse(easting: Floats, northing: Floats) -> tuple[Floats, Floats]:
    """Degrees from the meridian and latitude of points ``(n,)``; metres, northing from the equator."""
    lon, lat = np.empty(easting.size), np.empty(easting.size)
    for i in range(easting.size):
        eta, xi = (easting[i] - 500_000.0) / _RADIUS, northing[i] / _RADIUS
        dx, dy = _series(_BETA, xi, eta)
        x, y = eta - dx, xi - dy
        chi = math.asin(math.sin(y) / math.cosh(x))
        _, along = _series(_DELTA, chi, 0.0)
        lon[i], lat[i] = math.degrees(math.atan2(math.sinh(x), math.cos(y))), math.degrees(chi + along)
    return lon, lat
