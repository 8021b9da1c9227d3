"""The request of a tile: the order of its steps, its grid, and what is done when the service refuses it."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import numpy as np
import pytest

from geomeld_build.errors import SkipKind, SourceError, TileSkipped
from geomeld_build.modalities import MODALITIES, TILE_GRID
from geomeld_build.sources.earthengine_layout import errands
from geomeld_build.sources.earthengine_pixels import grid_request, tile_expression
from geomeld_build.sources.wire import Answer, Request
from tests.unit.sources.fake_service import FakeService, Reply, fake_source, refusal
from tests.unit.sources.plans import VERSION, anchor, full_plan, part_plan, plan_of, scene_of, wanted_of


def _sent(plan: Any, **options: Any) -> dict[str, Any]:
    service = FakeService([refusal(400, "stop")])
    with pytest.raises(SourceError):
        fake_source(service, **options).read(plan, MODALITIES)
    return service.body()


def _inlined(expression: dict[str, Any]) -> Any:
    """The expression as nested ``[function, {argument: ...}]`` with all references followed."""
    values = expression["values"]

    def follow(node: Any) -> Any:
        if "constantValue" in node:
            return node["constantValue"]
        if "valueReference" in node:
            return follow(values[node["valueReference"]])
        if "arrayValue" in node:
            return [follow(child) for child in node["arrayValue"]["values"]]
        call = node["functionInvocationValue"]
        return [call["functionName"], {name: follow(child) for name, child in call["arguments"].items()}]

    return follow(values[expression["result"]])


def _chain(node: Any) -> list[str]:
    """Function names from the outside in, following the image argument."""
    names = []
    while isinstance(node, list) and node and isinstance(node[0], str) and isinstance(node[1], dict):
        names.append(node[0])
        node = next((v for k, v in node[1].items() if k in ("value", "input", "image", "image1", "collection")), None)
    return names


def _images(plan: Any, **options: Any) -> list[Any]:
    call = _inlined(_sent(plan, **options)["expression"])
    assert call[0] == "Image.cat"
    images = call[1]["images"]
    assert isinstance(images, list)
    return images


def test_the_cast_is_last_and_resampling_precedes_arithmetic() -> None:
    stored, valid = _images(plan_of(part_plan("sentinel2")))
    assert _chain(stored) == [
        "Image.toUint16", "Image.unmask", "Image.clamp", "Image.round",
        "Image.rename", "Image.resample", "Image.select", "Image.load",
    ]  # fmt: skip
    assert stored[1]["value"][1] == {**stored[1]["value"][1], "sameFootprint": False}
    assert _chain(valid)[:2] == ["Image.rename", "Image.toUint16"]


def test_radar_is_interpolated_as_power_and_logged_afterwards() -> None:
    def steps(**options: Any) -> list[str]:
        names = _chain(_images(plan_of(part_plan("sentinel1", "asc_vv")), **options)[0])
        return [name for name in names if name in ("Image.log10", "Image.resample")]

    assert steps() == ["Image.log10", "Image.resample"]
    assert steps(s1_interpolation="db") == ["Image.resample", "Image.log10"]


def test_slope_is_taken_on_the_native_grid() -> None:
    names = _chain(_images(plan_of(part_plan("slope")))[0])
    assert names[-4:] == ["Image.resample", "Terrain.slope", "Image.select", "Image.load"]


def test_invalid_source_values_are_masked_before_interpolation() -> None:
    names = _chain(_images(plan_of(part_plan("canopy_height", "height")))[0])
    assert names[-4:] == ["Image.resample", "Image.updateMask", "Image.select", "Image.load"]


def test_slices_are_resampled_one_by_one_and_then_stacked() -> None:
    part = MODALITIES["sentinel1"].origins["earthengine"][0]
    slices = [scene_of(part, "first"), scene_of(part, "second")]
    node = _images(plan_of(part_plan("sentinel1", "asc_vv", *slices)))[0]
    while node[0] != "ImageCollection.fromImages":
        node = next(v for k, v in node[1].items() if k in ("value", "input", "image", "image1", "collection"))
    stacked = node[1]["images"]
    assert [_chain(image) for image in stacked] == [["Image.resample", "Image.select", "Image.load"]] * 2
    ids = [image[1]["image"][1]["input"][1]["id"].rsplit("/", 1)[-1] for image in stacked]
    assert ids == ["first", "second"], "a mosaic shows the last one on top: order is meaning"


def test_several_class_maps_are_voted_per_pixel() -> None:
    part = MODALITIES["dynamic_world"].origins["earthengine"][0]
    scenes = [scene_of(part, "a"), scene_of(part, "b"), scene_of(part, "c")]
    names = _chain(_images(plan_of(part_plan("dynamic_world", "main", *scenes, composite="mode")))[0])
    assert names[:4] == ["Image.toUint8", "Image.unmask", "Image.rename", "reduce.mode"]


def test_scenes_are_pinned_to_their_version() -> None:
    text = json.dumps(_inlined(_sent(full_plan())["expression"]))
    assert text.count('"Image.load"') == text.count(f'"version": {VERSION}')


def test_the_grid_is_the_anchors() -> None:
    place = anchor()
    sent = _sent(plan_of(part_plan("sentinel2")))
    assert sent["grid"] == grid_request(place, TILE_GRID)
    assert sent["grid"]["dimensions"] == {"width": 128, "height": 128}
    affine = sent["grid"]["affineTransform"]
    assert (affine["scaleX"], affine["scaleY"], affine["translateX"], affine["translateY"]) == (
        10, -10, place.left, place.top,
    )  # fmt: skip
    assert sent["grid"]["crsCode"] == f"EPSG:{place.epsg}"
    assert sent["fileFormat"] == "NPY"


def test_the_context_window_is_moved_from_its_own_grid() -> None:
    place = anchor()
    text = json.dumps(_images(plan_of(part_plan("dem_context"))))
    assert "Image.changeProj" in text
    assert json.dumps([30.0, 0.0, place.left - 1280.0, 0.0, -30.0, place.top + 1280.0])[1:-1] in text
    apart = _sent(plan_of(part_plan("dem_context")), dem_context_request="separate")
    assert apart["grid"]["affineTransform"]["scaleX"] == 30
    assert "changeProj" not in json.dumps(apart)


def test_the_expression_names_its_bands_in_order() -> None:
    plan = plan_of(part_plan("sentinel1", "asc_vv"), part_plan("sentinel2"))
    source = fake_source(FakeService([]))
    _, names = source._session.run("setup", lambda: tile_expression(plan, MODALITIES))
    assert names[0] == "sentinel2__B1"
    assert names[12:] == (
        "sentinel2__main__valid",
        "sentinel1__VV_asc",
        "sentinel1__VH_asc",
        "sentinel1__asc_vv__valid",
        "sentinel1__asc_vv__angle",
    )


def _answer(request: Request) -> Answer:
    """Zeros of the asked bands, on the asked grid: the plan is known, so which bands were asked can be read off."""
    text = request.body.decode()
    wanted = [r for e in errands(wanted_of(full_plan()), context_rides=True) for r in e.reads]
    dtype = [(n, k) for read in wanted if f'"{read.valid_name}"' in text for n, k in read.dtypes.items()]
    size = json.loads(text)["grid"]["dimensions"]["width"]
    stream = BytesIO()
    np.save(stream, np.ones((size, size), dtype))
    return Answer(200, {"content-type": "application/octet-stream"}, stream.getvalue(), 10)


def test_a_full_tile_costs_one_request_and_one_for_the_companion() -> None:
    source = fake_source(FakeService(_answer))
    reading = source.read(full_plan(), MODALITIES)
    assert set(reading.arrays) == set(MODALITIES)
    spent = source.counters()
    assert (spent.pixel_requests, spent.companion_requests, spent.retries_fault) == (1, 1, 0)
    assert spent.requests == spent.setup_requests + 2


@pytest.mark.parametrize("message", ["User memory limit exceeded.", "Computation timed out."])
def test_a_tile_that_is_too_big_is_read_in_pieces(message: str) -> None:
    def reply(request: Request) -> Reply:
        rows = sum(f'"{name}__' in request.body.decode() for name in MODALITIES)
        return refusal(400, message) if rows > 3 else _answer(request)

    source = fake_source(FakeService(reply))
    assert set(source.read(full_plan(), MODALITIES).arrays) == set(MODALITIES)
    spent = source.counters()
    assert spent.pixel_requests == 1
    assert spent.retries_fault >= 4


def test_one_row_that_is_too_big_is_an_error() -> None:
    source = fake_source(FakeService(lambda _: refusal(400, "User memory limit exceeded.")))
    with pytest.raises(SourceError, match="memory"):
        source.read(plan_of(part_plan("sentinel2")), MODALITIES)


def test_an_asset_that_changed_is_named() -> None:
    gone = "COPERNICUS/S2_SR_HARMONIZED/scene"
    message = f"Image.load: Image asset '{gone}' not found (does not exist or caller does not have access)."
    with pytest.raises(TileSkipped, match=gone) as caught:
        fake_source(FakeService([refusal(400, message)])).read(plan_of(part_plan("sentinel2")), MODALITIES)
    assert caught.value.kind is SkipKind.ASSET_CHANGED


def test_a_cut_array_is_read_again() -> None:
    answers: list[Reply] = []

    def reply(request: Request) -> Reply:
        whole = _answer(request)
        answers.append(whole)
        return Answer(200, whole.headers, whole.body[:-100], 9) if len(answers) == 1 else whole

    source = fake_source(FakeService(reply))
    source.read(plan_of(part_plan("sentinel2")), MODALITIES)
    assert source.counters().retries_fault == 1


def test_a_plan_without_scenes_costs_nothing() -> None:
    source = fake_source(FakeService([]))
    assert dict(source.read(plan_of(), MODALITIES).arrays) == {}
    assert source.counters().requests == 0
