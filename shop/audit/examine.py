"""The audit itself: asks every role, compares, and reads again what disagreed."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shop import context, transport
from shop.audit.agreements import AGREEMENTS, Agreement
from shop.audit.api import FACTS_PAGE
from shop.audit.registry import Fact
from shop.errors import NoAnswer
from shop.roles import OPERATOR, ROLES

_POLL_S = 0.5
_CALL_S = 30.0  # a page of facts over a large table takes longer than a customer would wait

Sides = tuple[Fact | None, Fact | None]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """``rule`` is broken by the thing called ``id``."""

    rule: str
    id: str
    detail: str


@dataclass(slots=True)
class Report:
    """``unread`` says what could not be asked: with anything in it the audit is incomplete."""

    disagreements: list[Disagreement] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    @property
    def exit_status(self) -> int:
        """0 clean, 1 disagreement, 2 incomplete."""
        if self.disagreements:
            return 1
        return 2 if self.unread else 0


def examine(*, grace_s: float) -> Report:
    """Read every role once; a disagreement between roles is read again after ``grace_s`` and counts if unchanged."""
    report = Report()
    with context.working_as(OPERATOR):
        for role in ROLES:
            _rules_of(role, report)
        suspects = [(agreement, _compared(agreement, report)) for agreement in AGREEMENTS]
        if any(found for _, found in suspects):
            time.sleep(grace_s)
            for agreement, found in suspects:
                report.disagreements += _confirmed(agreement, found, report)
    return report


def drain(*, limit_s: float) -> list[str]:
    """Wait until nothing is under way in any role; what still is at the limit, by name."""
    end = time.monotonic() + limit_s
    with context.working_as(OPERATOR):
        while True:
            left = [line for role in ROLES for line in _pending(role)]
            if not left or time.monotonic() > end:
                return left
            time.sleep(_POLL_S)


def _pending(role: str) -> list[str]:
    try:
        reply = transport.get(role, f"/{role}/internal/audit/pending", purpose=OPERATOR)
    except NoAnswer as exc:
        return [f"{role}: {exc}"]
    return [f"{role}: {count} {name}" for name, count in reply.body.items() if count]


def _rules_of(role: str, report: Report) -> None:
    try:
        reply = transport.get(role, f"/{role}/internal/audit/rules", purpose=OPERATOR, timeout_s=_CALL_S)
    except NoAnswer as exc:
        report.unread.append(f"rules of {role}: {exc}")
        return
    report.disagreements += [
        Disagreement(f"{role}/{row['rule']}", row["id"], row["detail"]) for row in reply.body["broken"]
    ]


def _compared(agreement: Agreement, report: Report) -> dict[str, Sides]:
    try:
        pairs = _joined(_facts(agreement.left), _facts(agreement.right))
        return {key: sides for key, sides in pairs if agreement.check(*sides)}
    except NoAnswer as exc:
        report.unread.append(f"{agreement.name}: {exc}")
        return {}


def _confirmed(agreement: Agreement, found: dict[str, Sides], report: Report) -> Iterator[Disagreement]:
    ids = list(found)
    for start in range(0, len(ids), FACTS_PAGE):
        batch = ids[start : start + FACTS_PAGE]
        try:
            again = dict(_joined(iter(_by_id(agreement.left, batch)), iter(_by_id(agreement.right, batch))))
        except NoAnswer as exc:
            report.unread.append(f"{agreement.name}: {exc}")
            return
        for key in batch:
            sides = again.get(key, (None, None))
            if sides == found[key] and (detail := agreement.check(*sides)):
                yield Disagreement(agreement.name, key, detail)


def _facts(source: tuple[str, str]) -> Iterator[Fact]:
    """All facts of one source, page by page, in order of id."""
    after = ""
    while page := _post(source, {"after": after}):
        yield from page
        after = page[-1]["id"]


def _by_id(source: tuple[str, str], ids: Sequence[str]) -> list[Fact]:
    return _post(source, {"ids": list(ids)})


def _post(source: tuple[str, str], body: object) -> list[Fact]:
    role, name = source
    path = f"/{role}/internal/audit/facts/{name}"
    reply = transport.post(role, path, json_body=body, purpose=OPERATOR, timeout_s=_CALL_S)
    if reply.problem:
        raise NoAnswer(f"facts {name} of {role}: {reply.status} {reply.problem}")
    facts: list[Fact] = reply.body["facts"]
    return facts


def _joined(left: Iterator[Fact], right: Iterator[Fact]) -> Iterator[tuple[str, Sides]]:
    """Merge two streams by id, in constant memory."""
    a, b = next(left, None), next(right, None)
    while a or b:
        if b is None or (a and a["id"] < b["id"]):
            yield str(a["id"] if a else ""), (a, None)
            a = next(left, None)
        elif a is None or b["id"] < a["id"]:
            yield str(b["id"]), (None, b)
            b = next(right, None)
        else:
            yield str(a["id"]), (a, b)
            a, b = next(left, None), next(right, None)
