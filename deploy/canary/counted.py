"""What pods counted meanwhile, from their own metrics (django-prometheus): differences, pod by pod."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from deploy.canary.rule import Figures, quantile

ANSWERS = "django_http_responses_total_by_status_view_method_total"
SECONDS = "django_http_requests_latency_seconds_by_view_method_bucket"
_LABELS = {ANSWERS: "status", SECONDS: "le"}
# Asked by the platform, the operator and staff, not by customers, nor by a role on their behalf.
_NOT_CUSTOMERS = ("shop.health.", "django_prometheus.", "shop.audit.", "admin:")


class Series(NamedTuple):
    """One counter: of which metric, for which view and method, and its status or upper bound in seconds."""

    metric: str
    view: str
    method: str
    value: str

    @property
    def asked(self) -> tuple[str, str]:
        """View and method."""
        return self.view, self.method


Counts = Mapping[Series, float]
Asked = set[tuple[str, str]]  # views and methods


def parse(text: str) -> dict[Series, float]:
    """What customers' requests counted, of a pod's /metrics."""
    return {
        Series(sample.name, labels["view"], labels["method"], labels[_LABELS[sample.name]]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in _LABELS and not (labels := sample.labels)["view"].startswith(_NOT_CUSTOMERS)
    }


class Meanwhile:
    """How much the counters of some pods have grown since the beginning.

    A pod of the beginning counts from its first reading, another from 0. One that has gone keeps what was last read;
    a counter that falls, because its process was started anew, counts from 0 again.
    """

    def __init__(self, pods: Iterable[str]) -> None:
        self._unread = set(pods)
        self._last: dict[str, Counts] = defaultdict(dict)
        self.grown: Counter[Series] = Counter()

    def read(self, pod: str, counts: Counts) -> None:
        """Take the counters of ``pod`` as they are now."""
        if pod not in self._unread:
            last = self._last[pod]
            self.grown.update({series: _increase(last.get(series, 0), now) for series, now in counts.items()})
        self._unread.discard(pod)
        self._last[pod] = counts


def _increase(before: float, now: float) -> float:
    return now - before if now >= before else now


def compared(v1: Counts, v2: Counts) -> tuple[Figures, Figures]:
    """Figures of both versions: of those views and methods that both have answered, but v2's errors are of all it has.

    What v1 alone was asked for must not excuse v2's errors; what v2 alone was asked for, such as a view of a new name,
    is its own to answer.
    """
    both = _answered(v1) & _answered(v2)
    return _figures(v1, both, timed=both), _figures(v2, _answered(v2), timed=both)


def served(counts: Counts) -> int:
    """Requests that were answered, to whatever view. A 5xx is left out: a repeat of it would count once more."""
    return int(sum(count for series, count in counts.items() if series.metric == ANSWERS and not _is_error(series)))


def _answered(counts: Counts) -> Asked:
    return {series.asked for series, count in counts.items() if series.metric == ANSWERS and count}


def _is_error(answer: Series) -> bool:
    return answer.value.startswith("5")


def _figures(counts: Counts, asked: Asked, *, timed: Asked) -> Figures:
    answers = list(_of(counts, ANSWERS, asked))
    buckets: Counter[float] = Counter()
    for series, count in _of(counts, SECONDS, timed):
        buckets[float(series.value)] += count  # type: ignore[assignment]  # a Counter of floats adds as well
    return Figures(
        requests=int(sum(count for _, count in answers)),
        errors=int(sum(count for series, count in answers if _is_error(series))),
        timed=int(sum(count for _, count in _of(counts, ANSWERS, timed))),
        p95_s=quantile(0.95, buckets),
    )


def _of(counts: Counts, metric: str, asked: Asked) -> Iterator[tuple[Series, float]]:
    return ((series, count) for series, count in counts.items() if series.metric == metric and series.asked in asked)
