"""What a build needs to know, validated at the rim. JSON Schemas are generated from these models."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from geomeld_build.modalities import MODALITIES

__all__ = ["BuildConfig", "DaskConfig", "SourceConfig", "TileRules"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceConfig(_Model):
    """Where scenes come from, and who asks."""

    name: Literal["earthengine"] = Field("earthengine", description="Provider of the scenes.")
    url: str | None = Field(None, description="Endpoint. Default: the provider's own; an emulator's address otherwise.")
    project: str | None = Field(None, description="Cloud project that is charged. Needed by the real service.")
    credentials: Path | None = Field(None, description="Service-account JSON. Default: the login of `earthengine`.")
    max_in_flight: int = Field(40, ge=1, le=1000, description="Requests in flight at once, over all workers.")
    requests_per_second: float = Field(95.0, gt=0, le=10_000, description="Rate over all workers.")
    timeout_s: float = Field(300.0, gt=0, le=3600, description="Seconds to wait for one answer.")
    workload_tag: str = Field(
        "geomeld-build",
        pattern=r"^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$",
        description="Label of the requests in the provider's cost reports.",
    )


class TileRules(_Model):
    """When a tile's pixels are good enough to be stored."""

    max_cloud_fraction: float = Field(
        0.20, ge=0, le=1, description="Cloud plus shadow over the tile above which the next candidate is tried."
    )
    max_nodata_fraction: float = Field(
        0.10, ge=0, le=1, description="Masked share of the reference above which the next candidate is tried."
    )
    clear_score_threshold: float = Field(
        0.60, gt=0, lt=1, description="A pixel is clear when its Cloud Score+ cs_cdf is at least this."
    )


class DaskConfig(_Model):
    """How the work is spread."""

    mode: Literal["threads", "sync", "local", "address"] = Field(
        "threads",
        description="threads or sync: this process; local: a Dask LocalCluster; address: a Dask scheduler.",
    )
    address: str | None = Field(None, description="Scheduler address, with mode address.")
    n_workers: int = Field(2, ge=1, le=1024, description="Processes of a local cluster.")

    @model_validator(mode="after")
    def _address_with_mode(self) -> DaskConfig:
        if (self.mode == "address") != (self.address is not None):
            raise ValueError("dask.address is needed with mode 'address', and only with it")
        return self


class BuildConfig(_Model):
    """One build: anchors (or a region to sample, or a finished plan) into a store."""

    store: str = Field(description="Folder or URL of the store; created when absent.")
    anchors: Path | None = Field(
        None, description="Anchors: Parquet, CSV or GeoParquet of lon, lat, date; or the folder of a frame."
    )
    reserves: Path | None = Field(
        None,
        description="Reserves of a frame: they stand in for anchors without a tile, so that the quota of every stratum "
        "holds in the store. Default: those in the frame's folder, when anchors names one.",
    )
    region: str | None = Field(
        None, description="Instead of anchors: 'west,south,east,north' or a polygon file to sample in."
    )
    plan: Path | None = Field(None, description="Instead of anchors: a plan to replay exactly.")
    limit: int | None = Field(
        None, ge=1, description="At most this many anchors, reserves apart; how many to sample in a region."
    )
    modalities: tuple[str, ...] | None = Field(None, description="Rows of the table to build. Default: all.")
    source: SourceConfig = SourceConfig()
    rules: TileRules = TileRules()
    dask: DaskConfig = DaskConfig()
    workers: int = Field(16, ge=1, le=256, description="Threads a process that wait for pixels.")
    plan_batch: int = Field(500, ge=1, le=500, description="Anchors in one search request.")
    recipe: str = Field("geomeld-1", min_length=1, max_length=64, description="Names the rules; part of every tile id.")

    @model_validator(mode="after")
    def _one_input(self) -> BuildConfig:
        given = [name for name in ("anchors", "region", "plan") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of anchors, region and plan; got {', '.join(given) or 'none'}")
        if self.reserves is not None and self.anchors is None:
            raise ValueError("reserves stand in for the anchors of a frame: give anchors too")
        if self.region is not None and self.limit is None:
            raise ValueError("a region needs a limit: how many anchors to sample in it")
        unknown = [name for name in self.modalities or () if name not in MODALITIES]
        if unknown:
            raise ValueError(f"unknown modality {unknown[0]!r}: expected some of {', '.join(MODALITIES)}")
        return self
