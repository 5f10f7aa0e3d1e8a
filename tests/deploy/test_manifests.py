"""What the manifests come to once Kustomize has put them together."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from deploy import documents, generate
from shop.roles import OPERATOR, ROLES, pairs
from tests.deploy.conftest import Resource, of_kind, pod_of
from tests.topology import LIMITS
from tools import manifest_references

_CORES = 2.0
_PROXY_CPU = 0.010  # components/small
_CA = "/etc/shop/ca"  # which PostgreSQL's certificate is checked by
_WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob")


def test_what_is_generated_is_fresh() -> None:
    """Each file says what shop/roles.py and the release come to."""
    assert [path.name for path, text in generate.files() if path.read_text() != text] == []


def test_network_policies_are_the_pairs_of_the_table(local: list[Resource]) -> None:
    """Of all 72 pairs exactly those of shop/roles.py may connect, and both ends say so."""
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in of_kind(local, "NetworkPolicy")}
    wanted = {(pair.source, pair.target) for pair in pairs()}
    for source, target in product((*ROLES, OPERATOR), ROLES):
        out = {_role(peer) for rule in policies[f"{source}-calls"].get("egress", []) for peer in rule["to"]}
        into = {_role(peer) for rule in policies[f"{target}-hears"]["ingress"] for peer in rule["from"]}
        assert (target in out, source in into) == (((source, target) in wanted),) * 2, (source, target)


def _role(peer: dict[str, Any]) -> str:
    return str(peer["podSelector"]["matchLabels"]["role"])


def test_every_pool_together_fits_the_server(local: list[Resource]) -> None:
    """All pods at the HPA's most, one more of each while rolling, their pools full: below max_connections."""
    shares = {role: _setting(local, f"{role}-config", "DB_POOL") for role in ROLES}
    at_most = {hpa["spec"]["scaleTargetRef"]["name"]: hpa["spec"]["maxReplicas"] for hpa in _scalers(local)}
    wanted = 8 + 1 + len(ROLES)  # the payment company's pool, bootstrap, one migration of each role
    for deployment in of_kind(local, "Deployment"):
        labels, name = deployment["spec"]["template"]["metadata"]["labels"], deployment["metadata"]["name"]
        if labels.get("app.kubernetes.io/component") == "web":
            wanted += (at_most.get(name, 1) + 1) * int(shares[labels["role"]])
        elif labels.get("app.kubernetes.io/component") == "worker":
            own = _variables(deployment)["DB_POOL"]
            wanted += 2 * (int(own) + 1)  # beat's lease has a session of its own
    assert wanted < int(_variables(_one(local, "StatefulSet", "postgres"))["MAX_CONNECTIONS"]), wanted


def _scalers(resources: list[Resource]) -> list[Resource]:
    return list(of_kind(resources, "HorizontalPodAutoscaler"))


def _setting(resources: list[Resource], config: str, key: str) -> str:
    return str(_one(resources, "ConfigMap", config)["data"][key])


def _one(resources: list[Resource], kind: str, name: str) -> Resource:
    return next(found for found in of_kind(resources, kind) if found["metadata"]["name"] == name)


def _variables(workload: Resource) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in pod_of(workload)["containers"][0]["env"]}


def test_requests_fit_two_cores(local: list[Resource]) -> None:
    """Of all that runs for long, sidecars included, leaving half a core to the cluster itself."""
    asked = 0.0
    for workload in of_kind(local, "Deployment", "StatefulSet"):
        pod = pod_of(workload)
        sidecars = [one for one in pod.get("initContainers", []) if one.get("restartPolicy") == "Always"]
        asked += sum(_cores(one["resources"]["requests"]["cpu"]) for one in [*pod["containers"], *sidecars])
        asked += _PROXY_CPU if workload["metadata"]["namespace"] == "shop" else 0
    assert asked < _CORES - 0.5, asked


def _cores(text: str) -> float:
    return float(text.removesuffix("m")) / 1000 if text.endswith("m") else float(text)


def test_the_suites_limits_are_those_of_the_other_topologies() -> None:
    """One suite, three topologies: with the same time limits."""
    path = Path(generate.KUBERNETES / "components/short-limits/limits.yaml")
    assert documents.only(path.read_text())["data"] == LIMITS


def test_who_needs_a_database_waits_for_it(local: list[Resource]) -> None:
    """In an init container with the settings of the application, before anything else: a crash is no way to wait."""
    demo = [job for job in of_kind(local, "Job") if job["metadata"]["name"].startswith("demo-")]
    assert len(demo) == 2
    for workload in (*of_kind(local, "Deployment"), *demo):
        pod, name = pod_of(workload), workload["metadata"]["name"]
        if name == "mail":
            continue
        waiting, application = pod["initContainers"][0], pod["containers"][0]
        assert (waiting["name"], waiting["envFrom"]) == ("wait", application["envFrom"]), name
        assert _CA in [mount["mountPath"] for mount in waiting["volumeMounts"]], name


@pytest.mark.parametrize("overlay", ["local", "aks"])
def test_pods_may_do_nothing_they_need_not(overlay: str, request: pytest.FixtureRequest) -> None:
    """Pod Security `restricted`, a read-only root, no token of the API server; every container of every pod."""
    for workload in of_kind(request.getfixturevalue(overlay), *_WORKLOADS):
        pod, name = pod_of(workload), workload["metadata"]["name"]
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}, name
            assert set(container["resources"]["limits"]) == {"memory"}, name


def test_a_role_sees_its_own_secrets_alone(local: list[Resource]) -> None:
    """No pod mounts or reads a Secret that has another role's name; user's token keys are user's."""
    for found in manifest_references.references(
        resource for resource in of_kind(local, *_WORKLOADS) if resource["metadata"]["namespace"] == "shop"
    ):
        if found.kind == "Secret" and found.name != "demo-sign-in":
            owner = found.owner.split()[1].replace("audit", OPERATOR)
            role = _role_of(local, owner) if owner.startswith("demo") else owner.split("-")[0]
            assert found.name.split("-")[0] == role, found


def _role_of(resources: list[Resource], job: str) -> str:
    return str(_one(resources, "Job", job)["spec"]["template"]["metadata"]["labels"]["role"])


def test_a_reference_to_nothing_is_found(local: list[Resource]) -> None:
    """The checker itself: each kind of name, once with what it names and once without."""
    assert manifest_references.missing(local) == []
    for kind in ("ServiceAccount", "ConfigMap", "PersistentVolumeClaim", "Deployment"):
        left = [resource for resource in local if resource["kind"] != kind]
        assert any(f"names {kind} " in line for line in manifest_references.missing(left)), kind
