"""When v2 gets more: steps, and what its figures have to be beside those of v1 in the same step."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isinf, nan, sqrt

STEPS = (10, 25, 50, 100)  # per cent
COMPARABLE = 50  # above it v1 answers too few: the figures of its last step up to here stand for it
_ERRORS = 0.5  # points that the error rate may be above v1's
P95 = 1.2  # times v1's, unless said otherwise
_GROSS_ERRORS, _GROSS = 5, 5.0  # so many errors, and so many points above: by chance in one of thousands of steps
_HALF, _SIGMAS = 0.5, 3.0  # standard deviations below half of its share: by chance in one of millions of looks


@dataclass(frozen=True, slots=True)
class Figures:
    """What one version answered in a step: requests, those of them with a 5xx, and how long the comparable ones took.

    Only views that both versions have answered can be compared by the time that they take: of ``timed`` requests.
    """

    requests: int
    errors: int
    timed: int
    p95_s: float  # nan: nothing was measured

    @property
    def error_rate(self) -> float:
        """Per cent."""
        return 100 * self.errors / self.requests if self.requests else 0.0

    def __str__(self) -> str:
        return f"{self.requests} requests, {self.errors} errors, p95 {1000 * self.p95_s:.1f} ms"


def walk(present: int, wanted: int) -> list[int]:
    """The weights to stand at, each judged before the next; the present one first, which nobody may have judged.

    Less than now is one step. Whatever is to stand above ``COMPARABLE`` comes from there, for v1's figures.
    """
    begin = min(present, COMPARABLE)
    between = [step for step in STEPS if begin < step < wanted]
    return [*([begin] if 0 < begin < wanted else []), *between, wanted]


def is_comparable(weight: int) -> bool:
    """Whether v1 answers enough at this weight of v2 to be compared with."""
    return weight <= COMPARABLE


def failure(v1: Figures, v2: Figures, p95: float = P95) -> str:
    """The figure by which v2 fails at the end of a step; empty when it passes. ``p95``: how many times v1's is fine."""
    if v2.error_rate > v1.error_rate + _ERRORS:
        return f"{_errors(v1, v2)}: more than {_ERRORS} points above"
    if not v2.p95_s <= p95 * v1.p95_s:  # nan, which nothing is below, does not pass
        return (
            f"p95 {1000 * v2.p95_s:.1f} ms of {v2.timed} requests, v1 {1000 * v1.p95_s:.1f} ms of {v1.timed}: "
            f"{v2.p95_s / v1.p95_s:.2f} times, more than {p95}"
        )
    return ""


def gross_failure(v1: Figures, v2: Figures) -> str:
    """Errors that need not wait for the end of a step; empty when there are none such."""
    if v2.errors >= _GROSS_ERRORS and v2.error_rate > v1.error_rate + _GROSS:
        return f"{_errors(v1, v2)}: more than {_GROSS} points above, before the step's end"
    return ""


def silence(v1: int, v2: int, weight: int) -> str:
    """That v2 has answered far fewer requests than v1's count implies at this weight; empty when it has not.

    What v2 never answers is counted by nobody, so it shows in this alone. More than its share is no defect: testers
    choose it. Half of it is none either: a pod that goes takes its last count along, and v1 counts every repeat.
    At 100 % v1 has only what its testers send, which implies nothing.
    """
    answered, share = v1 + v2, _HALF * weight / 100
    if weight == 100 or v2 >= share * answered - _SIGMAS * sqrt(answered * share * (1 - share)):
        return ""
    return f"only {v2} requests answered, v1 {v1}: less than half of {weight} %, and the rest has had no answer"


def _errors(v1: Figures, v2: Figures) -> str:
    return f"errors {v2.error_rate:.1f} % of {v2.requests} requests, v1 {v1.error_rate:.1f} % of {v1.requests}"


def quantile(share: float, buckets: Mapping[float, float]) -> float:
    """Of a histogram as Prometheus has it, upper bound to how many are at most that; by linear interpolation.

    As ``histogram_quantile``: beyond the last finite bound it is that bound; nan when nothing was observed.
    """
    counts = sorted(buckets.items())
    observed = buckets.get(inf, 0.0)
    if not observed:
        return nan
    rank = share * observed
    lower = below = 0.0
    for upper, count in counts:
        if count >= rank:
            return lower if isinf(upper) else lower + (upper - lower) * (rank - below) / (count - below)
        lower, below = upper, count
    return lower


def pods_for(weight: int, *, v1: int, v2: int) -> int:
    """How many pods v2 needs for ``weight``: that share of all that serve now, and never fewer than it has."""
    return max(v2, -(-(v1 + v2) * weight // 100))


def pods_to_take_over(*, v1: int, v2: int, most: int) -> int:
    """How many pods v1 needs to answer what v2 answers: as many, but no more than its autoscaler may give it.

    v2 may well have more than that: it got its share of all that served when v1 was busy.
    """
    return min(max(v1, v2), most)
