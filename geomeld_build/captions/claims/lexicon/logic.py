"""Words that turn a statement: negation, comparison, dominance, doubt."""

from __future__ import annotations

from geomeld_build.captions.claims.lexicon.entries import Entry, entries
from geomeld_build.captions.claims.text import word_set

__all__ = ["COPULAS", "LOGIC_WORDS", "PREPOSITIONS", "VERBS"]

_LISTED: dict[tuple[str, str], str] = {
    ("affirm", ""): """
        no_shortage_of no_lack_of not_without far_from_absent not_absent not_lacking no_absence_of not_devoid_of
        never_absent not_missing not_only not_just not_merely no_doubt not_far hardly_lacking never_far
        not_short_of no_want_of not_in_short_supply cannot_be_missed not_to_mention""",
    ("but", "only"): "nothing_but none_but nothing_except nothing_other_than no_cover_but",
    ("but", "not"): "anything_but far_from by_no_means not_at_all not_in_the_least never nowhere_near",
    ("negate", "right"): """
        no without neither nor lacks lack lacking devoid_of free_of free_from absence_of not_a_single not_any not_one
        no_sign_of no_signs_of no_trace_of no_traces_of none_of zero nothing_suggests nothing_points_to nothing_hints_at
        not not_a not_an isn't aren't wasn't doesn't don't bereft_of empty_of void_of
        cannot nothing_of no_hint_of no_evidence_of clear_of stripped_of rules_out excludes no_kind_of""",
    ("negate", "left"): """
        absent missing missing_entirely missing_altogether missing_completely absent_entirely absent_altogether
        absent_completely nowhere nowhere_to_be_seen non_existent nonexistent is_lacking are_lacking not_present
        not_visible
        not_found not_seen not_mapped not_exist not_occur not_appear cannot_be_seen can_be_ruled_out entirely_absent
        completely_absent wholly_absent not_to_be_found nowhere_to_be_found not_evident not_in_evidence not_represented
        not_there not_recorded not_detected not_feature isn't_present aren't_present ruled_out is_excluded""",
    ("unless", ""): "rather_than instead_of as_opposed_to unlike",
    ("less", "tree"): "treeless forestless woodless unforested unwooded",
    ("less", "water"): "waterless riverless lakeless",
    ("less", "snow"): "snowless iceless",
    ("less", "vegetation"): "plantless vegetationless unvegetated",
    ("less", "built"): "houseless uninhabited unsettled undeveloped",
    ("less", "crop"): "uncultivated unfarmed untilled",
    ("less", "road"): "roadless trackless",
    ("compare", "equal"): """
        evenly_matched equally_matched in_equal_parts in_equal_measure in_equal_shares on_a_par equal_parts equal_shares
        equally evenly as_much balanced in_balance equal equally_large equally_common roughly_equal neck_and_neck
        in_similar_measure in_similar_shares similar_shares equal_in_extent the_same_share""",
    ("compare", "rival"): "rivals rival rivalling equals matches as_extensive_as as_widespread_as as_common_as",
    ("compare", "ahead"): "slightly_ahead just_ahead marginally_ahead a_little_ahead narrowly_ahead slightly_in_front",
    ("compare", "first"): "ahead_of ahead in_the_lead leads leading_over in_front well_ahead far_ahead",
    ("compare", "behind"): "behind lags trailing lagging comes_second",
    ("compare", "outweigh"): """
        outweighs outweigh outstrips outstrip surpasses outnumber outnumbers exceeds_that_of outdoes larger_than
        greater_than_that_of bigger_than more_extensive_than more_widespread_than more_common_than more_abundant_than
        outranks eclipses eclipse dwarfs dwarf overshadows overshadow surpass outdo exceed exceeds""",
    ("compare", "outweighed"): """
        outweighed_by outstripped_by surpassed_by exceeded_by smaller_than less_extensive_than less_widespread_than
        less_common_than less_abundant_than outnumbered_by second_to dwarfed_by""",
    ("compare", "more"): "more",
    ("compare", "less"): "less fewer",
    ("compare", "twice"): "twice double twice_as_much twice_as_many two_times",
    ("compare", "half"): "half_as_much half_as_many",
    ("compare", "thrice"): "three_times thrice triple three_times_as_much",
    ("compare", "slightly_more"): "slightly_more a_little_more somewhat_more marginally_more a_bit_more",
    ("dominance", "left"): "dominates dominate predominates predominate prevails prevail dominating prevailing rules "
    "is_dominant are_dominant takes_the_lead",
    (
        "dominance",
        "right",
    ): "dominated_by governed_by ruled_by given_over_to prevalence_of predominance_of dominance_of largely_of",
    (
        "dominance",
        "noun",
    ): "dominant_class dominant_cover dominant_land_cover dominant main_cover main_class main_land_cover "
    "chief_cover prevailing_cover principal_cover principal_class leading_class predominant dominant_type "
    "dominant_surface",
    ("largest", "noun"): """
        largest_single_cover largest_cover largest_class largest_share largest_part single_largest largest_single
        outranks_every_other_class outranks_all_others exceeds_every_other_class exceeds_all_others
        more_than_any_other more_than_any_other_class principal_land_cover chief_land_cover leading_land_cover
        leading_cover primary_land_cover primary_cover prevailing_land_cover principal_land_use main_land_use
        dominant_land_use main_surface
        most_widespread most_extensive most_common biggest_share biggest_class largest_component largest_land_cover
        most_abundant most_frequent largest_area largest_single_class largest_type largest_category""",
    ("hedge_word", ""): """
        possibly perhaps maybe might may_be probably likely apparently seemingly presumably appears seems could_be
        suggests suspected arguably conceivably mapped_as classed_as may""",
    ("history", ""): """was were has_been have_been had_been used_to""",
}

COPULAS = word_set("is are was were be being remains remain lies lie stands")
VERBS = COPULAS | word_set("""
    cover covers covering covered fill fills filling filled occupy occupies occupying occupied take takes taking
    taken make makes making made hold holds holding held account accounts accounting form forms forming spread
    spreads spreading stretch stretches stretching span spans spanning run runs running cross crosses crossing
    crossed surround surrounds ring rings line lines border borders look looks looking can laps lap touches find
    finds see sees cloak cloaks mantle
    mantles coat coats drape drapes envelop
    envelops sprawl sprawls sweep sweeps add adds goes go falls left predominate predominates prevail prevails
    stand standing gather gathers gathering cluster clusters clothe clothes rise rises rising reach reaches
    reaching share
    shares sharing lead leads has have having contain contains containing show shows showing shown dominate
    dominates include includes comprise comprises consist consists belong belongs extend extends extending claim
    claims claiming blanket blankets carpet carpets bend bends wind winds flow flows meander meanders cut cuts slice
    slices divide divides separate separates meet meets give gives add adds appear appears occur occurs exist exists
    sit sits break breaks dot dots mark marks frame frames grow grows climb climbs drop drops fall falls slope
    slopes tower towers exceed exceeds average averages averaging stay stays keep keeps measure measures range
    ranges amount amounts leave leaves left touch touches comes come interrupt interrupts punctuate punctuates
""")
PREPOSITIONS = word_set("""
    in on at of along through across over under between among by near to towards toward into from with within around
    beside against beyond above below
""")


def _all() -> list[tuple[tuple[str, ...], Entry]]:
    found = []
    for (kind, value), words in _LISTED.items():
        found += entries(kind, value, words)
    return found


LOGIC_WORDS = _all()
