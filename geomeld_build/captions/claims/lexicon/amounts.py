"""Words for how much: what share of the tile each accepts, and whether it stands before or after what it is about.

Intervals: the specification of the verifier (docs/captions.md). ``patches of`` asserts that something is there, so its
interval does not begin at 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from geomeld_build.captions.claims.lexicon.entries import Entry, entries
from geomeld_build.captions.claims.model import Op

__all__ = ["AMOUNTS", "AMOUNT_WORDS", "HEDGES", "Amount"]


@dataclass(frozen=True, slots=True)
class Amount:
    """A vague share."""

    words: str
    low: float
    high: float
    side: str
    """``right``: stands before its class; ``left``: after it; ``any``."""
    op: Op = "within"


_LEAST = 0.005

AMOUNTS: dict[str, Amount] = {
    "nearly_all": Amount(
        "almost_entirely nearly_entirely almost_completely nearly_completely nearly_all almost_all virtually_all "
        "practically_all nearly_the_whole almost_the_whole nearly_the_entire almost_the_entire almost_wholly "
        "virtually_the_whole nearly_every nearly_all_of almost_everything nearly_everything virtually_everything "
        "almost_exclusively overwhelmingly practically_the_whole almost_everywhere",
        0.85,
        1.0,
        "any",
    ),
    "little_else": Amount(
        "hardly_anything_but scarcely_anything_but barely_anything_but almost_nothing_but little_but little_else_but "
        "little_other_than",
        0.85,
        1.0,
        "right",
    ),
    "all": Amount(
        "entirely completely wholly totally the_whole_of the_entire exclusively all_of the_whole_tile the_whole_scene "
        "the_whole_area the_whole_frame the_whole_image the_entire_tile uniformly solely everything "
        "every_corner unbroken",
        0.9,
        1.0,
        "any",
    ),
    "most": Amount(
        "mostly mainly predominantly largely chiefly primarily the_majority_of a_majority_of majority most_of "
        "for_the_most_part the_bulk_of the_majority the_greater_part the_larger_part the_lion's_share most",
        0.5,
        1.0,
        "any",
        "most",
    ),
    "most_of_rest": Amount(
        "most_of_the_rest most_of_the_remainder most_of_the_balance most_of_the_remaining most_of_what_is_left "
        "most_of_what_remains the_bulk_of_the_rest much_of_the_rest",
        0.0,
        1.0,
        "any",
        "most_of_rest",
    ),
    "rest": Amount(
        "the_rest the_remainder the_balance all_the_rest what_is_left what_remains the_remaining_part the_remaining",
        0.0,
        1.0,
        "any",
        "rest",
    ),
    "much": Amount(
        "much_of a_large_part large_parts a_good_part a_large_share large_areas vast_areas wide_areas large_tracts "
        "large_stretches broad_swathes wide_swathes a_good_deal a_large_portion large_portions a_great_part "
        "a_substantial_part a_considerable_part large_swathes a_big_part a_sizeable_part a_sizable_part a_fair_share",
        0.2,
        1.0,
        "any",
    ),
    "extensive": Amount(
        "extensive vast wide_expanses expanses endless sweeping abundant plentiful ample", 0.15, 1.0, "any"
    ),
    "patches": Amount(
        "patches_of scattered a_few dotted_with dotted_by dots_of pockets_of bits_of strips_of pocket_of patch_of "
        "strip_of small_patches isolated occasional small_amounts_of small_areas_of a_scattering_of a_sprinkling_of "
        "clumps_of fragments_of specks_of a_little small_pockets sprinkled_with studded_with interspersed_with "
        "small_clearings_for dotted_here_and_there shreds_of scraps_of flecked_with patchy islands_of spots_of "
        "a_small_patch_of a_thin_strip_of a_narrow_strip_of a_handful_of a_small_area_of a_band_of_sparse",
        _LEAST,
        0.25,
        "right",
    ),
    "small": Amount(
        "small_amounts a_small_part small_parts a_small_share a_minor_share a_small_fraction a_sliver a_small_portion "
        "a_tiny_part a_minor_part small_areas a_small_area a_modest_share a_minor_component",
        _LEAST,
        0.25,
        "any",
    ),
    "traces": Amount("traces_of trace_amounts_of a_trace_of the_odd a_hint_of faint_traces_of", 0.0005, 0.06, "right"),
    "partly": Amount("partly in_part partially in_parts", _LEAST, 0.7, "any"),
    "hardly_any": Amount(
        "hardly_any barely_any almost_no scarcely_any next_to_no virtually_no practically_no very_little hardly_a "
        "scarcely_a nearly_no barely_a very_few",
        0.0,
        0.05,
        "right",
    ),
    "little": Amount("little few only_a_little", 0.0, 0.2, "right"),
    "scarce": Amount(
        "scarce nearly_absent almost_absent all_but_absent rare sparse limited minimal scant in_short_supply "
        "hardly_present barely_present virtually_absent practically_absent insignificant hardly_visible "
        "few_and_far_between uncommon thin_on_the_ground negligible_in_extent",
        0.0,
        0.2,
        "left",
    ),
}

HEDGES: dict[str, str] = {
    "about": "about around roughly some approximately approx circa ca close_on in_the_order_of on_the_order_of "
    "of_about or_so somewhere_around somewhere_near somewhere_close_to in_the_region_of in_the_vicinity_of",
    "almost": "nearly almost just_under not_quite close_to just_below a_little_under slightly_under slightly_less_than "
    "a_little_less_than a_bit_under a_shade_under just_short_of a_little_below approaching a_touch_under",
    "little_over": "just_over a_little_over slightly_over slightly_more_than a_little_more_than just_above a_bit_over "
    "a_shade_over a_little_above a_touch_over",
    "below": "less_than under below at_most no_more_than not_more_than only barely hardly fewer_than up_to "
    "well_under well_below not_even beneath scarcely a_mere merely no_higher_than not_above nowhere_above never_above "
    "rarely_above seldom_above at_the_most within never_exceeds never_exceed never_exceeding nowhere_exceeds "
    "never_tops never_surpasses never_more_than nowhere_tops nowhere_more_than not_exceeding does_not_exceed "
    "do_not_exceed not_exceed doesn't_exceed no_taller_than no_bigger_than not_taller_than shorter_than lower_than",
    "above": "more_than over above at_least no_less_than not_less_than exceeds exceeding exceed upwards_of upward_of "
    "well_over well_above beyond in_excess_of no_fewer_than fully surpasses tops topping greater_than not_below "
    "nowhere_below never_below never_less_than never_under never_drops_below never_falls_below taller_than",
}
"""Words before a number, and which side of it they leave open."""


def _all() -> list[tuple[tuple[str, ...], Entry]]:
    found = []
    for name, amount in AMOUNTS.items():
        found += entries("amount", name, amount.words)
    for name, words in HEDGES.items():
        found += entries("hedge", name, words)
    return found


AMOUNT_WORDS = _all()
