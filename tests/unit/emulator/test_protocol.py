"""Endpoints and answer shapes, as the unmodified client sees them."""

from __future__ import annotations

import gzip
import io
import json
import urllib.error
import urllib.request
from typing import Any

import ee
import numpy as np
import pytest
import shapely
from PIL import Image as Pillow
from rasterio.io import MemoryFile

from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.worlds.base import FeatureRecord
from geomeld_build.emulator.worlds.memory import MemoryCollection, MemoryTable, MemoryWorld, memory_image

UTM = "EPSG:32643"
TEN = (10.0, 0.0, 600_000.0, 0.0, -10.0, 1_400_000.0)
VALUES = np.arange(400, dtype=np.uint16).reshape(20, 20)


@pytest.fixture
def scene(world: MemoryWorld) -> MemoryWorld:
    start = 1_591_249_600_000
    members = [
        memory_image(
            f"COPERNICUS/S2/{name}",
            {"B2": (VALUES, UTM, TEN), "SCL": ((VALUES % 11).astype(np.uint8), UTM, TEN)},
            properties={"system:time_start": start + day * 86_400_000, "CLOUD": cloud, "MGRS_TILE": "43RCP"},
        )
        for day, (name, cloud) in enumerate((("a", 3.5), ("b", 50.0), ("c", 7.0)))
    ]
    world.add(MemoryCollection("COPERNICUS/S2", members, {"title": "test"}))
    return world


def get(url: str, **headers: str) -> tuple[dict[str, str], bytes]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return dict(answer.headers), answer.read()


def test_initialize_takes_three_requests(server: EmulatorServer) -> None:
    server.reset()
    ee.data.setDeadline(60_000)
    assert server.stats()["by_endpoint"] == {"discovery": 2}
    ee.data.setDeadline(0)
    assert len(ee.data.getAlgorithms()) > 900


def test_algorithms_are_compressed_when_accepted(server: EmulatorServer) -> None:
    url = f"{server.url}/v1/projects/local/algorithms"
    headers, packed = get(url, **{"Accept-Encoding": "gzip"})
    _, plain = get(url)
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain) / 4
    assert json.loads(plain)["algorithms"][0]["name"].startswith("algorithms/")


def test_image_info(scene: MemoryWorld) -> None:
    info = ee.Image("COPERNICUS/S2/a").getInfo()
    assert (info["type"], info["id"], info["version"]) == ("Image", "COPERNICUS/S2/a", 1_600_000_000_000_000)
    assert info["bands"][0] == {
        "id": "B2",
        "data_type": {"type": "PixelType", "precision": "int", "min": 0, "max": 65_535},
        "dimensions": [20, 20],
        "crs": UTM,
        "crs_transform": list(TEN),
    }
    assert info["properties"]["system:index"] == "a"
    assert info["properties"]["system:time_start"] == 1_591_249_600_000
    assert info["properties"]["system:footprint"]["type"] == "LinearRing"


def test_other_answers(scene: MemoryWorld) -> None:
    collection = ee.ImageCollection("COPERNICUS/S2")
    info = collection.getInfo()
    assert (info["type"], info["id"], len(info["features"])) == ("ImageCollection", "COPERNICUS/S2", 3)
    assert ee.Date("2020-06-04").getInfo() == {"type": "Date", "value": 1_591_228_800_000}
    assert ee.Projection(UTM).getInfo() == {"type": "Projection", "crs": UTM, "transform": [1, 0, 0, 0, 1, 0]}
    assert ee.Number(4).divide(2).getInfo() == 2
    assert ee.Geometry.Point(75, 12).getInfo() == {"type": "Point", "coordinates": [75, 12]}
    feature = ee.Feature(ee.Geometry.Point(75, 12), {"name": "x", "list": [1, 2]}).getInfo()
    assert feature["type"] == "Feature"
    assert feature["properties"] == {"name": "x", "list": [1, 2]}
    table = ee.FeatureCollection([ee.Feature(None, {"n": n}) for n in range(3)]).getInfo()
    assert [(item["id"], item["properties"]["n"]) for item in table["features"]] == [("0", 0), ("1", 1), ("2", 2)]


def test_pixels_are_structured_with_a_dtype_per_band(scene: MemoryWorld, pixels: Any) -> None:
    found = pixels(ee.Image("COPERNICUS/S2/a"), TEN, 20, 20)
    assert found.shape == (20, 20)
    assert found.dtype == np.dtype([("B2", "<u2"), ("SCL", "u1")])
    np.testing.assert_array_equal(found["B2"], VALUES)


def test_band_ids_choose_bands(scene: MemoryWorld, pixels: Any) -> None:
    assert pixels(ee.Image("COPERNICUS/S2/a"), TEN, 4, 4, bandIds=["SCL"]).dtype.names == ("SCL",)


def test_wkt_grids(scene: MemoryWorld) -> None:
    from pyproj import CRS

    grid = {
        "dimensions": {"width": 3, "height": 2},
        "affineTransform": {"scaleX": 10, "translateX": 600_000, "scaleY": -10, "translateY": 1_400_000},
        "crsWkt": CRS.from_user_input(UTM).to_wkt(),
    }
    image = ee.Image("COPERNICUS/S2/a")
    found = ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid})
    np.testing.assert_array_equal(found["B2"], VALUES[:2, :3])


def test_get_pixels_defaults_to_the_native_grid(scene: MemoryWorld) -> None:
    found = ee.data.getPixels({"assetId": "COPERNICUS/S2/a", "fileFormat": "NUMPY_NDARRAY", "bandIds": ["B2"]})
    np.testing.assert_array_equal(found["B2"], VALUES)


def test_geotiff(scene: MemoryWorld) -> None:
    keys = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
    grid = {
        "dimensions": {"width": 5, "height": 4},
        "affineTransform": dict(zip(keys, TEN, strict=True)),
        "crsCode": UTM,
    }
    data = ee.data.computePixels({"expression": ee.Image("COPERNICUS/S2/a"), "fileFormat": "GEO_TIFF", "grid": grid})
    with MemoryFile(data) as memory, memory.open() as dataset:
        assert dataset.crs.to_epsg() == 32_643
        assert dataset.descriptions == ("B2", "SCL")
        assert tuple(dataset.transform)[:6] == TEN
        assert dataset.dtypes == ("uint16", "uint16")
        np.testing.assert_array_equal(dataset.read(1), VALUES[:4, :5])


def test_compute_features_pages(world: MemoryWorld) -> None:
    rows = [FeatureRecord(f"{n:05d}", shapely.Point(n / 100, 1), {"n": n}) for n in range(2_500)]
    world.add(MemoryTable("RESOLVE/ECOREGIONS/2017", rows))
    table = ee.FeatureCollection("RESOLVE/ECOREGIONS/2017").filter(ee.Filter.gte("n", 500))
    page = ee.data.computeFeatures({"expression": table, "pageSize": 1_500})
    assert page["type"] == "FeatureCollection"
    assert len(page["features"]) == 1_500
    rest = ee.data.computeFeatures({"expression": table, "pageSize": 1_500, "pageToken": page["nextPageToken"]})
    assert "nextPageToken" not in rest
    assert [item["properties"]["n"] for item in page["features"] + rest["features"]] == list(range(500, 2_500))
    frame = ee.data.computeFeatures({"expression": table, "fileFormat": "PANDAS_DATAFRAME"})
    assert len(frame) == 2_000
    assert ee.data.listFeatures({"assetId": "RESOLVE/ECOREGIONS/2017", "pageSize": 2})["features"][1]["id"] == "00001"


def test_list_images(scene: MemoryWorld) -> None:
    found = ee.data.listImages(
        {
            "parent": "COPERNICUS/S2",
            "startTime": "2020-06-04T00:00:00.000Z",
            "endTime": "2020-06-06T00:00:00Z",
            "region": {"type": "Point", "coordinates": [75.9212, 12.662]},
            "properties": ["CLOUD<10", 'MGRS_TILE="43RCP"'],
        }
    )
    assert [item["id"] for item in found["images"]] == ["COPERNICUS/S2/a"]
    asset = found["images"][0]
    assert asset["name"] == "projects/earthengine-public/assets/COPERNICUS/S2/a"
    assert asset["startTime"] == "2020-06-04T05:46:40.000Z"
    assert asset["bands"][0]["grid"]["affineTransform"]["scaleY"] == -10
    page = ee.data.listImages({"parent": "COPERNICUS/S2", "pageSize": 2})
    assert len(page["images"]) == 2
    rest = ee.data.listImages({"parent": "COPERNICUS/S2", "pageSize": 2, "pageToken": page["nextPageToken"]})
    assert [item["id"] for item in rest["images"]] == ["COPERNICUS/S2/c"]
    far = {"parent": "COPERNICUS/S2", "region": "POINT (10 10)"}
    assert ee.data.listImages(far)["images"] == []
    assert len(ee.data.listAssets("COPERNICUS/S2")["assets"]) == 3
    with pytest.raises(ee.EEException, match="not understood"):
        ee.data.listAssets({"parent": "COPERNICUS/S2", "filter": "nonsense"})


def test_get_asset(scene: MemoryWorld) -> None:
    assert ee.data.getAsset("COPERNICUS/S2")["type"] == "IMAGE_COLLECTION"
    assert ee.data.getAsset("COPERNICUS/S2/a")["properties"]["CLOUD"] == 3.5
    with pytest.raises(ee.EEException, match="does not exist or caller does not have access"):
        ee.data.getAsset("COPERNICUS/S2/zzz")


def test_legacy_asset_names(world: MemoryWorld) -> None:
    for asset_id in ("users/nlang/height", "projects/sat-io/open-datasets/ASTER/GDEM", "projects/some-cloud/assets/x"):
        world.add(memory_image(asset_id, {"b1": (VALUES, UTM, TEN)}))
        assert ee.data.getAsset(asset_id)["type"] == "IMAGE"
        assert ee.Image(asset_id).bandNames().getInfo() == ["b1"]


def test_thumbnails(scene: MemoryWorld) -> None:
    image = ee.Image("COPERNICUS/S2/a").select("B2")
    _, data = get(image.getThumbURL({"min": 0, "max": 400, "dimensions": 10, "format": "png"}))
    picture = Pillow.open(io.BytesIO(data))
    assert (picture.format, picture.size, picture.mode) == ("PNG", (10, 10), "RGBA")
    _, data = get(image.getThumbURL({"min": 0, "max": 400, "palette": ["000000", "ff0000"], "format": "jpg"}))
    assert Pillow.open(io.BytesIO(data)).format == "JPEG"
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(f"{ee.data._get_state().tile_base_url}/v1/projects/local/thumbnails/none:getPixels")
    assert caught.value.code == 404
    caught.value.close()


def test_download_of_an_exact_window(scene: MemoryWorld) -> None:
    window = [10, 0, 600_050, 0, -10, 1_399_950]
    options = {"crs": UTM, "crs_transform": window, "dimensions": [8, 6], "format": "NPY"}
    _, data = get(ee.Image("COPERNICUS/S2/a").select("B2").getDownloadURL(options))
    found = np.load(io.BytesIO(data))
    np.testing.assert_array_equal(found["B2"], VALUES[5:11, 5:13])


def test_download_of_a_region_at_a_scale(scene: MemoryWorld) -> None:
    region = ee.Geometry.Rectangle([600_040, 1_399_900, 600_100, 1_399_970], UTM, False)
    options = {"crs": UTM, "scale": 10, "region": region, "format": "GEO_TIFF"}
    _, data = get(ee.Image("COPERNICUS/S2/a").select("B2").getDownloadURL(options))
    with MemoryFile(data) as memory, memory.open() as dataset:
        np.testing.assert_array_equal(dataset.read(1), VALUES[3:10, 4:10])


def test_requests_are_counted(scene: MemoryWorld, server: EmulatorServer, pixels: Any) -> None:
    with ee.data.workloadTagContext("run-1"):
        pixels(ee.Image("COPERNICUS/S2/a"), TEN, 20, 20)
        pixels(ee.Image("COPERNICUS/S2/a"), TEN, 20, 20)
    ee.Number(1).getInfo()
    with pytest.raises(ee.EEException):
        ee.Image("nothing").getInfo()
    stats = server.stats()
    assert stats["by_endpoint"] == {"image:computePixels": 2, "value:compute": 2}
    assert stats["by_status"] == {"200": 3, "400": 1}
    assert stats["by_workload_tag"] == {"run-1": 2}
    assert (stats["pixels"], stats["distinct"], stats["requests"]) == (1_600, 3, 4)
    assert stats["busy_s"] > 0
    assert json.loads(get(f"{server.url}/_emulator/stats")[1])["requests"] == 4
    assert json.loads(get(f"{server.url}/_emulator/health")[1]) == {"status": "ok"}
    urllib.request.urlopen(f"{server.url}/_emulator/reset", data=b"").close()
    assert server.stats()["requests"] == 0


def test_profiling_header(scene: MemoryWorld) -> None:
    profiles: list[str] = []
    with ee.data.profiling(profiles.append):
        ee.Number(1).getInfo()
    assert len(profiles) == 1
