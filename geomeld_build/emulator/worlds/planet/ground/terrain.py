"""Relief and water at pixels: hills, valleys, rivers, lakes and the sea.

First form: rivers follow the zero lines of noise, not the slope of the ground; the ground is bent to meet them, so that
water is flat, but a river need not run downhill along its course.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from geomeld_build.emulator.worlds.planet.ground.bank import NoiseBank
from geomeld_build.emulator.worlds.planet.ground.cache import BlockCache
from geomeld_build.emulator.worlds.planet.ground.frames import cells_of
from geomeld_build.emulator.worlds.planet.ground.lakes import LAKE_CELL_KM, LakeBook, LakeField
from geomeld_build.emulator.worlds.planet.ground.lattice import Block, refine
from geomeld_build.emulator.worlds.planet.ground.macro import Macro, MacroModel, smoothstep
from geomeld_build.emulator.worlds.planet.ground.noise import Floats, unit_xyz

__all__ = ["Terrain", "TerrainModel"]

_MESO = {
    "height": {2.1: 0.10, 1.1: 0.055, 0.6: 0.028},
    "meander": {1.9: 0.05, 0.9: 0.024},
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
_KM_PER_DEGREE = 111.2
# Steepness of the river fields, per km, where they are at their usual; caps the width where they level out.
_RIVER1_SLOPE, _RIVER2_SLOPE = 0.045, 0.13


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
        self._nodes: BlockCache[Floats] = BlockCache(128)
        self._lakes = LakeBook(seed, self.macro)

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
        lon, lat, line1, line2, height, warp_x, warp_y, patch1, patch2 = pixel[count:]
        frame_lon, frame_lat = _bend(lon, lat, macro, warp_x, warp_y)
        lakes = self._lakes.field(cells_of(frame_lon, frame_lat, LAKE_CELL_KM))
        ragged = 1.0 + 0.11 * np.clip(warp_x + patch1, -2.5, 2.5)
        lakes = replace(lakes, distance=lakes.distance * ragged)
        rolling = macro.hills + height + detail[0]
        elevation, wet, margin, sea = _relief(macro, rolling, line1, line2, lakes)
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

    def _group(self, group: Block) -> Floats:
        """Fields ``(field, node, node)`` at the meso nodes of a group: xyz, the macro fields, and those added here."""
        spec = group.spec
        stacked = self.macro.at(*group.lonlat(spec.macro)).stack()
        lon, lat = group.lonlat(spec.meso)
        xyz = unit_xyz(lon, lat)
        noise = self._meso.at(xyz)
        macro = refine(stacked, spec.size, spec.macro, spec.meso)
        lines = _river_distances(Macro.unstack(macro), noise["meander"], xyz)
        names = ("height", "warp_x", "warp_y", "patch1", "patch2")
        return np.concatenate((xyz, macro, np.stack([lon, lat, *lines, *(noise[n] for n in names)])))


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


def _bend(lon: Floats, lat: Floats, macro: Macro, warp_x: Floats, warp_y: Floats) -> tuple[Floats, Floats]:
    east = 0.22 * macro.warp_x + 0.03 * warp_x
    north = 0.22 * macro.warp_y + 0.03 * warp_y
    cosine = np.clip(np.cos(np.radians(lat)), 0.02, None)
    return lon + east / (_KM_PER_DEGREE * cosine), np.clip(lat + north / _KM_PER_DEGREE, -89.99, 89.99)


def _river_distances(macro: Macro, meander: Floats, xyz: Floats) -> tuple[Floats, Floats]:
    """Signed distances in metres from the lines of large rivers and of streams, at meso nodes."""
    down = np.sqrt((np.gradient(xyz, axis=1) ** 2).sum(0))
    across = np.sqrt((np.gradient(xyz, axis=2) ** 2).sum(0))
    found = []
    for field, usual in ((macro.river1 + meander, _RIVER1_SLOPE), (macro.river2 + 2.2 * meander, _RIVER2_SLOPE)):
        rows, columns = np.gradient(field)
        slope = np.hypot(rows / down, columns / across)
        found.append(1000.0 * field / np.maximum(slope, 0.5 * usual))
    return found[0], found[1]


def _relief(
    macro: Macro, rolling: Floats, line1: Floats, line2: Floats, lakes: LakeField
) -> tuple[Floats, Floats, Floats, Floats]:
    """Elevation m, signed shore distance m, shore margin m, sea 0/1."""
    scale = np.clip(macro.river_scale, 0.0, 1.0)
    width1 = scale * (25.0 + 75.0 * smoothstep(-0.5, 1.8, macro.soil) + 90.0 * smoothstep(900.0, 2600.0, macro.rain))
    width2 = scale * (2.0 + 5.0 * smoothstep(300.0, 1800.0, macro.rain))
    valley1 = np.exp(-((line1 / (500.0 + 4.0 * width1)) ** 2))
    valley2 = 0.85 * np.exp(-((line2 / 190.0) ** 2))
    valley = np.maximum(valley1, valley2) * smoothstep(0.0, 0.3, scale)
    low = np.minimum(macro.hills, 0.0) - 0.1
    raw = macro.base + macro.amplitude * (rolling * (1.0 - valley) + low * valley)
    # Basins inland have floors: only the sea lies at the level of the sea.
    floor = 0.4 * macro.base * smoothstep(0.0, 0.1, macro.coast)
    ground = floor + np.where(raw > floor, raw - floor, 0.08 * (raw - floor))
    shore = lakes.level + 0.6 + 3.0 * np.clip(lakes.distance - 1.0, 0.0, 2.0)
    ground = shore + (ground - shore) * smoothstep(1.0, 1.9, np.minimum(lakes.distance, 3.0))
    sea_wet = np.where(macro.coast < 0.12, -ground * 45.0, -1e4)
    river_wet = np.maximum(width1 - np.abs(line1), width2 - np.abs(line2))
    river_wet = np.where(scale > 0.04, river_wet, -1e4)
    lake_wet = np.where(np.isfinite(lakes.distance), (1.0 - np.minimum(lakes.distance, 9.0)) * lakes.radius, -1e4)
    sea = ((sea_wet > 0.0) & (ground < 0.0)).astype(np.float64)
    wet = np.maximum(np.maximum(river_wet, lake_wet), sea_wet)
    margin = np.where(sea_wet >= np.maximum(river_wet, lake_wet), 14.0, 16.0 + 45.0 * macro.dry_season)
    in_river = np.clip(river_wet / 20.0 + 0.5, 0.0, 1.0) * (sea < 0.5)
    elevation = ground - 1.5 * in_river
    elevation = np.where(lake_wet > 0.0, lakes.level, elevation)
    return np.where(sea > 0.5, 0.0, np.maximum(elevation, 0.0)), wet, margin, sea
