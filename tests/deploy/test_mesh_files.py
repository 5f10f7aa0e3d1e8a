"""The files of istio/, as text: roles of a kind have the same."""

import re
from pathlib import Path

import pytest

from deploy.release import ROOT
from shop.roles import ROLES

SERVICES = ROOT / "istio/services"
CALLERS = {"cart", "order"}  # pass on their peers' failures, so nobody repeats them
LEAVES = set(ROLES) - CALLERS
PLAIN = ("destinationrule.yaml", "peerauthentication.yaml", "virtualservice.yaml", "kustomization.yaml")


def _anonymous(path: Path) -> str:
    return re.sub(rf"\b{path.parent.name}\b", "ROLE", path.read_text())


@pytest.mark.parametrize("roles", [LEAVES, CALLERS], ids=["leaves", "callers"])
@pytest.mark.parametrize("name", PLAIN)
def test_roles_of_a_kind_differ_by_name_alone(name: str, roles: set[str]) -> None:
    assert len({_anonymous(SERVICES / role / name) for role in roles}) == 1


def test_a_caller_is_repeated_by_nobody() -> None:
    """Only its connections are: four tries at order with four each at payment would be sixteen."""
    for role in CALLERS:
        text = (SERVICES / role / "virtualservice.yaml").read_text()
        assert set(re.findall(r"retryOn: (\S+)", text)) == {"connect-failure,refused-stream,reset-before-request"}
