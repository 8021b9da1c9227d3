"""The report of a frame: a page that fetches nothing and believes no text, and pictures whose labels can be read."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest import mock

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import shapely
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image
from pyproj import Geod

from geomeld_build.anchors.summary import FrameSummary, summarise
from geomeld_build.errors import ConfigError
from geomeld_build.pictures.frames import charts, world_map, write_frame_report
from geomeld_build.pictures.frames.page import Page, flattened
from geomeld_build.pictures.frames.style import BIOMES, short_number
from tests.support.made_frame import MadeFrame, made_frame


class Tags(HTMLParser):
    """Everything that a test asks of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data: list[str] = []
        self.rows: list[int] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append(0)
        if tag in ("td", "th"):
            self.rows[-1] += 1

    def handle_data(self, data: str) -> None:
        self.data.append(data)


@pytest.fixture(scope="module")
def frame() -> MadeFrame:
    return made_frame(1500)


@pytest.fixture(scope="module")
def summary(frame: MadeFrame) -> FrameSummary:
    return summarise(frame.anchors, frame.reserves, frame.dropped, frame.quotas, frame.offered)


def report(folder: Path, frame: MadeFrame, title: str = "A frame") -> list[Path]:
    return write_frame_report(
        folder, frame.anchors, frame.reserves, frame.dropped, frame.quotas, frame.leakage, frame.recipe,
        title=title, offered=frame.offered,
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(frame: MadeFrame, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return report(tmp_path_factory.mktemp("report") / "made" / "here", frame)


def clashes(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of labels that are drawn over each other, and labels that leave the picture."""
    shown: dict[int, tuple[str, Bbox]] = {}
    draw = Text.draw

    def note(text: Text, renderer: Any) -> None:
        draw(text, renderer)
        if text.get_visible() and text.get_text().strip():
            shown[id(text)] = (text.get_text(), Text.get_window_extent(text, renderer))

    with mock.patch.object(Text, "draw", note):
        figure.canvas.draw()
        shown.clear()
        figure.canvas.draw()  # the layout moves what was drawn first
    found = []
    labels = list(shown.values())
    assert labels, "a picture without any label"
    for index, (name, box) in enumerate(labels):
        if box.x0 < -1 or box.y0 < -1 or box.x1 > figure.bbox.width + 1 or box.y1 > figure.bbox.height + 1:
            found.append((name, "the border"))
        inner = Bbox([[box.x0 + 1, box.y0 + 1], [box.x1 - 1, box.y1 - 1]])
        found += [(name, other) for other, place in labels[index + 1 :] if inner.overlaps(place)]
    return found


def test_the_page_fetches_nothing(written: list[Path]) -> None:
    page = Tags(written[0].read_text(encoding="utf-8"))
    for tag, attributes in page.tags:
        assert "href" not in attributes
        assert tag not in ("link", "iframe", "object", "base", "form")
        if "src" in attributes:
            assert str(attributes["src"]).startswith("data:image/png;base64,")
    assert "http" not in "".join(data for data in page.data)
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert str(policy).startswith("default-src 'none'")
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == len([path for path in written if path.suffix == ".png"]) == 7
    assert all(image["alt"] for image in images)


def test_every_line_of_a_table_has_as_many_cells_as_its_head() -> None:
    page = Page("t")
    page.table(["a", "b", "c"], [["x", 1, None], ["y", 2, 3.5]], ["all", 3, ""])
    tags = Tags(page.render())
    assert tags.rows == [3, 3, 3, 3]
    numbers = [attributes for tag, attributes in tags.tags if tag == "td" and attributes.get("class") == "n"]
    assert [cell["data-v"] for cell in numbers] == ["1", "", "2", "3.5", "3", ""]


def test_hostile_text_stays_text(frame: MadeFrame, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"'&"
    pool = pc.replace_substring(frame.anchors.column("pool"), "mmearth", evil)
    index = frame.anchors.column_names.index("pool")
    quotas = {evil if pool == "mmearth" else pool: quota for pool, quota in frame.quotas.items()}
    hostile = MadeFrame(
        frame.anchors.set_column(index, "pool", pool), frame.reserves, frame.dropped, quotas, frame.offered,
        {evil: evil}, {"pools": [{"name": evil}], evil: 1},
    )  # fmt: skip
    text = report(tmp_path, hostile, title=evil)[0].read_text(encoding="utf-8")
    page = Tags(text)
    assert text.count("<script>") == 1, "the page's own"
    assert evil in page.data
    assert [tag for tag, _ in page.tags].count("script") == 1


def test_the_page_says_whether_the_account_adds_up(frame: MadeFrame, written: list[Path], tmp_path: Path) -> None:
    text = written[0].read_text(encoding="utf-8")
    assert 'class="bad"' not in text
    assert "3,000 offered" in text
    lost = MadeFrame(frame.anchors, frame.reserves, frame.dropped.slice(7), frame.quotas, frame.offered)
    lost.leakage = {"overlapping_pairs": 2}
    found = report(tmp_path, lost)[0].read_text(encoding="utf-8")
    assert found.count('class="bad"') == 2
    assert "7 unaccounted" in found
    assert "2 pairs do" in found


def test_figures_are_kept_as_json(frame: MadeFrame, written: list[Path]) -> None:
    document = json.loads(next(path for path in written if path.name == "summary.json").read_text(encoding="utf-8"))
    assert document["anchors"] == frame.anchors.num_rows
    assert document["recipe"] == frame.recipe
    assert document["leakage"] == frame.leakage


def test_pictures_are_png_and_the_same_each_time(frame: MadeFrame, written: list[Path], tmp_path: Path) -> None:
    again = {path.name: path.read_bytes() for path in report(tmp_path, frame)}
    for path in written:
        assert path.read_bytes() == again[path.name], path.name
        if path.suffix == ".png":
            with Image.open(BytesIO(again[path.name])) as picture:
                assert picture.width > 1000


def test_labels_do_not_overlap(frame: MadeFrame, summary: FrameSummary) -> None:
    lon, lat = (frame.anchors.column(name).to_numpy() for name in ("lon", "lat"))
    drops = charts.drop_chart(summary)
    assert drops is not None
    figures = {
        "biomes": charts.biome_chart(summary),
        "continents": charts.continent_chart(summary),
        "nearest": charts.nearest_chart(summary),
        "drops": drops,
        "dates": charts.date_chart(summary.dates, summary.pools, "Dates"),
        "density": world_map.density_map(lon, lat, "Density"),
        "splits": world_map.split_map(lon, lat, np.array(frame.anchors.column("split").to_pylist())),
    }
    assert {name: found for name, figure in figures.items() if (found := clashes(figure))} == {}


def test_the_check_of_labels_sees_an_overlap() -> None:
    figure = charts.new_figure(3, 2)
    figure.text(0.4, 0.5, "one label")
    figure.text(0.45, 0.52, "another")
    assert clashes(figure) == [("one label", "another")]


def test_a_frame_of_cells_alone_has_no_drops(frame: MadeFrame, tmp_path: Path) -> None:
    own = frame.anchors.filter(pc.equal(frame.anchors.column("pool"), "own"))
    found = report(
        tmp_path, MadeFrame(own, frame.reserves, frame.dropped.slice(0, 0), {"own": frame.quotas["own"]}, {})
    )
    assert "drops.png" not in {path.name for path in found}


def test_a_file_is_no_folder(frame: MadeFrame, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(ConfigError, match="it is a file"):
        report(tmp_path / "file", frame)


def test_squares_of_the_map_have_equal_areas_on_the_ground() -> None:
    geod = Geod(ellps="WGS84")
    for lon, lat in ((0.0, 0.0), (100.0, 45.0), (-170.0, 78.0), (20.0, -60.0)):
        west, east, south, north = lon, lon + 1, lat, lat + 1
        edge = shapely.segmentize(shapely.box(west, south, east, north), 0.01)
        ring = shapely.get_coordinates(edge)
        ground = abs(geod.polygon_area_perimeter(ring[:, 0], ring[:, 1])[0])
        x, y = world_map.project_equal_earth(ring[:, 0], ring[:, 1])
        assert shapely.Polygon(np.column_stack([x, y])).area == pytest.approx(ground, rel=2e-3)


def test_every_point_is_counted_in_its_square(frame: MadeFrame) -> None:
    lon, lat = (frame.anchors.column(name).to_numpy() for name in ("lon", "lat"))
    image = world_map.density_map(lon, lat, "t").axes[0].images[0]
    counts = np.ma.filled(image.get_array(), 0)
    assert counts.sum() == len(lon)
    x, y = world_map.project_equal_earth(lon, lat)
    west, _, south, _ = image.get_extent()
    row, column = np.unravel_index(counts.argmax(), counts.shape)
    inside = ((x - west) // 100_000 == column) & ((y - south) // 100_000 == row)
    assert inside.sum() == counts.max()
    everywhere = np.array([[-180, 0], [180, 0], [0, 90], [0, -90], [-180, 90], [180, -90]], float)
    assert world_map.count_bins(*world_map.project_equal_earth(*everywhere.T), 50.0).sum() == 6


def test_outlines_come_from_a_file_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "countries.parquet"
    shapes = [shapely.box(0, 0, 10, 10), shapely.union_all([shapely.box(20, 0, 30, 5), shapely.box(40, 0, 50, 5)])]
    gpd.GeoDataFrame(geometry=shapes, crs=4326).to_parquet(path)
    rings = world_map.coastlines(path)
    assert [ring.min(axis=0).tolist() for ring in rings] == [[0, 0], [20, 0], [40, 0]]
    assert all(len(ring) > 20 for ring in rings), "long edges are curves on the map"
    assert world_map.coastlines(tmp_path / "none") == world_map.coastlines(None) == []


def test_numbers_in_words() -> None:
    numbers = (0, 7, 999, 999.6, 1000, 12_345, 999_499, 999_600, 2_565_540)
    assert [short_number(n) for n in numbers] == ["0", "7", "999", "1k", "1k", "12.3k", "999k", "1M", "2.57M"]


def test_settings_are_told_leaf_by_leaf() -> None:
    document = {"a": {"b": 1, "c": None}, "d": [{"e": True}, {"e": [1, 2]}], "f": 12_345, "h": [["x", "y"], ["z"]]}
    leaves = {"a b": "1", "a c": "–", "d 1 e": "yes", "d 2 e": "1, 2", "f": "12,345", "h": "x / y, z"}
    assert dict(flattened(document)) == leaves


def test_every_biome_has_a_short_name() -> None:
    from geomeld_build.anchors.world.biomes import BIOMES as OFFICIAL

    assert set(BIOMES) == set(OFFICIAL)


def test_anchors_without_split_or_continent_are_reported(frame: MadeFrame, tmp_path: Path) -> None:
    anchors = frame.anchors
    for name in ("split", "continent", "block", "excluded_by"):
        nothing = pa.nulls(anchors.num_rows, pa.string())
        anchors = anchors.set_column(anchors.column_names.index(name), name, nothing)
    found = report(tmp_path, MadeFrame(anchors, frame.reserves, frame.dropped, frame.quotas, frame.offered))
    assert "splits.png" not in {path.name for path in found}
