"""MMEarth's three files, in the layouts of its published code."""

from __future__ import annotations

import builtins
import json

import h5py
import numpy as np
import pytest

from geomeld_build.anchors.imports import json_stream, read_pool
from geomeld_build.errors import ConfigError

TILE = {
    "S2_DATE": "2019-05-04",
    "S2_type": "l2a",
    "CRS": "EPSG:32631",
    "lat": 48.25,
    "lon": 2.5,
    "biome": 3,
    "eco_region": 44,
    "NO_DATA": False,
    "BANDS": {"sentinel2": ["B1", "B2"], "sentinel1_asc": None},
}


def _tile(lon, lat) -> dict:
    return {**TILE, "lon": lon, "lat": lat}


def test_tile_info_gives_places_and_ids(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(json_stream, "_CHUNK", 7)  # every entry, number and word is cut somewhere
    path = tmp_path / "data_1M_v001_tile_info.json"
    path.write_text(json.dumps({"12": _tile(2.5, 48.25), "7": _tile(-180, 83.123456789), 'é"}': _tile(1e1, -1)}))
    for given in (path, tmp_path):
        pool = read_pool(given)
        assert (pool.name, pool.date, pool.path) == ("mmearth", None, path)
        assert pool.src_id.to_pylist() == ["12", "7", 'é"}']
        assert pool.lon.tolist() == [2.5, -180.0, 10.0]
        assert pool.lat.tolist() == [48.25, 83.123456789, -1.0]


def _features(*features) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features})


def _feature(geometry, tile_id=None, **more) -> dict:
    properties = {} if tile_id is None else {"tile_id": tile_id, "biome": "Tundra"}
    return {"type": "Feature", "geometry": geometry, "properties": properties, **more}


def _box(west, south, east, north) -> dict:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def test_the_geojson_of_its_sampling(tmp_path) -> None:
    path = tmp_path / "tiles.geojson"
    point = {"type": "Point", "coordinates": [5.5, 6.5]}
    path.write_text(
        _features(
            _feature(_box(1, 2, 1.5, 2.25), "3", id="0"),
            _feature(_box(179.99, 0, 180.03, 0.5), "4", id="0"),
            _feature(point, "5", id="0"),
        )
    )
    pool = read_pool(path)
    assert pool.src_id.to_pylist() == ["3", "4", "5"]
    np.testing.assert_allclose(pool.lon, [1.25, -179.99, 5.5], atol=1e-9)
    np.testing.assert_allclose(pool.lat, [2.125, 0.25, 6.5], atol=1e-9)


def _release(path, lon, lat, ids) -> None:
    radians = {"lon": np.radians(lon), "lat": np.radians(lat)}
    with h5py.File(path, "w") as file:
        for axis, angle in radians.items():
            values = np.stack([np.sin(angle), np.cos(angle)], axis=1).astype("f4")
            file.create_dataset(axis, data=values, chunks=(1, 2), compression="gzip")
        kind = np.dtype([("tile_id", "S100"), ("S2_type", "S10")])
        file.create_dataset("metadata", data=np.array([(i, b"l2a") for i in ids], kind))


def test_the_hdf5_release(tmp_path) -> None:
    lon, lat = np.array([2.5, -179.999, 180.0, -90.25]), np.array([48.25, -79.5, 0.0, 83.9])
    _release(tmp_path / "data.h5", lon, lat, [b"1", b"22", b"333", b"4"])
    pool = read_pool(tmp_path / "data.h5")
    assert pool.src_id.to_pylist() == ["1", "22", "333", "4"]
    turn = (pool.lon - lon + 180) % 360 - 180
    assert np.abs(turn).max() < 5e-6  # half a metre: sine and cosine are float32
    assert np.abs(pool.lat - lat).max() < 5e-6


def test_hdf5_that_is_broken_or_foreign(tmp_path) -> None:
    path = tmp_path / "data.h5"
    _release(path, np.array([1.0, 2.0]), np.array([1.0, 2.0]), [b"1", b"2"])
    with h5py.File(path, "a") as file:
        file["lon"][1] = 0.0
    with pytest.raises(ConfigError, match="row 2: lon is empty"):
        read_pool(path)
    with h5py.File(path, "w") as file:
        file["lon"] = np.zeros(3)
    with pytest.raises(ConfigError, match=r"'lon' has shape \(3,\)"):
        read_pool(path)
    path.write_bytes(b"\x89HDF\r\n\x1a\nnot much")
    with pytest.raises(ConfigError, match=r"cannot read .* as HDF5"):
        read_pool(path)


def test_without_h5py_the_extra_is_named(tmp_path, monkeypatch) -> None:
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "h5py":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    (tmp_path / "data.h5").write_bytes(b"")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"h5py, which is not installed.*geomeld-build\[dev\]"):
        read_pool(tmp_path / "data.h5")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"1": {"lat": 1, "lon": 2}, "2": {"lat": 1,', "after 1 entries: .*expected a JSON value"),
        ('{"1": {"lat": 1, "lon": 2}', r"found the end of the file \(truncated\?\)"),
        ('{"1": {"lat": 1, "lon": 2}} x', "expected nothing behind"),
        ("[1, 2]", "expected a JSON object"),
        ("\xff", "expected a JSON object"),
        ("{}", "holds no points"),
        ('{"type": "FeatureCollection", "features": []}', "no geometry|no points"),
        ('{"type": "Topology", "features": []}', "type 'Topology'"),
        ('{"a": 1}', r"row 1 \('a'\) has no object: expected MMEarth's tile info"),
        ('{"1": {"lat": 1, "lon": 2}, "b": {"x": 1}}', r"row 2 \('b'\) has keys 'x'"),
        ('{"1": {"lat": 1, "lon": 2}, "2": {"lat": 1, "lon": 190}}', r"row 2 \(tile '2'\): lon 190"),
        ('{"1": {"lat": 1, "lon": NaN}}', "row 1 .* lon is empty or not a number"),
        ('{"1": {"lat": "1", "lon": 3}}', "row 1 .* lat is empty or not a number"),
        ('{"1": {"lat": 1, "lon": 2}, "1": {"lat": 3, "lon": 4}}', "row 2.*id '1' is also that of .*row 1"),
        ('{"1": ' + "[" * 100_000, "nested too deeply"),
        ('{"type": "FeatureCollection", "features": [{"geometry": {"type": "Polygon"}}]}', "row 1 has broken geometry"),
        ('{"type": "FeatureCollection", "features": [5]}', "row 1 has broken geometry"),
        ('{"crs": {"properties": {"name": "EPSG:32631"}}, "features": []}', "expected lon/lat"),
    ],
)
def test_foreign_and_broken_json(tmp_path, text: str, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        read_pool(path)
    assert str(path) in str(caught.value)


def test_geojson_names_its_rows(tmp_path) -> None:
    path = tmp_path / "tiles.json"
    good = _feature(_box(1, 2, 1.5, 2.25), "3")
    path.write_text(_features(good, _feature(_box(181, 2, 182, 3), "4")))
    with pytest.raises(ConfigError, match=r"row 2: lon 181\.5"):
        read_pool(path)
    path.write_text(_features(good, good))
    with pytest.raises(ConfigError, match=r"row 2: id '3' is also that of .*row 1"):
        read_pool(path)
    path.write_bytes(b'{"1": "\xff"}')
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_pool(path)


def test_progress_is_told(tmp_path) -> None:
    path = tmp_path / "a_tile_info.json"
    path.write_text(json.dumps({str(i): {"lat": 1, "lon": 2} for i in range(45_000)}))
    told: list[tuple[int, int]] = []
    read_pool(path, progress=lambda done, total: told.append((done, total)))
    size = path.stat().st_size
    assert len(told) >= 3
    assert told[-1] == (size, size)
    assert told == sorted(told)
