"""Pictures of tiles and batches: reads a store, writes PNG files. North is up in every panel."""

from geomeld_build.pictures.batch import batch_figure, save_batch
from geomeld_build.pictures.sheet import save_sheet, sheet
from geomeld_build.pictures.tile import save_tile, tile_figure

__all__ = ["batch_figure", "save_batch", "save_sheet", "save_tile", "sheet", "tile_figure"]
