"""The files of istio/, as text: roles of a kind have the same."""

import re
from pathlib import Path

import pytest

from deploy import documents
from deploy.release import ROOT
from shop.roles import ROLES

SERVICES = ROOT / "istio/services"
CALLERS = {"cart", "order"}  # pass on their peers' failures, so nobody repeats them
LEAVES = set(ROLES) - CALLERS
_GUNICORN, _WEB = ROOT / "shop/gunicorn_conf.py", ROOT / "deploy/kubernetes/base/common/web/web.yaml"
PLAIN = ("destinationrule.yaml", "peerauthentication.yaml", "virtualservice.yaml", "kustomization.yaml")


def _anonymous(path: Path) -> str:
    return re.sub(rf"\b{path.parent.name}\b", "ROLE", path.read_text())


@pytest.mark.parametrize("roles", [LEAVES, CALLERS], ids=["leaves", "callers"])
@pytest.mark.parametrize("name", PLAIN)
def test_roles_of_a_kind_differ_by_name_alone(name: str, roles: set[str]) -> None:
    assert len({_anonymous(SERVICES / role / name) for role in roles}) == 1


def test_times_are_in_harmony() -> None:
    """Envoy closes idle connections first; a pod that leaves has time for every request, but for the minute that staff
    and the audit may wait, and ends before it is killed."""
    gunicorn = dict(re.findall(r"^(keepalive|graceful_timeout) = (\d+)", _GUNICORN.read_text(), re.MULTILINE))
    pod = documents.only(_WEB.read_text())["spec"]["template"]["spec"]
    (before,) = (each["lifecycle"]["preStop"]["sleep"]["seconds"] for each in pod["containers"])
    assert max(_seconds("idleTimeout", "destinationrule.yaml")) < int(gunicorn["keepalive"])
    longer = {each for each in _seconds("timeout", "virtualservice.yaml") if each >= int(gunicorn["graceful_timeout"])}
    assert longer == {60}
    assert before + int(gunicorn["graceful_timeout"]) < pod["terminationGracePeriodSeconds"]


def _seconds(field: str, name: str) -> set[int]:
    """Of that field in the files of that name; a value may have an anchor."""
    text = "".join((SERVICES / role / name).read_text() for role in ROLES)
    return set(map(int, re.findall(rf"\b{field}: (?:&\w+ )?(\d+)s", text)))


def test_a_caller_is_repeated_by_nobody() -> None:
    """Only its connections are: four tries at order with four each at payment would be sixteen."""
    for role in CALLERS:
        text = (SERVICES / role / "virtualservice.yaml").read_text()
        assert set(re.findall(r"retryOn: (\S+)", text)) == {"connect-failure,refused-stream,reset-before-request"}
