"""What people's answers to an audit say, with Wilson's intervals."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from scipy.stats import binomtest

from geomeld_build.captions.report.audit import AuditItem, AuditKey
from geomeld_build.errors import ConfigError

__all__ = ["Answers", "AuditResult", "Rate", "evaluate", "rate_of", "read_answers"]

_JUDGEMENTS = ("true", "false", "unclear")


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 95 % interval by Wilson (1927)."""

    hits: int
    of: int
    share: float
    low: float
    high: float


def rate_of(hits: int, of: int) -> Rate | None:
    """The share of hits; None of nothing."""
    if of == 0:
        return None
    interval = binomtest(hits, of).proportion_ci(confidence_level=0.95, method="wilson")
    return Rate(hits, of, round(hits / of, 4), round(float(interval.low), 4), round(float(interval.high), 4))


@dataclass(frozen=True, slots=True)
class Answers:
    """One person's."""

    annotator: str
    judgements: Mapping[str, Mapping[int, str]]
    """Item to number of the claim to ``true``, ``false`` or ``unclear``."""


def read_answers(text: str, key: AuditKey) -> Answers:
    """Read a file of answers.

    Raises:
        ConfigError: it is none, or it is of another form.
    """
    try:
        plain = json.loads(text)
        judgements = {
            str(item): {int(number): str(value) for number, value in given.items()}
            for item, given in plain["answers"].items()
        }
        annotator = str(plain["annotator"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"this is no file of answers: {error!r}") from error
    known = {item.item: len(item.claims) for item in key.items}
    for name, given in judgements.items():
        if name not in known:
            raise ConfigError(f"the answers of {annotator} have item {name!r}, which is not of this audit")
        for number, value in given.items():
            if not 0 <= number < known[name] or value not in _JUDGEMENTS:
                raise ConfigError(f"the answers of {annotator}, item {name}, claim {number}: {value!r} is no judgement")
    return Answers(annotator, judgements)


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What people say of the captions."""

    annotators: tuple[str, ...]
    judged: int
    """Judgements, of all people."""
    claims: Rate | None
    """Claims that hold, of those that were told true or false."""
    claims_weighted: float | None
    """The same weighted back to the store."""
    captions: Rate | None
    """Captions without a false claim, of those judged."""
    unclear: Rate | None
    """Claims that cannot be told from the picture, of all."""
    by_type: dict[str, Rate]
    by_stratum: dict[str, Rate]
    by_label: dict[str, Rate]
    """Claims that hold by the verifier's label: of supported ones it should be high."""
    controls: Rate | None
    """Captions of other tiles in which a claim was called false: tells whether people looked."""
    agreement: float | None
    """Cohen's kappa, the mean over pairs of people; None with one."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def evaluate(key: AuditKey, answers: Sequence[Answers]) -> AuditResult:
    """Put answers together.

    Raises:
        ConfigError: there are none, or two of the same person.
    """
    names = [one.annotator for one in answers]
    if not answers or len(set(names)) < len(names):
        raise ConfigError(f"expected answers of different people, got those of {', '.join(names) or 'nobody'}")
    items = {item.item: item for item in key.items}
    real = [(items[name], number, value) for name, number, value in _all(answers) if items[name].control_of is None]
    told = [(item, number, value == "true") for item, number, value in real if value != "unclear"]
    weights = sum(item.weight for item, _, _ in told)
    return AuditResult(
        annotators=tuple(names),
        judged=len(real),
        claims=rate_of(sum(holds for _, _, holds in told), len(told)),
        claims_weighted=round(sum(item.weight * holds for item, _, holds in told) / weights, 4) if weights else None,
        captions=_captions(told),
        unclear=rate_of(len(real) - len(told), len(real)),
        by_type=_by((item.claims[number].type, holds) for item, number, holds in told),
        by_stratum=_by((item.stratum, holds) for item, _, holds in told),
        by_label=_by((item.claims[number].label, holds) for item, number, holds in told),
        controls=_controls(items, answers),
        agreement=_agreement(answers),
    )


def _all(answers: Sequence[Answers]) -> Iterable[tuple[str, int, str]]:
    for one in answers:
        for item, given in one.judgements.items():
            for number, value in given.items():
                yield item, number, value


def _captions(told: Sequence[tuple[AuditItem, int, bool]]) -> Rate | None:
    holds: dict[str, bool] = {}
    for item, _, one in told:
        holds[item.item] = holds.get(item.item, True) and one
    return rate_of(sum(holds.values()), len(holds))


def _by(pairs: Iterable[tuple[str, bool]]) -> dict[str, Rate]:
    groups: dict[str, list[bool]] = defaultdict(list)
    for name, holds in pairs:
        groups[name].append(holds)
    rates = {name: rate_of(sum(group), len(group)) for name, group in groups.items()}
    known = {name: rate for name, rate in rates.items() if rate is not None}
    return dict(sorted(known.items(), key=lambda item: -item[1].of))


def _controls(items: Mapping[str, AuditItem], answers: Sequence[Answers]) -> Rate | None:
    seen = [
        "false" in given.values()
        for one in answers
        for name, given in one.judgements.items()
        if items[name].control_of is not None and given
    ]
    return rate_of(sum(seen), len(seen))


def _agreement(answers: Sequence[Answers]) -> float | None:
    found = []
    for one, other in combinations(answers, 2):
        pairs = [
            (value, other.judgements[item][number])
            for item, given in one.judgements.items()
            for number, value in given.items()
            if number in other.judgements.get(item, {})
        ]
        kappa = _kappa(pairs)
        if kappa is not None:
            found.append(kappa)
    return round(sum(found) / len(found), 4) if found else None


def _kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen (1960): agreement beyond chance; None where chance alone would agree always."""
    if not pairs:
        return None
    total = len(pairs)
    equal = sum(one == other for one, other in pairs) / total
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(first[name] * second[name] for name in first) / total**2
    return None if chance == 1.0 else (equal - chance) / (1.0 - chance)
