"""Pictures of tiles: reads a store, writes PNG files. North is up in every panel."""

from geomeld_build.pictures.sheet import save_sheet, sheet
from geomeld_build.pictures.tile import save_tile, tile_figure

__all__ = ["save_sheet", "save_tile", "sheet", "tile_figure"]
