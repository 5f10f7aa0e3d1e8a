"""Every policy of ``istio/``: the test that fails without it, and the mutations that show that it does.

A row is named by the comments ``proof: x`` in ``istio/``. What is proven by a test of its own, on the real shop or
without a cluster, is in ``ELSEWHERE``: its name, the test, and the leaves that it covers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.mesh.policies import edge, identity, limits, retries, routing
from tests.mesh.policy import Policy

POLICIES: tuple[Policy, ...] = (
    *identity.POLICIES,
    *edge.POLICIES,
    *routing.POLICIES,
    *retries.POLICIES,
    *limits.POLICIES,
)


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """A policy whose test is not on the stage; ``test`` is ``path::name``."""

    proof: str
    test: str
    leaves: Sequence[str]


_FAULTS = "tests/mesh/test_faults.py::test_"

ELSEWHERE: tuple[Elsewhere, ...] = (
    Elsewhere(
        proof="fault-delay",
        test=_FAULTS + "a_delay_of_inventory_slows_what_asks_it_and_nothing_else",
        leaves=["leaf/mesh http.fault.fault.delay.*"],
    ),
    Elsewhere(
        proof="fault-abort",
        test=_FAULTS + "half_of_the_calls_to_payment_refused_is_202_and_decided_later",
        leaves=["leaf/mesh http.fault.fault.abort.*"],
    ),
    Elsewhere(
        proof="fault-abort-by-header",
        test=_FAULTS + "a_tester_alone_finds_payment_gone",
        leaves=["leaf/mesh http.fault.match.*"],
    ),
    Elsewhere(
        proof="fault-cut-off",
        test=_FAULTS + "shipping_cut_off_ends_quotes_and_nothing_else",
        leaves=["leaf/ingress http.fault.*"],
    ),
    Elsewhere(
        proof="fault-slow-version",
        test=_FAULTS + "a_slow_version_slows_its_own_share",
        leaves=["leaf/versions http.candidate.*"],
    ),
)
