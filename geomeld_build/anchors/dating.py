"""The last columns of a frame: dates by the rules of the pools, blocks and splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geomeld_build.anchors.blocks import block_names, block_of
from geomeld_build.anchors.columns import Selected, frame_table
from geomeld_build.anchors.dates import DateRule, Dates, assign_dates
from geomeld_build.anchors.frame import FRAME_SCHEMA
from geomeld_build.anchors.naip_dates import VintageLookUp, naip_dates, naip_rules
from geomeld_build.anchors.places import places_from_columns
from geomeld_build.anchors.recipe import FrameConfig, SplitConfig
from geomeld_build.anchors.splits import SplitRule, split_of
from geomeld_build.errors import ConfigError

__all__ = ["finish", "split_rule"]

_ORDER = [("pool", "ascending"), ("stratum", "ascending"), ("rank", "ascending"), ("location_id", "ascending")]


def split_rule(config: SplitConfig, recipe: str) -> SplitRule:
    """The rule of a recipe.

    Raises:
        ConfigError: the shares or the guard cannot be.
    """
    return SplitRule(recipe, config.train, config.val, config.test, config.block_km, config.guard_m)


def finish(
    config: FrameConfig,
    parts: Sequence[Selected],
    look_up: VintageLookUp | None,
    base: pa.Table | None,
    progress: Callable[[str, int, int], None],
) -> pa.Table:
    """Date, split and sort what was selected.

    Args:
        config: the recipe.
        parts: what was selected.
        look_up: dates of aerial images; needed by a recipe with ``naip``.
        base: anchors of the frame that is grown: their lines stay as they are.
        progress: told of every step.

    Returns:
        ``FRAME_SCHEMA``, by pool, stratum and rank.

    Raises:
        ConfigError: a pool's own dates are missing, or the recipe wants images and there is no look-up.
    """
    tables = [FRAME_SCHEMA.empty_table() if base is None else base]
    known = places_from_columns(tables[0]).key
    rule = split_rule(config.split, config.recipe)
    years = {pool.name: pool.years for pool in config.pools}
    for number, whole in enumerate(parts):
        progress("dating and splitting", number, len(parts))
        part = whole.take(~np.isin(whole.places.key, known))
        if not len(part.places):
            continue
        dates, rules = _dated(config, part, years, look_up, progress)
        places = part.places
        blocks = block_names(block_of(places.lon, places.lat, rule.block_km))
        splits = split_of(places, rule)
        tables.append(frame_table(part, config.recipe, dates, rules, blocks, splits))
    progress("dating and splitting", len(parts), len(parts))
    return pa.concat_tables(tables).sort_by(_ORDER)


def _dated(
    config: FrameConfig,
    part: Selected,
    years: Mapping[str, tuple[int, int] | None],
    look_up: VintageLookUp | None,
    progress: Callable[[str, int, int], None],
) -> tuple[Dates, NDArray[np.str_]]:
    imported = part.pool in years
    given = imported and years[part.pool] is None
    kind = DateRule.GIVEN if given else DateRule.EXTERNAL if imported else DateRule.OWN
    rules = np.full(len(part.places), str(kind), dtype="U16")
    external = years.get(part.pool) or config.years
    naip: Dates | None = None
    if config.naip:
        if look_up is None:
            raise ConfigError("the recipe dates the US by aerial images (naip): that needs the source; give its --url")
        rules = naip_rules(rules, np.array(part.world.country.cast(pa.string()).to_pylist(), dtype="U8"))
        rules, naip = _photographed(config, part, rules, external, look_up, progress)
    try:
        dates = assign_dates(
            part.places.key,
            rules,
            config.recipe,
            own_years=config.years,
            external_years=external,
            given=part.date,
            naip=naip,
        )
    except ConfigError as error:
        raise ConfigError(f"pool {part.pool}: {error}") from error
    return dates, rules


def _photographed(
    config: FrameConfig,
    part: Selected,
    rules: NDArray[np.str_],
    external: tuple[int, int],
    look_up: VintageLookUp,
    progress: Callable[[str, int, int], None],
) -> tuple[NDArray[np.str_], Dates]:
    """Vintages of the anchors in the US; where there is none, the drawn date of imports."""
    mine = np.flatnonzero(rules == str(DateRule.NAIP))
    found = naip_dates(
        part.places.take(mine),
        look_up,
        config.recipe,
        external_years=external,
        progress=lambda done, total: progress("looking up aerial images", done, total),
    )
    naip = np.full(len(rules), np.datetime64("NaT"), "datetime64[us]")
    naip[mine] = found.dates
    rules = rules.copy()
    rules[mine] = found.rules
    return rules, naip
