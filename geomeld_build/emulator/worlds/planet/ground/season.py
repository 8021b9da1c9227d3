"""What a day of the year does to the ground: greenness, crops, snow, water."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.compiled import kernel
from geomeld_build.emulator.worlds.planet.ground.truth import PIXEL_M, Ground

__all__ = ["Season", "lake_ice", "season_of", "wetness"]

_Small = NDArray[np.float32]
_F = np.float32
_AUTUMN_SOWN, _FALLOW = 0.4, 0.9
"""Fields by ``crop_kind``: below the first sown in autumn, from the second on not sown at all."""


@dataclass(frozen=True, slots=True)
class Season:
    """State of a block on one day; arrays ``(y, x)`` float32."""

    leaves: _Small
    """Share of broad leaves on the trees, 0..1."""
    green: _Small
    """Greenness of grass and shrubs, 0..1."""
    crop_green: _Small
    """Share of a field covered by green plants."""
    crop_ripe: _Small
    """Share of a field covered by ripe, dry plants."""
    snow: _Small
    """Share of the ground under seasonal snow."""
    water: _Small
    """Share of the pixel under water."""
    damp: _Small
    """Dampness of the soil, 0..1."""
    warmth: _Small
    """Temperature of the time of year, degrees C."""


def _step(low: float, high: float, value: _Small) -> _Small:
    """0 at ``low``, 1 at ``high``, smooth between."""
    return _rise(np.ravel(value), _F(low), _F(1.0 / (high - low))).reshape(value.shape)


@kernel
def _rise(value: _Small, low: np.float32, slope: np.float32) -> _Small:
    out = np.empty_like(value)
    for i in range(value.size):
        t = min(max((value[i] - low) * slope, _F(0)), _F(1))
        out[i] = t * t * (_F(3) - _F(2) * t)
    return out


def _within_year(days: _Small) -> _Small:
    """Days brought to 0..365."""
    result: _Small = days - _F(365) * np.floor(days * _F(1.0 / 365.0))
    return result


def wetness(year: float, lat: float, winter_rain: _Small, dry_season: _Small) -> _Small:
    """How wet the time of the year is, 0..1: 1 where rain knows no season.

    Args:
        year: radians from 1 January.
        lat: degrees; decides when summer is.
        winter_rain: 0 = summer rain, 1 = winter rain.
        dry_season: strength of the dry season, 0..1.
    """
    summer = 0.5 - 0.5 * np.cos(year - 2 * np.pi * 25 / 365) * (1.0 if lat >= 0 else -1.0)
    rainy = winter_rain * _F(1.0 - summer) + (1 - winter_rain) * _F(summer)
    result: _Small = 1 - dry_season * (1 - rainy)
    return result


def season_of(ground: Ground, year: float) -> Season:
    """The state of a block at a time of the year (radians from 1 January)."""
    sign = 1.0 if ground.lat >= 0 else -1.0
    warmth = ground.mean - ground.swing * _F(sign * np.cos(year - 2 * np.pi * 20 / 365))
    rainy = wetness(year, ground.lat, ground.winter_rain, ground.dry_season)
    moist = np.clip(ground.moisture, 0, 1.2)
    watered = np.clip(rainy + 0.35 * (moist - 0.5), 0, 1)
    # Grass stays green where winters are mild, trees do not.
    growth = _step(-4.0, 9.0, warmth)
    leaves = _step(4.0, 12.0, warmth) * (0.35 + 0.65 * np.maximum(watered, _step(0.7, 1.1, moist)))
    green = growth * watered * _step(0.05, 0.5, ground.moisture)
    crop_green, crop_ripe = _crops(ground, year, sign, warmth)
    cold = warmth + 1.1 * ground.texture
    snow = _step(1.0, -4.0, cold) * _step(60.0, 260.0, ground.rain)
    tide = (0.5 - rainy) * ground.dry_season * 0.9
    water = np.clip((ground.wet - tide * 2 * ground.margin) / _F(PIXEL_M) + _F(0.5), 0, 1)
    water = np.where(ground.sea > 0.5, _F(1), water)
    arrays = (leaves, green, crop_green, crop_ripe, snow, water, np.clip(0.15 + 0.6 * rainy * moist, 0, 1), warmth)
    return Season(*(np.asarray(array, dtype=np.float32) for array in arrays))


def lake_ice(ground: Ground, season: Season) -> _Small:
    """Share of the open water under ice, 0..1; the sea stays open."""
    result: _Small = np.clip(season.warmth * _F(-1 / 6) - _F(0.3), 0, 1) * (1 - ground.sea)
    return result


def _crops(ground: Ground, year: float, sign: float, warmth: _Small) -> tuple[_Small, _Small]:
    """Green and ripe share of fields.

    Four fields in ten are sown in autumn, are half green through a mild winter and ripen in early summer; five are sown
    in spring; one lies fallow. After the harvest, and on fallow land, whatever grows by itself makes half the greenness
    of a pasture.
    """
    day = (year / (2 * np.pi) * 365.0 + (0.0 if sign > 0 else 182.5)) % 365.0
    autumn, fallow = ground.crop_kind < _AUTUMN_SOWN, ground.crop_kind >= _FALLOW
    dry_summer = ground.winter_rain
    peak = 208.0 - 110.0 * dry_summer + 60.0 * (ground.crop_phase - 0.5) - 62.0 * autumn * (1 - dry_summer)
    since = _within_year(_F(day) - peak + _F(182.5)) - _F(182.5)
    grown = _step(-75.0, -20.0, since) * (1 - _step(24.0, 46.0, since))
    ripe = _step(24.0, 46.0, since) * (1 - _step(52.0, 68.0, since))
    mild = _step(-3.0, 6.0, warmth)
    # Seedlings come up some months after the harvest and stay through the winter, where the count of days wraps around.
    seedlings = _F(0.55) * autumn * np.where(since < 0, _F(1), _step(140.0, 170.0, since))
    grown = np.maximum(grown, seedlings)
    sown = _step(2.0, 9.0, np.where(autumn, warmth + 4.0, warmth)) * ~fallow
    # In warm and watered places a second crop follows half a year later.
    second = (ground.crop_kind < 0.62) * (ground.mean > 18.0) * (ground.rain > 500.0)
    again = _within_year(since) - _F(182.5)
    grown = np.maximum(grown, second * _step(-70.0, -20.0, again) * (1 - _step(24.0, 44.0, again)))
    vigour = 0.72 + 0.28 * np.clip(ground.moisture, 0, 1)
    weeds = _F(0.5) * mild * _weeds(ground, year)
    ripe = ripe * sown
    return np.maximum(grown * sown * vigour, weeds * (1 - ripe)), ripe


def _weeds(ground: Ground, year: float) -> _Small:
    rainy = wetness(year, ground.lat, ground.winter_rain, ground.dry_season)
    result: _Small = rainy * _step(0.15, 0.9, ground.moisture)
    return result
