"""Audits: who is drawn, what the form hides, what answers say."""

from __future__ import annotations

import json
from collections import Counter
from random import Random

import pytest
from sklearn.metrics import cohen_kappa_score

from geomeld_build.captions.report.answers import Answers, evaluate, rate_of, read_answers
from geomeld_build.captions.report.audit import AuditClaim, AuditItem, AuditKey, _shares
from geomeld_build.errors import ConfigError

TYPES = ("water", "landcover_fraction")


def item(number: int, stratum: str = "a", weight: float = 1.0, control: str | None = None) -> AuditItem:
    claims = tuple(AuditClaim(0, 5, "water", kind, "supported") for kind in TYPES)
    return AuditItem(f"i{number}", f"t{number}", "water everywhere", claims, stratum, weight, control)


def key(*items: AuditItem) -> AuditKey:
    return AuditKey("store", "grammar", 0, items)


def answers(name: str, judgements: dict[str, str]) -> Answers:
    """``t``, ``f`` and ``u`` for the claims of each item."""
    words = {"t": "true", "f": "false", "u": "unclear"}
    return Answers(name, {one: dict(enumerate(words[letter] for letter in of)) for one, of in judgements.items()})


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_the_published_ones(hits: int, of: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17(8), table I, method 3."""
    rate = rate_of(hits, of)
    assert rate is not None
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=1e-4)
    assert rate_of(0, 0) is None


def test_what_answers_say() -> None:
    known = key(item(0, "a", 9.0), item(1, "b", 1.0), item(2, "b", 1.0), item(3, control="t0"))
    found = evaluate(known, [answers("ann", {"i0": "tt", "i1": "tf", "i2": "uf", "i3": "ft"})])
    assert found.judged == 6
    assert found.claims is not None
    assert (found.claims.hits, found.claims.of) == (3, 5)
    assert found.claims_weighted == pytest.approx((18 + 1) / (18 + 2 + 1), abs=1e-4)
    assert found.captions is not None
    assert (found.captions.hits, found.captions.of) == (1, 3)
    assert found.unclear is not None
    assert (found.unclear.hits, found.unclear.of) == (1, 6)
    assert {name: (rate.hits, rate.of) for name, rate in found.by_type.items()} == {
        "landcover_fraction": (1, 3), "water": (2, 2),
    }  # fmt: skip
    assert {name: (rate.hits, rate.of) for name, rate in found.by_stratum.items()} == {"b": (1, 3), "a": (2, 2)}
    assert found.controls is not None
    assert (found.controls.hits, found.controls.of) == (1, 1)
    assert found.agreement is None


def test_agreement_is_cohens_kappa() -> None:
    rng = Random(3)
    items = [item(number) for number in range(40)]
    first = {one.item: "".join(rng.choice("ttfu") for _ in TYPES) for one in items}
    second = {
        name: "".join(letter if rng.random() < 0.7 else rng.choice("tfu") for letter in of)
        for name, of in first.items()
    }
    found = evaluate(key(*items), [answers("ann", first), answers("bo", second)])
    expected = cohen_kappa_score(list("".join(first.values())), list("".join(second.values())))
    assert found.agreement == pytest.approx(expected, abs=1e-4)


def test_strata_have_their_share_and_rare_ones_more() -> None:
    shares = _shares({"common": 9000, "rare": 100, "single": 1}, 200)
    assert sum(shares.values()) == 200
    assert shares["single"] == 1
    assert 15 <= shares["rare"] <= 25, "a tenth by the root of its size"
    assert _shares({"a": 3, "b": 2}, 5) == {"a": 3, "b": 2}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "no file of answers"),
        ('{"annotator": "ann"}', "no file of answers"),
        ('{"annotator": "ann", "answers": {"zz": {"0": "true"}}}', "not of this audit"),
        ('{"annotator": "ann", "answers": {"i0": {"7": "true"}}}', "is no judgement"),
        ('{"annotator": "ann", "answers": {"i0": {"0": "maybe"}}}', "is no judgement"),
    ],
)
def test_answers_of_something_else_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        read_answers(text, key(item(0)))


def test_answers_are_of_different_people() -> None:
    one = answers("ann", {"i0": "tt"})
    with pytest.raises(ConfigError, match="different people"):
        evaluate(key(item(0)), [one, one])
    with pytest.raises(ConfigError, match="nobody"):
        evaluate(key(item(0)), [])


def test_a_key_is_read_as_it_was_written() -> None:
    known = key(item(0), item(1, control="t0"))
    assert AuditKey.from_json(known.to_json()) == known
    assert Counter(one["control_of"] for one in json.loads(known.to_json())["items"]) == {None: 1, "t0": 1}
    with pytest.raises(ConfigError, match="no key"):
        AuditKey.from_json("{}")
