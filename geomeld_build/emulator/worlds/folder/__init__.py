"""A world over a folder of real rasters and vector tables, described by ``world.json``.

The least that works, next to a folder of GeoTIFFs::

    {"assets": [{"type": "collection", "id": "users/me/scenes", "files": "*.tif"}]}

``docs/emulator.md`` has every key.
"""

from __future__ import annotations

from geomeld_build.emulator.worlds.folder.errors import WorldError
from geomeld_build.emulator.worlds.folder.model import WorldFile, world_json_schema
from geomeld_build.emulator.worlds.folder.reference import world_json_markdown
from geomeld_build.emulator.worlds.folder.world import FolderCollection, FolderWorld

__all__ = ["FolderCollection", "FolderWorld", "WorldError", "WorldFile", "world_json_markdown", "world_json_schema"]
