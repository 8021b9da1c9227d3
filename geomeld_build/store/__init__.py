"""The tile store: pixels in immutable Zarr shards, and Delta tables that say what exists.

``create_store``, then per shard group ``reserve`` -> ``write_group`` -> ``commit``; ``open_store`` to read.
"""

from geomeld_build.store.catalog import append_run, append_side_table
from geomeld_build.store.commit import CommitResult, commit, verify_group
from geomeld_build.store.create import create_store
from geomeld_build.store.epochs import LoaderState, OrderRule
from geomeld_build.store.layout import GROUP_TILES, array_spec
from geomeld_build.store.reader import Store, open_store
from geomeld_build.store.records import PartRecord, RowRecord, RunRecord, TileRecord, records_to_table
from geomeld_build.store.reservations import reserve
from geomeld_build.store.ring_loader import Batch, LoaderOptions, TileLoader
from geomeld_build.store.shard_reader import ShardReader
from geomeld_build.store.statistics import BandStatistics, StoreStatistics
from geomeld_build.store.statistics_splits import known_splits
from geomeld_build.store.statistics_table import append_statistics, group_statistics
from geomeld_build.store.statistics_update import update_statistics
from geomeld_build.store.writer import ShardObject, write_group

__all__ = [
    "GROUP_TILES",
    "BandStatistics",
    "Batch",
    "CommitResult",
    "LoaderOptions",
    "LoaderState",
    "OrderRule",
    "PartRecord",
    "RowRecord",
    "RunRecord",
    "ShardObject",
    "ShardReader",
    "Store",
    "StoreStatistics",
    "TileLoader",
    "TileRecord",
    "append_run",
    "append_side_table",
    "append_statistics",
    "array_spec",
    "commit",
    "create_store",
    "group_statistics",
    "known_splits",
    "open_store",
    "records_to_table",
    "reserve",
    "update_statistics",
    "verify_group",
    "write_group",
]
