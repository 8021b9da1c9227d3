"""Relief and water at pixels: hills, valleys, rivers, lakes and the sea."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from geomeld_build.emulator.worlds.planet.ground.bank import NoiseBank
from geomeld_build.emulator.worlds.planet.ground.cache import BlockCache
from geomeld_build.emulator.worlds.planet.ground.drainage.field import FAR, RiverField
from geomeld_build.emulator.worlds.planet.ground.drainage.lakes import SHORE, LakeField
from geomeld_build.emulator.worlds.planet.ground.drainage.local import bend_degrees
from geomeld_build.emulator.worlds.planet.ground.drainage.model import Drainage
from geomeld_build.emulator.worlds.planet.ground.lattice import Block, refine
from geomeld_build.emulator.worlds.planet.ground.macro import Macro, MacroModel, ground_of, smoothstep
from geomeld_build.emulator.worlds.planet.ground.noise import KM_PER_DEGREE, Floats, unit_xyz

__all__ = ["Terrain", "TerrainModel"]

_MESO = {
    "height": {2.1: 0.10, 1.1: 0.055, 0.6: 0.028},
    "meander_x": {1.9: 0.07, 0.9: 0.03},
    "meander_y": {1.9: 0.07, 0.9: 0.03},
    "warp_x": {1.0: 1.0},
    "warp_y": {1.0: 1.0},
    "patch1": {1.9: 0.55, 0.9: 0.45, 0.5: 0.35},
    "patch2": {2.7: 0.6, 1.2: 0.5, 0.55: 0.4},
}
_FINE = {
    "height": {0.31: 0.013, 0.15: 0.006},
    "patch1": {0.24: 0.4, 0.11: 0.35},
    "patch2": {0.2: 0.4, 0.1: 0.3},
}
_UNBENDING = 25
"""Steps of the inverse of bending; each leaves at most half of the distance."""
_OPEN_SEA = -0.08
"""Value of ``Macro.coast`` below which no river matters any more."""


@dataclass(frozen=True, slots=True)
class Terrain:
    """What a block looks like before anything grows on it. Arrays ``(pixel, pixel)`` with the block's halo."""

    lon: Floats
    lat: Floats
    macro: Macro
    elevation: Floats
    """Metres above the sea; 0 on the sea."""
    wet: Floats
    """Signed distance in metres from the mean shore; positive = in water."""
    margin: Floats
    """Metres on either side of the mean shore within which the water comes and goes."""
    sea: Floats
    """1 in the sea, 0 elsewhere."""
    frame_lon: Floats
    """Longitude bent by a few hundred metres: what cells, roads and parcels are laid out in."""
    frame_lat: Floats
    patch1: Floats
    """Noise of 100 m to 7 km, about standard normal."""
    patch2: Floats
    region: Floats
    """Noise of 1 to 7 km, about standard normal."""


class TerrainModel:
    """The relief of one planet."""

    def __init__(self, seed: int) -> None:
        self.macro = MacroModel(seed)
        self._meso = NoiseBank(seed, "meso", _MESO)
        self._fine = NoiseBank(seed, "fine", _FINE)
        # A bank keys octaves by their place: the first channels of two banks of one name are the same.
        self._fine_heights = NoiseBank(seed, "fine", {"height": _FINE["height"]})
        self._meso_warps = self._meso.only("warp_x", "warp_y", "meander_x", "meander_y")
        self._nodes: BlockCache[Floats] = BlockCache(128)
        self.drainage = Drainage(self.macro)

    def of(self, block: Block, heights_only: bool = False) -> Terrain:
        """The terrain of one block.

        Args:
            block: which.
            heights_only: leave out what only plants depend on; heights and water are the same.
        """
        spec, bank = block.spec, self._fine_heights if heights_only else self._fine
        group = block.group()
        nodes = self._nodes.get((group.grid, group.row, group.column), lambda: self._group(group))
        nodes = nodes[(slice(None), *block.meso_in_group())]
        pixel = refine(nodes[3:], spec.size, spec.meso, 0)
        fine = bank.at(refine(nodes[:3], spec.size, spec.meso, spec.fine))
        detail = refine(np.stack(list(fine.values())), spec.size, spec.fine, 0)
        if heights_only:
            # The patches of plants are left out: nobody looks at them.
            detail = np.concatenate((detail, np.zeros((2, *detail.shape[1:]))))
        count = len(fields(Macro))
        macro = _bounded(Macro.unstack(pixel[:count]))
        lon, lat, lift, meander_x, meander_y, height, warp_x, warp_y, patch1, patch2 = pixel[count:]
        frame_lon, frame_lat = _bend(lon, lat, (macro.warp_x, macro.warp_y), (warp_x, warp_y))
        rivers, lakes = self._water(macro, *_shifted(frame_lon, frame_lat, meander_x, meander_y))
        ragged = 1.0 + 0.11 * np.clip(warp_x + patch1, -2.5, 2.5)
        lakes = replace(lakes, distance=lakes.distance * ragged)
        raw = ground_of(macro.coast, macro.base, macro.amplitude, macro.hills + height + detail[0]) + lift
        elevation, wet, margin, sea = _relief(macro, raw, rivers, lakes)
        return Terrain(
            lon=lon,
            lat=lat,
            macro=macro,
            elevation=elevation,
            wet=wet,
            margin=margin,
            sea=sea,
            frame_lon=frame_lon,
            frame_lat=frame_lat,
            patch1=patch1 + detail[1] + 0.5 * macro.patch,
            patch2=patch2 + detail[2] - 0.3 * macro.patch,
            region=1.2 * macro.patch + 0.5 * warp_x,
        )

    def bent(self, lon: Floats, lat: Floats, rivers: bool = False) -> tuple[Floats, Floats]:
        """Where places lie in the frame in which towns and roads are laid out, or in that of rivers; degrees."""
        noise = self._meso_warps.at(unit_xyz(lon, lat))
        found = _bend(lon, lat, self.macro.warps(lon, lat), (noise["warp_x"], noise["warp_y"]))
        return _shifted(*found, noise["meander_x"], noise["meander_y"]) if rivers else found

    def unbent(self, lon: Floats, lat: Floats, rivers: bool = False) -> tuple[Floats, Floats]:
        """The inverse of ``bent``, within a metre: places that lie at lon/lat degrees of the frame."""
        there_lon, there_lat = lon, lat
        for _ in range(_UNBENDING):
            found_lon, found_lat = self.bent(there_lon, there_lat, rivers)
            there_lon, there_lat = there_lon + 0.8 * (lon - found_lon), there_lat + 0.8 * (lat - found_lat)
        return there_lon, there_lat

    def _group(self, group: Block) -> Floats:
        """Fields ``(field, node, node)`` at the meso nodes of a group: xyz, the macro fields, and those added here."""
        spec = group.spec
        stacked = self.macro.at(*group.lonlat(spec.macro)).stack()
        lon, lat = group.lonlat(spec.meso)
        xyz = unit_xyz(lon, lat)
        noise = self._meso.at(xyz)
        macro = refine(stacked, spec.size, spec.macro, spec.meso)
        fields_here = Macro.unstack(macro)
        lift = np.zeros_like(lon)
        if fields_here.coast.max() > _OPEN_SEA:
            bends = (fields_here.warp_x, fields_here.warp_y), (noise["warp_x"], noise["warp_y"])
            lift = self.drainage.lift(*_bend(lon, lat, *bends))
        names = ("meander_x", "meander_y", "height", "warp_x", "warp_y", "patch1", "patch2")
        return np.concatenate((xyz, macro, np.stack([lon, lat, lift, *(noise[n] for n in names)])))

    def _water(self, macro: Macro, lon: Floats, lat: Floats) -> tuple[RiverField, LakeField]:
        if macro.coast.max() > _OPEN_SEA:
            return self.drainage.field(lon, lat)
        zero, one = np.zeros_like(lon), np.ones_like(lon)
        return RiverField(zero + FAR, one, zero, zero + FAR, zero), LakeField(zero + np.inf, one, zero)


def _bounded(macro: Macro) -> Macro:
    """Undo the overshoot of interpolation where a sign or a zero matters."""
    people = np.where(macro.people < 0.006, 0.0, np.minimum(macro.people, 1.0))
    return replace(
        macro,
        people=people,
        rain=np.maximum(macro.rain, 1.0),
        dry_season=np.clip(macro.dry_season, 0.0, 1.0),
        winter_rain=np.clip(macro.winter_rain, 0.0, 1.0),
        amplitude=np.maximum(macro.amplitude, 0.0),
    )


_Pair = tuple[Floats, Floats]


def _bend(lon: Floats, lat: Floats, wide: _Pair, close: _Pair) -> _Pair:
    """Places in the bent frame, from the wide (5 km) and the close (1 km) warps."""
    east, north = bend_degrees(*wide, lat)
    return _shifted(lon + east, np.clip(lat + north, -89.99, 89.99), 0.03 * close[0], 0.03 * close[1])


def _shifted(lon: Floats, lat: Floats, east_km: Floats, north_km: Floats) -> tuple[Floats, Floats]:
    cosine = np.clip(np.cos(np.radians(lat)), 0.02, None)
    return lon + east_km / (KM_PER_DEGREE * cosine), np.clip(lat + north_km / KM_PER_DEGREE, -89.99, 89.99)


def _relief(macro: Macro, raw: Floats, rivers: RiverField, lakes: LakeField) -> tuple[Floats, Floats, Floats, Floats]:
    """Elevation m, signed shore distance m, shore margin m, sea 0/1.

    Args:
        macro: fields of the block.
        raw: the ground before water shaped it, m.
        rivers: the rivers there.
        lakes: the lakes there.
    """
    near_coast = macro.coast < 0.12
    dry = np.maximum(-rivers.inside, 0.0)
    # Rivers end where the sea begins: they raise no spit of land in it.
    valley = rivers.valley * np.where(near_coast, smoothstep(-4.0, 0.0, raw), 1.0)
    ground = raw + (rivers.level + 0.5 + 0.004 * np.minimum(dry, 4000.0) - raw) * valley
    shore = lakes.level + 0.6 + 3.0 * np.clip(lakes.distance - 1.0, 0.0, 2.0)
    ground = shore + (ground - shore) * smoothstep(1.0, SHORE, np.minimum(lakes.distance, 3.0))
    # Whatever else shaped the ground, no bank lies below its river.
    banked = (rivers.bank > FAR) & (valley > 0.5)
    ground = np.where(banked, np.maximum(ground, rivers.bank + 0.3), ground)
    sea_wet = np.where(near_coast, -ground * 45.0, FAR)
    # A brook narrower than a pixel wets no more of it than its own width.
    river_wet = np.where(valley > 0.5, np.minimum(rivers.inside, 2.0 * rivers.half - 5.0), FAR)
    lake_wet = np.where(np.isfinite(lakes.distance), (1.0 - np.minimum(lakes.distance, 9.0)) * lakes.radius, FAR)
    sea = ((sea_wet > 0.0) & (ground < 0.0)).astype(np.float64)
    wet = np.maximum(np.maximum(river_wet, lake_wet), sea_wet)
    inland = 16.0 + 45.0 * macro.dry_season
    margin = np.where(river_wet > lake_wet, np.clip(3.0 + 0.5 * rivers.half, 4.0, inland), inland)
    margin = np.where(sea_wet >= np.maximum(river_wet, lake_wet), 14.0, margin)
    elevation = np.where(river_wet > 0.0, rivers.level, ground)
    elevation = np.where(lake_wet > 0.0, lakes.level, elevation)
    return np.where(sea > 0.5, 0.0, np.maximum(elevation, 0.0)), wet, margin, sea
