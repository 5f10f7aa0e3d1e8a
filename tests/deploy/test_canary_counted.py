"""From the counters of pods to the figures of a step."""

from itertools import accumulate
from typing import Any

import pytest
from django_prometheus.middleware import Metrics
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from deploy.canary import rule
from deploy.canary.counted import ANSWERS, SECONDS, Meanwhile, Series, compared, parse, served
from deploy.canary.rule import Figures

LIST = ("product:products", "GET")


class Pod:
    """A pod's metrics, under the names that django-prometheus has for them."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        kinds = {"registry": self._registry, "documentation": ""}
        self._answers = Counter(ANSWERS.removesuffix("_total"), labelnames=["status", "view", "method"], **kinds)
        bounds = (0.1, 0.2, 0.4)
        name = SECONDS.removesuffix("_bucket")
        self._seconds = Histogram(name, labelnames=["view", "method"], buckets=bounds, **kinds)

    def answer(self, times: int = 1, *, view: str = LIST[0], status: int = 200, took_s: float = 0.05) -> "Pod":
        self._answers.labels(str(status), view, "GET").inc(times)
        for _ in range(times):
            self._seconds.labels(view, "GET").observe(took_s)
        return self

    def read(self) -> dict[Series, float]:
        return parse(generate_latest(self._registry).decode())


def test_names_are_those_of_django_prometheus() -> None:
    metrics = Metrics.get_instance()
    families = [
        *metrics.responses_by_status_view_method.describe(),
        *metrics.requests_latency_by_view_method.describe(),
    ]
    assert [f"{families[0].name}_total", f"{families[1].name}_bucket"] == [ANSWERS, SECONDS]


@pytest.mark.parametrize(
    "view", ["shop.health.ready", "django_prometheus.exports.ExportToDjangoView", "shop.audit.api.Facts", "admin:index"]
)
def test_what_no_customer_asks_is_left_out(view: str) -> None:
    assert Pod().answer(view=view).read() == {}


def test_figures_are_of_the_step_alone() -> None:
    """What was counted before it does not count."""
    v1, v2 = Pod().answer(1000, status=500, took_s=0.3), Pod().answer(70)
    meanwhile = Meanwhile(["a"]), Meanwhile(["b"])
    for pod, name, since in ((v1, "a", meanwhile[0]), (v2, "b", meanwhile[1])):
        since.read(name, pod.read())
    v1.answer(90).answer(10, took_s=0.15)
    v2.answer(19).answer(1, status=503, took_s=0.35)
    for pod, name, since in ((v1, "a", meanwhile[0]), (v2, "b", meanwhile[1])):
        since.read(name, pod.read())
    figures = compared(meanwhile[0].grown, meanwhile[1].grown)
    assert figures == (Figures(100, 0, 100, _near(0.15)), Figures(20, 1, 20, _near(0.1)))


def test_a_pod_that_appears_counts_from_nothing_and_one_that_goes_keeps_its_count() -> None:
    since = Meanwhile(["old"])
    since.read("old", Pod().answer(100).read())
    since.read("old", Pod().answer(103).read())
    since.read("new", Pod().answer(5).read())
    since.read("new", Pod().answer(7).read())
    assert _requests(since) == 3 + 7


def test_a_pod_of_the_beginning_that_is_read_late_does_not_count_its_whole_life() -> None:
    since = Meanwhile(["slow"])
    since.read("slow", Pod().answer(100).read())
    since.read("slow", Pod().answer(101).read())
    assert _requests(since) == 1


def test_a_process_that_was_started_anew_counts_from_nothing() -> None:
    since = Meanwhile(["pod"])
    for count in (100, 110, 4, 6):
        since.read("pod", Pod().answer(count).read())
    assert _requests(since) == 10 + 4 + 2


def _requests(since: Meanwhile) -> int:
    return compared(since.grown, since.grown)[0].requests


def test_only_views_that_both_answered_are_compared() -> None:
    """A rare slow view that v2 was never asked for must not make v1 look slow, nor its errors excuse v2's."""
    v1 = Pod().answer(100).answer(50, view="product:reviews", status=500, took_s=0.35).read()
    v2 = Pod().answer(100).answer(10, view="product:media", took_s=0.35).answer(0, view="product:reviews").read()
    assert compared(v1, v2) == (Figures(100, 0, 100, _near(0.095)), Figures(110, 0, 100, _near(0.095)))


def test_errors_of_a_view_that_v2_alone_has_answered_are_its_own() -> None:
    """As of all its views, when they have new names."""
    v1, v2 = Pod().answer(1000).read(), Pod().answer(60, view="catalogue:products", status=500).read()
    stable, candidate = compared(v1, v2)
    assert (stable.requests, candidate.requests, candidate.errors, candidate.timed) == (0, 60, 60, 0)
    assert rule.gross_failure(stable, candidate).startswith("errors 100.0 % of 60 requests, v1 0.0 % of 0")


def test_requests_of_every_view_are_served_but_those_that_failed() -> None:
    pod = Pod().answer(3).answer(2, view="product:reviews", status=404).answer(7, status=503)
    assert served(pod.read()) == 5


def _near(seconds: float) -> Any:
    return pytest.approx(seconds)


@given(st.lists(st.integers(0, 30), min_size=1), st.lists(st.integers(0, 30)))
def test_every_answer_is_counted_once_however_often_pods_are_read(old: list[int], new: list[int]) -> None:
    """``old`` is there at the beginning, and has a life before it: its first reading."""
    since = Meanwhile(["old"])
    for pod, increases in (("old", old), ("new", new)):
        for total in accumulate(increases):
            since.read(pod, {Series(ANSWERS, *LIST, "200"): float(total)})
    assert _requests(since) == sum(old[1:]) + sum(new)
