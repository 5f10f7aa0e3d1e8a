"""The written table of what one request can cost, measured: calls at the application, and seconds."""

import json
from collections.abc import Callable
from functools import partial

import pytest

from shop.roles import ROLES
from tests.mesh.objects import Object
from tests.mesh.seeing import KEY, at_once, sent
from tests.mesh.stage import OFFICE, Answer, Stage
from tools.route_costs import CALLERS, KINDS, Cost, chains, costs

_SLACK_S = 1.5  # pauses between tries, and a machine with much to do
_QUICK = [cost for cost in costs() if cost.limit_s < 20]
_KEYED_AT_A_LEAF = ("leaf", "ingress", "keyed-write")
_MINUTES = [cost for cost in costs() if cost.limit_s >= 20]


def _way(stage: Stage, role: str, cost: Cost) -> Callable[[Object], Answer]:
    """How to send a request along the route."""
    key = KEY if cost.route == "keyed-write" else {}
    method = "POST" if "write" in cost.route else "GET"
    outside = partial(stage.ask, f"/{role}/x", method=method, headers=key, timeout_s=90)
    inside = partial(sent, stage, stage.probes()[0], role, f"/{role}/x", method, headers=key)
    ways: dict[tuple[str, str], Callable[..., Answer]] = {
        ("ingress", "plain-root"): partial(stage.ask, f"/{role}", tls=False),
        ("ingress", "office"): partial(stage.ask, f"/{role}/admin/x", gateway=OFFICE, timeout_s=90),
        ("mesh", "audit"): partial(sent, stage, stage.probes()[0], role, f"/{role}/internal/audit/rules"),
    }
    way = ways.get((cost.root, cost.route), outside if cost.root == "ingress" else inside)
    return lambda script: way(script=script)


def _measured(stage: Stage, cost: Cost) -> tuple[int, int, float]:
    """Calls when the application fails, calls and seconds when it is silent."""
    role = KINDS[cost.kind]
    way = _way(stage, role, cost)
    failing, silent = stage.new_tag(), stage.new_tag()
    way({"tag": failing, "status": 503})
    answer = way({"tag": silent, "delay_s": cost.limit_s + 3})
    assert answer.status == 504
    return len(stage.calls(f"{role}-service", failing)), len(stage.calls(f"{role}-service", silent)), answer.seconds


@pytest.mark.parametrize("listed", [_QUICK, pytest.param(_MINUTES, marks=pytest.mark.full)], ids=["seconds", "minutes"])
def test_a_request_costs_what_is_written(stage: Stage, listed: list[Cost]) -> None:
    """Each route to each kind of role, all at once."""
    found = at_once(*(partial(_measured, stage, cost) for cost in listed))
    wanted = [(cost.calls_failing, cost.calls_silent) for cost in listed]
    assert [(failing, silent) for failing, silent, _ in found] == wanted
    for cost, (_, _, seconds) in zip(listed, found, strict=True):
        assert cost.shortest_s - 0.2 <= seconds <= cost.limit_s + _SLACK_S, cost


@pytest.mark.parametrize("caller", CALLERS)
def test_a_chain_costs_what_is_written(stage: Stage, caller: str) -> None:
    """One request from outside to a caller that asks each of its peers once, by key, when all of them fail."""
    wanted = {callee: calls for asking, callee, calls in chains() if asking == caller}
    for callee, calls in wanted.items():
        tag = stage.new_tag()
        answer = stage.ask(f"/{caller}/x", method="POST", headers=KEY, script=_asking(caller, callee, tag))
        assert answer.status == 503
        assert len(stage.calls(f"{caller}-service", tag)) == 1
        assert len(stage.calls(f"{callee}-service", tag)) == calls, callee


def test_a_leaf_that_asks_a_caller_asks_once_each_time(stage: Stage) -> None:
    """A review is sent by key: product is asked again when it fails, order no more often than product."""
    (tries,) = (one.calls_failing for one in costs() if (one.kind, one.root, one.route) == _KEYED_AT_A_LEAF)
    tag = stage.new_tag()
    answer = stage.ask("/product/x", method="POST", headers=KEY, script=_asking("product", "order", tag))
    assert answer.status == 503
    assert [len(stage.calls(f"{role}-service", tag)) for role in ("product", "order")] == [tries, tries]


def _asking(caller: str, callee: str, tag: str) -> Object:
    """A script: ask the callee what the caller may ask it, by key, and pass its failure on."""
    endpoint = sorted(ROLES[caller].calls[callee])[0]
    inner = {
        "url": f"http://{callee}-service:8000{endpoint.path.replace('*', 'a-1')}",
        "method": endpoint.method,
        "headers": {**KEY, "x-toy": json.dumps({"tag": tag, "status": 503})},
    }
    return {"tag": tag, "call": inner}
