"""A folder world over the real sample data: real pixels under the ids that the service gives them.

What is real stays real: pixels are the files', properties those of the scenes. What had to be derived is named by the
property ``derived_properties``, what is invented (only on request) carries ``made_up: true``.
"""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.support import realworld_belgium, realworld_madeup
from tests.support.realdata import data_dir

__all__ = ["build_real_world", "shared_real_world"]

S2 = "COPERNICUS/S2_SR_HARMONIZED"
S2_BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")
THAILAND = "tile_thailand_majortom/S2B_MSIL2A_20200223T032739_N9999_R018_T48QUE_20230924T183543"
_NOT_SERVED = ("system:bands", "system:band_names", "system:footprint", "system:id", "system:version")
"""Keys of an exported metadata.json that describe the asset and not the scene. Its footprint is the whole granule's;
the sample holds 2.6 km of it."""


def build_real_world(out_dir: Path, data: Path, *, made_up: bool = False, belgium: bool = True) -> Path:
    """Writes ``world.json`` and what it needs over the real sample data.

    Args:
        out_dir: folder to write to; made when missing. Rasters that need no conversion are referred to in ``data``.
        data: folder of the sample data.
        made_up: also serve invented rasters over the Punjab tile (Dynamic World, canopy height, ASTER, and an SCL
            band of the Sentinel-2 scenes), each marked ``made_up: true``.
        belgium: also convert the Belgian time series (118 Sentinel-2 and 159 Sentinel-1 dates).

    Returns:
        ``out_dir``.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    data = data.resolve()
    s2 = [*_punjab_s2(data), _thailand(data)]
    s1 = _punjab_s1(data)
    extra: list[dict[str, Any]] = []
    if belgium:
        folder = data / "timeseries_belgium"
        s2 += realworld_belgium.s2_members(folder, out_dir / "belgium")
        s1 += realworld_belgium.s1_members(folder, out_dir / "belgium")
    if made_up:
        template = next((data / "tile_punjab_pk/s2a/0000200").glob("*/B5.tif"))
        extra = realworld_madeup.assets(out_dir / "made_up", template)
        for member in s2[:2]:
            realworld_madeup.add_scl(member, out_dir / "made_up")
    assets = [
        {"type": "collection", "id": S2, "footprint": "common", "images": s2},
        {"type": "collection", "id": "COPERNICUS/S1_GRD", "images": s1},
        {"type": "collection", "id": "COPERNICUS/S1_GRD_FLOAT", **_linear(s1)},
        *_saotome(data / "saotome"),
        _water(data / "jrc_gsw_manso_br"),
        _naip(data / "naip"),
        _biomes(data / "regions/biomes_dinerstein2017_0p2deg.gpkg"),
        *extra,
    ]
    assets += [
        # Collections of the service that hold nothing here: there, too, a search may find nothing in them.
        {"type": "collection", "id": asset_id, "images": []}
        for asset_id in ("GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED", "GOOGLE/DYNAMICWORLD/V1")
        if asset_id not in {entry["id"] for entry in extra}
    ]
    world = {"name": "real-samples", "assets": assets}
    (out_dir / "world.json").write_text(json.dumps(world, indent=1), encoding="utf-8")
    return out_dir


@lru_cache(maxsize=2)
def shared_real_world(made_up: bool = False) -> Path:
    """The real world, built once per process and removed at its end; for tests that only read it."""
    out_dir = Path(tempfile.mkdtemp(prefix="real-world-"))
    atexit.register(shutil.rmtree, out_dir, ignore_errors=True)
    return build_real_world(out_dir, data_dir(), made_up=made_up)


def _punjab_s2(data: Path) -> list[dict[str, Any]]:
    members = []
    for folder in sorted((data / "tile_punjab_pk/s2a/0000200").iterdir()):
        metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
        bands = [{"name": name, "file": str(folder / f"{name}.tif")} for name in S2_BANDS]
        # No version: the one in the metadata belongs to COPERNICUS/S2_SR, from which the files were exported. Before
        # processing baseline 04.00 the harmonized collection has the same pixels.
        members.append({"index": metadata["system:index"], "bands": bands, "properties": _scene(metadata)})
    return members


def _punjab_s1(data: Path) -> list[dict[str, Any]]:
    members = []
    for folder in sorted((data / "tile_punjab_pk/s1/0000200").iterdir()):
        metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
        members.append(
            {
                "index": metadata["system:index"],
                "version": int(metadata["system:version"]),
                "bands": [{"name": name, "file": str(folder / f"{name}.tif")} for name in ("VV", "VH")],
                "properties": _scene(metadata),
            }
        )
    return members


def _scene(metadata: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in metadata.items() if key not in (*_NOT_SERVED, "system:asset_size")}


def _linear(members: list[dict[str, Any]]) -> dict[str, Any]:
    """The same scenes as linear power. Their versions are not known: those of ``S1_GRD`` are another asset's."""
    images = [{key: value for key, value in member.items() if key != "version"} for member in members]
    return {"convert": {"op": "db_to_power"}, "images": images}


def _thailand(data: Path) -> dict[str, Any]:
    folder = data / THAILAND
    files = {name: f"B{name[1:].zfill(2)}.tif" if name != "B8A" else "B8A.tif" for name in S2_BANDS}
    return {
        # The service's index names the datastrip's time second; it is not known here, so the datatake's stands twice.
        "index": "20200223T032739_20200223T032739_T48QUE",
        "datetime": "2020-02-23T03:27:39Z",
        "bands": [{"name": name, "file": str(folder / file)} for name, file in files.items()],
        "properties": {
            "PRODUCT_ID": folder.name,
            "MGRS_TILE": "48QUE",
            "SPACECRAFT_NAME": "Sentinel-2B",
            "SENSING_ORBIT_NUMBER": 18,
            "PROCESSING_BASELINE": "99.99",
            # The cell's own cloud mask is zero everywhere; the granule's percentage is not in the sample.
            "CLOUDY_PIXEL_PERCENTAGE": 0.0,
            "derived_properties": ["CLOUDY_PIXEL_PERCENTAGE", "system:index", "system:time_start"],
        },
    }


def _saotome(folder: Path) -> list[dict[str, Any]]:
    covers = {
        "v100": ("2020", "ESA_WorldCover_10m_2020_v100_N00E006_Map_saotome.tif"),
        "v200": ("2021", "ESA_WorldCover_10m_2021_v200_N00E006_Map_saotome.tif"),
    }
    elevation = {
        "index": "Copernicus_DSM_COG_10_N00_00_E006_00_DEM",
        "files": str(folder / "Copernicus_DSM_COG_10_N00_00_E006_00_DEM_saotome.tif"),
        "bands": ["DEM"],
    }
    return [
        {"type": "collection", "id": "COPERNICUS/DEM/GLO30_2024_1", "images": [elevation]},
        *(
            {
                "type": "collection",
                "id": f"ESA/WorldCover/{version}",
                "images": [
                    {
                        "index": year,
                        "files": str(folder / name),
                        "bands": ["Map"],
                        "datetime": f"{year}-01-01T00:00:00Z",
                        "end_datetime": f"{int(year) + 1}-01-01T00:00:00Z",
                    }
                ],
            }
            for version, (year, name) in covers.items()
        ),
    ]


def _water(folder: Path) -> dict[str, Any]:
    """Global Surface Water as the service serves it: what was never water is masked.

    The files have no nodata tag. By the publisher's guide 255 is no data, and 0 is "not water" in all layers but
    the change layer, which counts -100..100 % as 0..200 and uses 253 for "not water" and 254 for "unable to tell".
    Seasonality 0 is kept: here it also occurs on ephemeral water (extent 1).
    """

    def layer(name: str, file: str, nodata: list[int], **more: Any) -> dict[str, Any]:
        return {"name": name, "file": str(folder / f"{file}-0000360000-0000480000.tif"), "nodata": nodata, **more}

    return {
        "type": "image",
        "id": "JRC/GSW1_4/GlobalSurfaceWater",
        "datetime": "1984-03-16T00:00:00Z",
        "end_datetime": "2022-01-01T00:00:00Z",
        "bands": [
            layer("occurrence", "occurrence", [0, 255]),
            layer(
                "change_abs",
                "change",
                [253, 254, 255],
                convert={"op": "linear", "offset": -100},
                dtype="int16",
            ),
            layer("seasonality", "seasonality", [255]),
            layer("recurrence", "recurrence", [0, 255]),
            layer("transition", "transitions", [0, 255]),
            layer("max_extent", "extent", [255]),
        ],
        "properties": {"derived": "release of the sample not stated by its source; change_norm is not in it"},
    }


def _naip(folder: Path) -> dict[str, Any]:
    images = []
    for path in sorted(folder.glob("m_*.tif")):
        day = path.stem.rsplit("_", 1)[1]
        moment = f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00Z"
        images.append({"index": path.stem, "files": str(path), "datetime": moment})
    return {"type": "collection", "id": "USDA/NAIP/DOQQ", "bands": ["R", "G", "B", "N"], "images": images}


def _biomes(path: Path) -> dict[str, Any]:
    note = {"derived": "biomes only, from a 10 km rendering; no ecoregions"}
    return {"type": "table", "id": "RESOLVE/ECOREGIONS/2017", "file": str(path), "properties": note}
