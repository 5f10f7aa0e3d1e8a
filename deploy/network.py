"""NetworkPolicies between roles, from ``shop/roles.py``: who may open a connection to whom.

They know pods, not methods or paths; those are the mesh's (istio/). What is not a role (the ingress, the
servers, names) is an overlay's own business, because it differs between clusters.
"""

from collections.abc import Iterable
from typing import Any

import yaml

from shop.roles import OPERATOR, ROLES, pairs

PORT = 8000


def policy(role: str) -> str:
    """Both directions of one role: its web process hears its callers, all its pods reach whom it may call."""
    callers = {pair.source for pair in pairs() if pair.target == role}
    callees = {pair.target for pair in pairs() if pair.source == role}
    hears = {
        "podSelector": {"matchLabels": {"role": role, "app.kubernetes.io/component": "web"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": _pods(callers), "ports": [_port()]}],
    }
    return yaml.safe_dump_all(
        [_named(f"{role}-hears", hears), _named(f"{role}-calls", _calls(role, callees))], sort_keys=False
    )


def operator() -> str:
    """The audit reads every role, and nobody reaches it."""
    callees = {pair.target for pair in pairs() if pair.source == OPERATOR}
    return yaml.safe_dump(_named("operator-calls", _calls(OPERATOR, callees)), sort_keys=False)


def _calls(role: str, callees: Iterable[str]) -> dict[str, Any]:
    spec: dict[str, Any] = {"podSelector": {"matchLabels": {"role": role}}, "policyTypes": ["Egress"]}
    if targets := _pods(callees, component="web"):
        spec["egress"] = [{"to": targets, "ports": [_port()]}]
    return spec


def _pods(roles: Iterable[str], **labels: str) -> list[dict[str, Any]]:
    component = {f"app.kubernetes.io/{key}": value for key, value in labels.items()}
    order = [*ROLES, OPERATOR]
    return [{"podSelector": {"matchLabels": {"role": role, **component}}} for role in order if role in set(roles)]


def _port() -> dict[str, object]:
    return {"port": PORT, "protocol": "TCP"}


def _named(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }
