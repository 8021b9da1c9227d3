"""Everything that varies over kilometres: coasts, relief, climate, where people live.

One function evaluates it at any points, be they the nodes of a block or a map of the world.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from geomeld_build.emulator.worlds.planet.ground.bank import NoiseBank
from geomeld_build.emulator.worlds.planet.ground.noise import Floats, unit_xyz
from geomeld_build.emulator.worlds.planet.ground.world_maps import sample_maps

__all__ = ["LAPSE_K_PER_M", "Macro", "MacroModel", "Relief", "ground_of", "smoothstep"]

LAPSE_K_PER_M = 0.006
"""Cooling of the air with height."""

_CHANNELS = {
    "coast": {800.0: 0.75, 380.0: 0.45, 170.0: 0.28, 80.0: 0.18, 38.0: 0.11, 17.0: 0.06},
    "relief": {420.0: 0.5, 150.0: 0.7, 60.0: 0.5},
    "height": {48.0: 0.75, 25.0: 0.45},
    "ridge1": {13.0: 1.0},
    "ridge2": {6.4: 1.0},
    "ridge3": {3.3: 1.0},
    "rain": {1500.0: 0.7, 520.0: 0.6, 140.0: 0.25},
    "warmth": {900.0: 0.8, 300.0: 0.5},
    "season": {1800.0: 1.0},
    "people": {260.0: 0.7, 80.0: 0.6, 22.0: 0.35},
    "marsh": {180.0: 0.8, 50.0: 0.6},
    "conifer": {700.0: 0.6, 130.0: 0.6, 20.0: 0.4},
    "warp_x": {5.5: 1.0},
    "warp_y": {5.5: 1.0},
    "soil": {90.0: 0.6, 21.0: 0.5, 4.3: 0.5},
    "patch": {7.0: 0.55, 3.6: 0.35},
}


def smoothstep(low: float, high: float, value: Floats) -> Floats:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _ridge(noise: Floats) -> Floats:
    """Crests along the zero lines of noise; rounded, for a sharp edge would not survive interpolation between nodes."""
    result: Floats = 0.8 - np.sqrt(noise * noise + 0.06)
    return result


@dataclass(frozen=True, slots=True)
class Macro:
    """Fields of one shape that vary over kilometres."""

    coast: Floats
    """Above 0 on land; about 1 far inland."""
    base: Floats
    """Elevation without hills, m; what rivers and lakes lie on."""
    amplitude: Floats
    """Size of the hills, m."""
    hills: Floats
    """Relief of wavelengths above 3 km, in amplitudes."""
    sea_warmth: Floats
    """Mean annual temperature at sea level, degrees C."""
    swing: Floats
    """Half the annual range of temperature, K."""
    rain: Floats
    """Annual precipitation, mm."""
    winter_rain: Floats
    """0 = rain in summer or all year, 1 = rain in winter (Mediterranean)."""
    dry_season: Floats
    """0 = even rain, 1 = rain in one season only."""
    people: Floats
    """0 = wilderness, 1 = densely settled."""
    marsh: Floats
    conifer: Floats
    """Noise, about standard normal."""
    warp_x: Floats
    warp_y: Floats
    soil: Floats
    patch: Floats

    def stack(self) -> Floats:
        """All fields, ``(field, ...)``."""
        return np.stack([getattr(self, item.name) for item in fields(self)])

    @classmethod
    def unstack(cls, stacked: Floats) -> Macro:
        """The inverse of ``stack``."""
        return cls(*stacked)


@dataclass(frozen=True, slots=True)
class Relief:
    """What the ground is made of above wavelengths of 3 km; fields of one shape, as in ``Macro``."""

    coast: Floats
    base: Floats
    amplitude: Floats
    hills: Floats

    def ground(self) -> Floats:
        """Height of the ground in m, before rivers cut into it; below 0 in the sea."""
        return ground_of(self.coast, self.base, self.amplitude, self.hills)


def ground_of(coast: Floats, base: Floats, amplitude: Floats, rolling: Floats) -> Floats:
    """Height of the ground in m from its parts; ``rolling`` are hills of any wavelength, in amplitudes."""
    raw = base + amplitude * rolling
    # Basins inland have floors: only the sea lies at the level of the sea.
    floor = 0.4 * base * smoothstep(0.0, 0.1, coast)
    return floor + np.where(raw > floor, raw - floor, 0.08 * (raw - floor))


class MacroModel:
    """The large-scale planet of one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._bank = NoiseBank(seed, "macro", _CHANNELS)
        self._heights = self._bank.only("coast", "relief", "height", "ridge1", "ridge2", "ridge3")
        self._weather = self._bank.only("rain", "warmth", "season")
        self._warps = self._bank.only("warp_x", "warp_y")

    def relief(self, lon: Floats, lat: Floats) -> Relief:
        """Only what makes the height of the ground, at lon/lat degrees; a fifth of the work of ``at``."""
        land, _, belt, _ = sample_maps(lon, lat)
        return _relief(self._heights.at(unit_xyz(lon, lat)), land, belt)

    def weather(self, lon: Floats, lat: Floats, height: Floats) -> tuple[Floats, Floats]:
        """Annual mean temperature in degrees C and precipitation in mm at lon/lat degrees and heights in m."""
        _, inland, _, rain_factor = sample_maps(lon, lat)
        climate = _climate(self._weather.at(unit_xyz(lon, lat)), lat, inland, rain_factor, height)
        return climate["here"], climate["rain"]

    def warps(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """The fields ``warp_x`` and ``warp_y`` at lon/lat degrees."""
        found = self._warps.at(unit_xyz(lon, lat))
        return found["warp_x"], found["warp_y"]

    def at(self, lon: Floats, lat: Floats) -> Macro:
        """Evaluate at lon/lat degrees (arrays of one shape)."""
        n = self._bank.at(unit_xyz(lon, lat))
        land, inland, belt, rain_factor = sample_maps(lon, lat)
        relief = _relief(n, land, belt)
        climate = _climate(n, lat, inland, rain_factor, relief.base)
        people = _people(n["people"], climate, relief.amplitude, relief.base)
        return Macro(
            coast=relief.coast,
            base=relief.base,
            amplitude=relief.amplitude,
            hills=relief.hills,
            sea_warmth=climate["sea_warmth"],
            swing=climate["swing"],
            rain=climate["rain"],
            winter_rain=climate["winter_rain"],
            dry_season=climate["dry_season"],
            people=people,
            marsh=n["marsh"],
            conifer=n["conifer"],
            warp_x=n["warp_x"],
            warp_y=n["warp_y"],
            soil=n["soil"],
            patch=n["patch"],
        )


def _relief(n: dict[str, Floats], land: Floats, belt: Floats) -> Relief:
    """Coasts, base, size and shape of the hills."""
    coast = (land - 0.42) * 2.0 + 0.26 * n["coast"]
    onshore = smoothstep(0.0, 0.22, coast)
    relief = smoothstep(-0.2, 1.7, n["relief"])
    mountains = belt * smoothstep(0.0, 0.35, coast) * (0.8 + 0.2 * np.clip(n["relief"], -1.5, 1.5))
    amplitude = (5.0 + 16.0 * onshore + 130.0 * onshore * relief**2 + 0.26 * mountains).clip(2.0, None)
    hills = n["height"] + 0.55 * _ridge(n["ridge1"]) + 0.30 * _ridge(n["ridge2"]) + 0.17 * _ridge(n["ridge3"])
    land_base = 3.0 + 190.0 * np.clip(coast, 0.0, None) ** 1.25 * (1.0 + 0.35 * n["relief"]).clip(0.3, None)
    base = np.where(coast > 0.0, land_base + mountains, 3.0 + 1500.0 * np.clip(coast, -2.0, 0.0))
    return Relief(coast, base, amplitude, hills)


def _climate(n: dict[str, Floats], lat: Floats, inland: Floats, rain_factor: Floats, base: Floats) -> dict[str, Floats]:
    """Temperature and rain from latitude, distance to the sea and height. Degrees C and mm a year."""
    from_equator = np.abs(lat)
    sea_warmth = 27.0 - 0.0048 * from_equator**2.1 + 1.3 * n["warmth"]
    swing = np.clip(0.28 * from_equator * (0.38 + 0.9 * inland), 1.0, 34.0)
    here = sea_warmth - LAPSE_K_PER_M * np.clip(base, 0.0, None)
    belts = 2200.0 * np.exp(-((lat / 12.0) ** 2)) + 850.0 * np.exp(-(((from_equator - 50.0) / 15.0) ** 2)) + 170.0
    rain = belts * np.exp(rain_factor + 0.42 * n["rain"]) * (1.15 - 0.45 * inland)
    middle = np.exp(-(((from_equator - 37.0) / 5.5) ** 2))
    winter_rain = smoothstep(0.35, 0.75, middle * (0.55 + 0.5 * n["season"]) + 0.25 * (rain < 850.0))
    tropical = 1.0 - smoothstep(20.0, 32.0, from_equator)
    dry_season = np.clip(tropical * (1.0 - smoothstep(1100.0, 2300.0, rain)) + winter_rain, 0.0, 1.0)
    return {
        "sea_warmth": sea_warmth,
        "swing": swing,
        "here": here,
        "rain": np.clip(rain, 4.0, 4500.0),
        "winter_rain": winter_rain,
        "dry_season": dry_season,
    }


def _people(noise: Floats, climate: dict[str, Floats], amplitude: Floats, base: Floats) -> Floats:
    """Where fields and towns can be, 0..1."""
    here, rain = climate["here"], climate["rain"]
    water = smoothstep(0.12, 0.45, rain / (300.0 + 45.0 * np.clip(here, 0.0, None)))
    warm = smoothstep(1.0, 8.0, here)
    jungle = smoothstep(1400.0, 2200.0, rain) * smoothstep(20.0, 24.0, here)
    flat = 1.0 - 0.85 * smoothstep(70.0, 280.0, amplitude)
    # A little irrigation in deserts: what the noise puts there, scaled down.
    suited = warm * flat * (0.12 + 0.88 * water) * (1.0 - 0.75 * jungle)
    people = np.clip(suited * (0.55 + 0.38 * noise), 0.0, 1.0) * (base > 1.0)
    return np.where(people < 0.006, 0.0, people)
