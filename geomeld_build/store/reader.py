"""Reading a store: a catalog version, and the pixels that it lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import xarray as xr
import zarr
from deltalake import DeltaTable
from numpy.typing import NDArray
from zarr.storage import LocalStore, ObjectStore

from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.modalities import modality
from geomeld_build.store.catalog import TILES, load_table, run_sql, side_tables
from geomeld_build.store.create import read_header
from geomeld_build.store.decode import tile_dataset
from geomeld_build.store.lazy import lazy_dataset
from geomeld_build.store.objects import local_root
from geomeld_build.store.schema import OUTCOMES_PRESENT, STATUSES
from geomeld_build.store.statistics import StoreStatistics, store_statistics
from geomeld_build.store.statistics_tiles import View
from geomeld_build.store.status import store_status
from geomeld_build.store.window_series import place_series

__all__ = ["Store", "open_store"]


def open_store(uri: str, version: int | None = None) -> Store:
    """Open a store to read it, pinned to a catalog version: later commits are not seen.

    Args:
        uri: a local folder, or s3://, gs://, az://.
        version: catalog version, the newest by default.

    Raises:
        ConfigError: there is no store.
        SchemaVersionError: the store was written under another schema version.
        StoreError: the version does not exist, or has expired.
    """
    header = read_header(uri)
    table = load_table(uri, TILES, version)
    return Store(
        uri=uri,
        version=int(table.version()),
        modalities=header.modalities,
        recipe=header.recipe,
        schema_version=header.schema_version,
        _tiles=table,
    )


@dataclass(frozen=True)
class Store:
    """A store at one catalog version. Make it with ``open_store``; pickling carries address and version only."""

    uri: str
    version: int
    modalities: tuple[str, ...]
    recipe: str
    schema_version: int
    _tiles: DeltaTable = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return open_store, (self.uri, self.version)

    def query(self, sql: str) -> pa.Table:
        """SQL over ``tiles`` (at the pinned version) and every side table (as of the first query).

        Raises:
            ConfigError: the SQL is wrong.
            StoreError: a table cannot be read.
        """
        return run_sql(self._tables, sql)

    def tile_ids(self, status: str = "ok") -> list[str]:
        """Ids of the anchors with a status, tiles in the order of their places.

        Raises:
            ConfigError: no such status.
        """
        sql = f"SELECT tile_id FROM tiles WHERE status = '{_known(status)}' ORDER BY row, tile_id"
        ids: list[str] = run_sql(self._only_tiles, sql).column("tile_id").to_pylist()
        return ids

    def existing(self, *statuses: str) -> dict[str, str]:
        """Status by tile id of the anchors with one of these statuses, of all without any: what a rerun leaves out.

        Raises:
            ConfigError: no such status.
        """
        wanted = ", ".join(f"'{_known(status)}'" for status in statuses or STATUSES)
        found = run_sql(self._only_tiles, f"SELECT tile_id, status FROM tiles WHERE status IN ({wanted})")
        return dict(zip(found.column("tile_id").to_pylist(), found.column("status").to_pylist(), strict=True))

    def record(self, tile_id: str) -> dict[str, Any]:
        """The catalog row of a tile.

        Raises:
            ConfigError: the version has no such tile.
        """
        place = self._place(tile_id)
        # The place narrows the search to one file; the id alone would not.
        found = run_sql(self._only_tiles, f"SELECT * FROM tiles WHERE row = {place}")
        record: dict[str, Any] = found.to_pylist()[0]
        return record

    def raw(self, tile_id: str, modalities: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        """The pixels of a tile as stored.

        Args:
            tile_id: a tile of this version.
            modalities: rows to read, all of the store's by default.

        Returns:
            Row name to ``(band, y, x)`` in the stored dtype, nodata where invalid or absent.

        Raises:
            ConfigError: the version has no such tile, or the store no such row.
        """
        place = self._place(tile_id)
        return {name: np.asarray(self._array(name)[place]) for name in self._rows(modalities)}

    def tile(self, tile_id: str, modalities: Sequence[str] | None = None) -> xr.Dataset:
        """A tile in physical units: float32 with NaN at nodata; classes stay integers with their nodata code.

        Pixel centres in metres, band names and the CRS are set: ``store.tile(i)["sentinel2"].rio.to_raster("x.tif")``.

        Raises:
            ConfigError: the version has no such tile, or the store no such row.
            StoreError: the catalog says that there are pixels, and there are none.
        """
        record = self.record(tile_id)
        stored = self.raw(tile_id, modalities)
        for name, array in stored.items():
            if record[f"{name}_outcome"] in OUTCOMES_PRESENT and np.all(array == modality(name).nodata):
                raise StoreError(
                    f"tile {tile_id}: the catalog has pixels of {name}, but {self.uri} holds none of them at place "
                    f"{record['row']}: the shard object is lost"
                )
        return tile_dataset(record, stored)

    def series(self, location_id: str, modalities: Sequence[str] | None = None) -> xr.Dataset:
        """All tiles of a place as in ``tile``, with ``time`` as the first dimension and ``tile_id`` along it.

        Raises:
            ConfigError: the version has no tile there, or the store no such row.
            StoreError: the catalog says that there are pixels, and there are none.
        """
        return place_series(self, location_id, modalities)

    def to_xarray(self, chunks: int | None = None, modalities: Sequence[str] | None = None) -> xr.Dataset:
        """All tiles of the version, lazily with Dask, in physical units as in ``tile``.

        Args:
            chunks: tiles a Dask chunk; by default the smallest shard of the rows.
            modalities: rows, all of the store's by default.

        Returns:
            Variables ``(tile, <row>_band, y, x)``, with tile_id, lon, lat and datetime along ``tile``.

        Raises:
            ConfigError: the store has no such row.
        """
        tiles = run_sql(
            self._only_tiles, "SELECT tile_id, row, lon, lat, datetime FROM tiles WHERE status = 'ok' ORDER BY row"
        )
        return lazy_dataset(self._zarr_store(), self._rows(modalities), tiles, chunks)

    def status(self) -> dict[str, Any]:
        """What the store holds and what it cost: see ``geomeld_build.store.status``."""
        return store_status(self._tables, self.version)

    def statistics(self, where: str | None = None, split: str | None = None) -> StoreStatistics:
        """Exact statistics per band over the valid pixels of the version's tiles: see ``docs/statistics.md``.

        Args:
            where: only tiles that meet this SQL condition on the columns of ``tiles``.
            split: only tiles of this split, by the side table ``splits``.

        Raises:
            ConfigError: the condition is wrong, or the store has no such split.
            StoreError: a table or a shard object cannot be read.
        """
        return store_statistics(self.statistics_view(), where, split)

    def side_versions(self) -> dict[str, int]:
        """Versions of the side tables, as of the first query."""
        return {name: int(table.version()) for name, table in self._tables.items() if name != TILES}

    def statistics_view(self) -> View:
        """What the statistics read of this store."""
        return View(self.uri, self.version, self.modalities, self._tables)

    @cached_property
    def _only_tiles(self) -> dict[str, DeltaTable]:
        return {TILES: self._tiles}

    @cached_property
    def _tables(self) -> dict[str, DeltaTable]:
        others = {name: load_table(self.uri, name) for name in side_tables(self.uri)}
        return {TILES: self._tiles, **others}

    def _zarr_store(self) -> LocalStore | ObjectStore[Any]:
        root = local_root(self.uri)
        if root is not None:
            return LocalStore(root, read_only=True)
        from geomeld_build.store.objects_bucket import bucket_of

        return ObjectStore(bucket_of(self.uri), read_only=True)

    @cached_property
    def _group(self) -> zarr.Group:
        return zarr.open_group(self._zarr_store(), mode="r", use_consolidated=False)

    @cached_property
    def _arrays(self) -> dict[str, zarr.Array[Any]]:
        return {}

    def _array(self, name: str) -> zarr.Array[Any]:
        if name not in self._arrays:
            found = self._group[name]
            if not isinstance(found, zarr.Array):
                raise StoreError(f"{self.uri}/{name} is no array: the store is damaged")
            self._arrays[name] = found
        return self._arrays[name]

    @cached_property
    def _index(self) -> tuple[NDArray[np.bytes_], NDArray[np.int64]]:
        """Ids in order and their places: about 24 bytes a tile, against a table scan for every look-up."""
        found = run_sql(self._only_tiles, "SELECT tile_id, row FROM tiles WHERE status = 'ok'")
        ids = np.array(found.column("tile_id").to_pylist(), dtype=np.bytes_)
        places = found.column("row").to_numpy()
        order = np.argsort(ids)
        return ids[order], places[order]

    def _place(self, tile_id: str) -> int:
        ids, places = self._index
        at = int(np.searchsorted(ids, tile_id.encode())) if len(ids) else 0
        if at >= len(ids) or ids[at] != tile_id.encode():
            known = f"none of its {len(ids)} tiles with status ok"
            raise ConfigError(f"no tile {tile_id!r} in {self.uri} at version {self.version}: it is {known}")
        return int(places[at])

    def _rows(self, names: Sequence[str] | None) -> tuple[str, ...]:
        if names is None:
            return self.modalities
        if unknown := [name for name in names if name not in self.modalities]:
            raise ConfigError(f"{self.uri} has no {', '.join(unknown)}: expected some of {', '.join(self.modalities)}")
        return tuple(names)


def _known(status: str) -> str:
    if status not in STATUSES:
        raise ConfigError(f"unknown status {status!r}: expected one of {', '.join(STATUSES)}")
    return status
