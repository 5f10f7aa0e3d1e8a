"""When a canary gets more, and which figure stops it."""

from bisect import bisect_left
from itertools import count, pairwise
from math import inf, isnan, nan

import pytest
from django.conf import settings
from hypothesis import example, given
from hypothesis import strategies as st

from deploy.canary import rule
from deploy.canary.rule import Figures, quantile

V1 = Figures(requests=1000, errors=10, timed=1000, p95_s=0.100)


@pytest.mark.parametrize(
    ("present", "wanted", "weights"),
    [
        (0, 50, [10, 25, 50]),
        (0, 100, [10, 25, 50, 100]),
        (10, 50, [10, 25, 50]),  # what product ships with was judged by nobody
        (25, 25, [25]),
        (0, 40, [10, 25, 40]),
        (0, 5, [5]),
        (50, 100, [50, 100]),
        (100, 100, [50, 100]),  # there is nothing left of v1 to compare with
        (75, 100, [50, 100]),
        (75, 75, [50, 75]),
        (100, 10, [10]),
        (100, 75, [50, 75]),
        (50, 25, [25]),
    ],
)
def test_the_walk_has_every_step_between(present: int, wanted: int, weights: list[int]) -> None:
    assert rule.walk(present, wanted) == weights


@given(st.integers(0, 100), st.integers(1, 100))
def test_a_walk_ends_where_it_should_and_v1_is_always_comparable_first(present: int, wanted: int) -> None:
    """It only rises, and begins at 50 at most."""
    weights = rule.walk(present, wanted)
    assert weights[-1] == wanted
    assert weights == sorted(set(weights))
    assert rule.is_comparable(weights[0])


@pytest.mark.parametrize(
    ("v2", "figure"),
    [
        (Figures(1000, 15, 1000, 0.120), ""),  # 0.5 points, 1.2 times: still as good
        (Figures(1000, 16, 1000, 0.100), "errors 1.6 % of 1000 requests, v1 1.0 % of 1000"),
        (Figures(700, 0, 500, 0.121), "p95 121.0 ms of 500 requests, v1 100.0 ms of 1000: 1.21 times"),
        (Figures(500, 0, 0, nan), "p95 nan"),
    ],
)
def test_a_step_is_judged_by_errors_and_p95(v2: Figures, figure: str) -> None:
    failure = rule.failure(V1, v2)
    assert failure.startswith(figure)
    assert bool(failure) == bool(figure)


@pytest.mark.parametrize(
    ("requests", "errors", "is_gross"),
    [(20, 4, False), (20, 5, True), (80, 5, True), (84, 5, False), (1000, 60, False), (1000, 61, True)],
)
def test_gross_errors_do_not_wait_for_the_end(requests: int, errors: int, is_gross: bool) -> None:
    """At least five, and more than five points above v1's one per cent."""
    assert bool(rule.gross_failure(V1, Figures(requests, errors, requests, 0.1))) == is_gross


def test_a_step_without_requests_passes_nowhere_and_is_no_division_by_zero() -> None:
    nothing = Figures(0, 0, 0, nan)
    assert nothing.error_rate == 0
    assert rule.failure(V1, nothing).startswith("p95 nan ms of 0 requests")


@pytest.mark.parametrize(
    ("v1", "v2", "weight", "is_silent"),
    [
        (0, 0, 10, False),  # nobody asks
        (170, 0, 10, False),  # may be by chance, if half of its share were enough
        (172, 0, 10, True),
        (28, 0, 50, True),
        (4500, 500, 10, False),
        (4500, 190, 10, False),  # half of its share but for chance
        (4500, 180, 10, True),
        (900, 2000, 10, False),  # testers choose it
        (100, 900, 75, False),
        (900, 100, 75, True),
        (1000, 0, 100, False),  # testers of v1: at 100 % nobody else meets it
    ],
)
def test_a_version_that_answers_far_less_than_its_share_is_silent(
    v1: int, v2: int, weight: int, is_silent: bool
) -> None:
    assert bool(rule.silence(v1, v2, weight)) == is_silent


def test_silence_is_told_in_figures() -> None:
    said = rule.silence(1200, 3, 10)
    assert said.startswith("only 3 requests answered, v1 1200: less than half of 10 %")


@given(st.integers(1, 100), st.integers(1, 10**6), st.floats(1.0, 3.0))
def test_a_version_with_its_share_or_more_is_never_silent(weight: int, asked: int, times: float) -> None:
    """However little or much is asked, and though some of v1's answers were counted but for a repeat."""
    v2 = round(min(1.0, times * weight / 100) * asked)
    assert rule.silence(asked - v2, v2, weight) == ""


@given(st.integers(1, 99), st.integers(0, 10**5), st.integers(0, 10**5))
def test_more_answers_are_never_more_silent(weight: int, v1: int, v2: int) -> None:
    if not rule.silence(v1, v2, weight):
        assert not rule.silence(v1, v2 + 1, weight)


@given(st.integers(1, 99))
def test_chance_makes_no_version_silent(weight: int) -> None:
    """The likeliest moment is the first one at which no answer at all is too few: rarer than one in a million."""
    share = weight / 100
    asked = next(n for n in count(1) if rule.silence(n, 0, weight))
    assert (1 - share) ** asked < 1e-6


BOUNDS = [bound for bound in settings.PROMETHEUS_LATENCY_BUCKETS if bound != inf]


def _histogram(observed: list[float]) -> dict[float, float]:
    return {bound: sum(one <= bound for one in observed) for bound in [*BOUNDS, inf]}


def test_quantiles_are_those_of_prometheus() -> None:
    """As worked out by hand from histogram_quantile's rules."""
    assert quantile(0.95, {0.1: 50, 0.2: 90, 0.4: 100, inf: 100}) == pytest.approx(0.3)  # 90 below, 5 of 10 further
    assert quantile(0.5, {0.1: 100, 0.2: 100, inf: 100}) == pytest.approx(0.05)  # the first bucket begins at 0
    assert quantile(0.95, {0.1: 10, 0.2: 10, inf: 100}) == 0.2  # the last finite bound
    assert isnan(quantile(0.95, {}))
    assert isnan(quantile(0.95, {0.1: 0, inf: 0}))


@given(st.lists(st.floats(0.0012, 9.9), min_size=1, max_size=200))
@example([0.0012])
def test_a_quantile_is_in_the_bucket_of_the_true_one(observed: list[float]) -> None:
    """So at most one bucket's width off, which is a fifth (test below)."""
    true = sorted(observed)[-(-95 * len(observed) // 100) - 1]
    upper = BOUNDS[bisect_left(BOUNDS, true)]
    lower = BOUNDS[bisect_left(BOUNDS, true) - 1]
    assert lower <= quantile(0.95, _histogram(observed)) <= upper * (1 + 1e-9)


@given(st.lists(st.floats(0.0012, 9.9), min_size=1, max_size=200), st.data())
def test_slower_requests_never_lower_a_quantile(observed: list[float], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(observed) - 1))
    slower = [*observed[:index], min(2 * observed[index], 9.9), *observed[index + 1 :]]
    assert quantile(0.95, _histogram(slower)) >= quantile(0.95, _histogram(observed)) - 1e-12


def test_bounds_of_the_shop_are_narrow_enough_to_tell_1_2_times() -> None:
    """Neighbours are at most a quarter apart: linear interpolation in between does the rest."""
    assert sorted(BOUNDS) == BOUNDS
    assert all(upper / lower < 1.26 for lower, upper in pairwise(BOUNDS))


@pytest.mark.parametrize(
    ("weight", "v1", "v2", "pods"),
    [
        (10, 1, 1, 1),
        (50, 1, 1, 1),
        (100, 1, 1, 2),
        (10, 6, 1, 1),
        (25, 6, 1, 2),
        (50, 5, 2, 4),
        (100, 4, 4, 8),
        (10, 2, 3, 3),
    ],
)
def test_v2_has_pods_for_its_share(weight: int, v1: int, v2: int, pods: int) -> None:
    assert rule.pods_for(weight, v1=v1, v2=v2) == pods


@pytest.mark.parametrize(
    ("v1", "v2", "most", "pods"),
    [
        (1, 2, 3, 2),
        (4, 7, 6, 6),  # v2 came to 100 % when v1 was busy
        (3, 2, 6, 3),
        (6, 12, 6, 6),
    ],
)
def test_v1_takes_over_with_as_many_pods_as_its_autoscaler_may_give_it(v1: int, v2: int, most: int, pods: int) -> None:
    assert rule.pods_to_take_over(v1=v1, v2=v2, most=most) == pods
