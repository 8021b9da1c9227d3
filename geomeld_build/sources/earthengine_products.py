"""What the collections call things: property names of Earth Engine, and what their scene indexes say."""

from __future__ import annotations

import re
from dataclasses import dataclass

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import Part

__all__ = ["Product", "identity", "product", "where_filters"]

_S2_INDEX = re.compile(r"(?P<take>\d{8}T\d{6})_\d{8}T\d{6}_T(?P<grid>\d{2}[A-Z]{3})")
_S1_INDEX = re.compile(
    r"(?P<platform>S1[A-Z])_(?P<mode>\w{2})_GRD\w_1S\w{2}_\d{8}T\d{6}_\d{8}T\d{6}_(?P<orbit>\d{6})_(?P<take>[0-9A-F]{6})"
)


@dataclass(frozen=True, slots=True)
class Product:
    """Property names of one collection; an empty name means that the collection has no such property."""

    cloud_cover: str = ""
    platform: str = ""
    orbit_pass: str = ""
    relative_orbit: str = ""
    polarisations: str = ""
    grid_code: str = ""
    baseline: str = ""
    sun_zenith: str = ""
    datatake: str = ""
    fixed: tuple[tuple[str, str | int], ...] = ()
    """Properties that every usable scene has."""
    incidence_band: str = ""
    """Band with the incidence angle in degrees."""

    @property
    def fields(self) -> dict[str, str]:
        """Scene field to property name, for those that exist."""
        names = ("cloud_cover", "platform", "orbit_pass", "relative_orbit", "polarisations", "grid_code")
        more = ("baseline", "sun_zenith", "datatake")
        return {name: getattr(self, name) for name in (*names, *more) if getattr(self, name)}


_S1 = Product(
    orbit_pass="orbitProperties_pass",
    relative_orbit="relativeOrbitNumber_start",
    polarisations="transmitterReceiverPolarisation",
    # Wave and strip-map modes and coarser grids are other instruments for our purpose.
    fixed=(("instrumentMode", "IW"), ("resolution_meters", 10)),
    incidence_band="angle",
)
_PRODUCTS = {
    "COPERNICUS/S2_SR_HARMONIZED": Product(
        cloud_cover="CLOUDY_PIXEL_PERCENTAGE",
        platform="SPACECRAFT_NAME",
        orbit_pass="SENSING_ORBIT_DIRECTION",
        relative_orbit="SENSING_ORBIT_NUMBER",
        grid_code="MGRS_TILE",
        baseline="PROCESSING_BASELINE",
        sun_zenith="MEAN_SOLAR_ZENITH_ANGLE",
        datatake="DATATAKE_IDENTIFIER",
    ),
    "COPERNICUS/S1_GRD_FLOAT": _S1,
    "COPERNICUS/S1_GRD": _S1,
}
_PLAIN = Product()


def product(collection: str) -> Product:
    """Names used by a collection; a collection without an entry has only the properties every asset has."""
    return _PRODUCTS.get(collection, _PLAIN)


def where_filters(part: Part) -> tuple[tuple[str, str, str | int], ...]:
    """Filters on properties that a part implies: (operator, property, value), operator ``equals`` or ``listContains``.

    Raises:
        ConfigError: the part asks for a field that its collection does not have.
    """
    known = product(part.collection)
    found: list[tuple[str, str, str | int]] = [("equals", name, value) for name, value in known.fixed]
    for field, value in part.where:
        name = known.fields.get(field)
        if name is None or field not in ("orbit_pass", "polarisations"):
            raise ConfigError(f"part {part.name} of {part.collection} filters on {field!r}, which Earth Engine lacks")
        found.append(("equals", name, value.upper()) if field == "orbit_pass" else ("listContains", name, value))
    return tuple(found)


def identity(index: str, datatake: str) -> dict[str, str]:
    """Platform, datatake and grid code that a scene's index states.

    The datatake of Sentinel-2 and of everything derived from it is its sensing start, so that Dynamic World can be
    matched with the very scene it was made from.

    Args:
        index: last component of the asset id.
        datatake: the product's own datatake property, for indexes of another form.
    """
    if s2 := _S2_INDEX.match(index):
        return {"datatake": s2["take"], "grid_code": s2["grid"]}
    if s1 := _S1_INDEX.match(index):
        return {"platform": s1["platform"], "datatake": f"{s1['platform']}_{s1['orbit']}_{s1['take']}"}
    stamp = re.search(r"\d{8}T\d{6}", datatake)
    return {"datatake": stamp.group() if stamp else datatake}
