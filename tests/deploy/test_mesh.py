"""What the mesh's overlays come to, and that what checks them would say so."""

import pytest

from shop.roles import ROLES
from tests.deploy.conftest import Resource, of_kind, rendered
from tools import check_deploy, manifest_references
from tools.check_deploy import Failed, Rendering

_GATEWAYS = {
    "lab": ("istio-ingress/sa/istio-{}gateway-service-account", ("ingress", "internal")),
    "aks": ("aks-istio-ingress/sa/aks-istio-ingressgateway-{}", ("external", "internal")),
}


@pytest.fixture(params=_GATEWAYS)
def mesh(request: pytest.FixtureRequest) -> tuple[str, list[Resource]]:
    """An overlay's name and resources."""
    return request.param, rendered(f"istio/{request.param}")


def test_each_role_knows_both_gateways_of_its_cluster(mesh: tuple[str, list[Resource]]) -> None:
    """In its first two rules, and no other cluster's anywhere."""
    name, resources = mesh
    pattern, kinds = _GATEWAYS[name]
    wanted = [[f"cluster.local/ns/{pattern.format(kind)}"] for kind in kinds]
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in of_kind(resources, "AuthorizationPolicy")}
    for role in ROLES:
        principals = [rule["from"][0]["source"]["principals"] for rule in policies[f"{role}-service"]["rules"]]
        assert principals[:2] == wanted, role
        assert all(one.startswith("cluster.local/ns/shop/") for rest in principals[2:] for one in rest), role


def test_a_name_that_nothing_has_is_found(mesh: tuple[str, list[Resource]]) -> None:
    """A delegate above all: Istio accepts one that does not exist, and istioctl analyze says nothing."""
    _, resources = mesh
    assert manifest_references.missing(resources) == []
    for kind, gone in (("VirtualService", "product-versions"), ("Gateway", "shop-internal")):
        left = [one for one in resources if (one["kind"], one["metadata"]["name"]) != (kind, gone)]
        assert any(f"names {kind} {gone}, " in line for line in manifest_references.missing(left)), gone


def test_a_certificate_that_nobody_issues_is_found() -> None:
    resources = [one for one in rendered("istio/aks") if one["kind"] != "Certificate"]
    assert any("names Secret shop-internal-tls" in line for line in manifest_references.missing(resources))


def test_what_istioctl_would_find_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks at the shop's namespace: a subset that no DestinationRule has is an error."""
    if check_deploy.istioctl() is None:
        pytest.skip("*** THE MESH WAS NOT ANALYSED: no istioctl, neither on PATH nor in the lab's cache")
    good = check_deploy.renderings()
    assert check_deploy._analysed().startswith("kubernetes/overlays/local with istio/lab")
    bad = tuple(Rendering(one.name, one.text.replace("subset: v2", "subset: v3")) for one in good)
    monkeypatch.setattr(check_deploy, "renderings", lambda: bad)
    with pytest.raises(Failed, match="IST0101"):
        check_deploy._analysed()


def test_only_postgres_is_known_by_address() -> None:
    """And it must be: a TCP port without addresses is open to every address. All others are known by name in TLS."""
    entries = list(of_kind(rendered("istio/aks"), "ServiceEntry"))
    assert len(entries) == 5
    for entry in entries:
        (port,) = entry["spec"]["ports"]
        assert port["protocol"] in {"TCP", "TLS"}
        assert ("addresses" in entry["spec"]) == (port["protocol"] == "TCP"), entry["metadata"]["name"]
