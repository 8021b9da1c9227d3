"""Turn Natural Earth's countries, as geopandas 0.14.4 carries them, into the one file that the package ships.

    pip download --no-deps geopandas==0.14.4 -d build/wheels
    python scripts/make_countries.py build/wheels/geopandas-0.14.4-py3-none-any.whl

Only coordinates, names, codes and continents are taken. Whoever runs it again gets the same table.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import geopandas
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

TARGET = Path(__file__).parents[1] / "geomeld_build" / "anchors" / "world" / "countries.parquet"
INSIDE = "geopandas/datasets/naturalearth_lowres/"
WHEEL_SHA256 = "3bb6473cb59d51e1a7fe2dbc24a1a063fb0ebdeddf3ce08ddbf8c7ddc99689aa"
"""Of geopandas-0.14.4-py3-none-any.whl."""
CODES = {"France": "FRA", "Norway": "NOR", "N. Cyprus": "CYN", "Somaliland": "SOL", "Kosovo": "XKX"}
"""Natural Earth writes -99 for these. FRA and NOR are ISO's; XKX is the common user-assigned code of Kosovo; ISO
has none for the other two, which keep Natural Earth's own (ADM0_A3)."""
OVERSEAS = {"GUF": ("FRA", "French Guiana", "South America", (-55.0, 2.0, -51.0, 6.0))}
"""Parts with a code of their own on another continent than their country: country, name, continent, box of the part."""
PROVENANCE = {
    "title": "Admin 0 countries, 1:110m",
    "source": "Natural Earth, naturalearthdata.com",
    "natural_earth_version": "5.1.1 (geopandas pull request 2555)",
    "package": "geopandas 0.14.4 (datasets/naturalearth_lowres)",
    "licence": "public domain",
    "changes": "codes of -99 replaced; French Guiana split from France as GUF in South America; columns renamed",
}


def countries(wheel: Path) -> list[dict[str, Any]]:
    """Rows of the file, by code."""
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith(INSIDE)])
        frame = geopandas.read_file(Path(folder) / INSIDE)
    rows: dict[str, dict[str, Any]] = {}
    for item in frame.itertuples():
        code = CODES.get(item.name, item.iso_a3)
        rows[code] = {"iso_a3": code, "name": item.name, "continent": item.continent, "geometry": item.geometry}
    for code, (country, name, continent, bounds) in OVERSEAS.items():
        parts = shapely.get_parts(rows[country]["geometry"])
        away = shapely.within(parts, shapely.box(*bounds))
        if away.sum() != 1:
            raise SystemExit(f"{name}: expected one part of {country} in {bounds}, found {away.sum()}")
        rows[country]["geometry"] = shapely.multipolygons(parts[~away])
        rows[code] = {"iso_a3": code, "name": name, "continent": continent, "geometry": parts[away][0]}
    return [rows[code] for code in sorted(rows)]


def main() -> None:
    """Write the file.

    Raises:
        SystemExit: the wheel is another one than the script was written for.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="geopandas-0.14.4-py3-none-any.whl")
    parser.add_argument("--out", type=Path, default=TARGET, help="file to write (default: the one of the package)")
    options = parser.parse_args()
    digest = hashlib.sha256(options.wheel.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise SystemExit(f"{options.wheel} has the SHA-256 {digest}, expected {WHEEL_SHA256}: geopandas 0.14.4's wheel")
    rows = countries(options.wheel)
    for row in rows:
        row["geometry"] = shapely.to_wkb(row["geometry"])
    geo = {"encoding": "WKB", "geometry_types": ["MultiPolygon", "Polygon"]}
    metadata = {
        "geo": json.dumps({"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geo}}),
        "provenance": json.dumps({**PROVENANCE, "wheel_sha256": digest}),
    }
    schema = pa.schema(
        [("iso_a3", pa.string()), ("name", pa.string()), ("continent", pa.string()), ("geometry", pa.binary())],
        metadata=metadata,
    )
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), options.out, compression="zstd")
    print(f"{len(rows)} countries, {options.out.stat().st_size / 1000:.0f} kB: {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
