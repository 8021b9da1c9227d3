"""Countries, continents, states and biomes of known places."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import geopandas
import pytest
import shapely

from geomeld_build.captions.claims.facts import facts_of
from geomeld_build.captions.claims.verify import check_text
from geomeld_build.captions.context.geography import Atlas, Whereabouts
from geomeld_build.errors import ConfigError


@pytest.mark.parametrize(
    ("lon", "lat", "country", "continent"),
    [
        (2.35, 48.85, "France", "Europe"),
        (37.6, 55.75, "Russia", "Europe"),
        (82.9, 55.0, "Russia", "Asia"),
        (56.0, 58.0, "Russia", None),
        (104.0, 43.5, "Mongolia", "Asia"),
        (-60.0, -3.1, "Brazil", "South America"),
        (36.8, -1.3, "Kenya", "Africa"),
        (139.7, 35.7, "Japan", "Asia"),
        (-98.0, 39.0, "United States of America", "North America"),
        (134.0, -25.0, "Australia", "Oceania"),
        (6.14, 46.2, None, "Europe"),
        (-30.0, 0.0, None, None),
    ],
)
def test_known_places(lon: float, lat: float, country: str | None, continent: str | None) -> None:
    """The country is left open near a border, as at Geneva: the map is coarse."""
    (found,) = Atlas().locate([lon], [lat])
    assert (found.country, found.continent) == (country, continent)


def layer(path: Path, **columns: list[str]) -> Path:
    shapes = [shapely.box(west, 0.0, west + 10.0, 10.0) for west in (0.0, 10.0)]
    geopandas.GeoDataFrame(columns, geometry=shapes, crs=4326).to_file(path)
    return path


def test_layers_of_other_people(tmp_path: Path) -> None:
    atlas = Atlas(
        countries=layer(tmp_path / "c.gpkg", country_na=["Ostia", "Westia"], wld_rgn=["Asia", "Africa"]),
        admin1=layer(tmp_path / "a.gpkg", NAME_1=["North", "South"]),
        ecoregions=layer(
            tmp_path / "e.gpkg", BIOME_NAME=["Tundra", "N/A"], REALM=["Nearctic", "N/A"], ECO_NAME=["Moor", "Ice"]
        ),
    )
    first, second, outside = atlas.locate([5.0, 15.0, 50.0], [5.0, 5.0, 50.0])
    assert first == Whereabouts("Ostia", "Asia", "North", "Tundra", "Nearctic", "Moor")
    assert (second.country, second.continent, second.biome) == ("Westia", "Africa", None)
    assert outside == Whereabouts()


def test_another_biome_that_is_near_is_told(tmp_path: Path) -> None:
    atlas = Atlas(ecoregions=layer(tmp_path / "e.gpkg", BIOME_NAME=["Tundra", "Boreal Forests/Taiga"]))
    inside, near = atlas.locate([5.0, 9.95], [5.0, 5.0])
    assert (inside.biome, inside.biomes_near) == ("Tundra", ())
    assert (near.biome, near.biomes_near) == ("Tundra", ("Boreal Forests/Taiga",))
    at_the_edge = facts_of({"geo": asdict(near)})
    (own,) = check_text("It lies in the tundra.", at_the_edge)
    (in_the_middle,) = check_text("It lies in the boreal forest.", facts_of({"geo": asdict(inside)}))
    (nearly,) = check_text("It lies in the boreal forest.", at_the_edge)
    assert (own.label, in_the_middle.label, nearly.label) == ("supported", "contradicted", "unverifiable")


def test_a_layer_without_names_is_refused(tmp_path: Path) -> None:
    path = layer(tmp_path / "x.gpkg", colour=["red", "blue"])
    with pytest.raises(ConfigError, match=r"no column with the name of the admin1.*it has colour"):
        Atlas(admin1=path).locate([5.0], [5.0])
    with pytest.raises(ConfigError, match="does not exist"):
        Atlas(ecoregions=tmp_path / "none.gpkg").locate([5.0], [5.0])
