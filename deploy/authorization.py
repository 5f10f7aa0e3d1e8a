"""The mesh's AuthorizationPolicies, from ``shop/roles.py``: which identity may send which method to which path.

What no rule names is refused. The gateways' identities are those of a plain Istio; an overlay for another
mesh replaces them in the first two rules, which are theirs.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from shop.roles import Endpoint, endpoints, pairs

NAMESPACE = "shop"
_GATEWAYS = "istio-ingress"
OUTSIDE, OFFICE = (f"{_GATEWAYS}/{name}-service-account" for name in ("istio-ingressgateway", "istio-internalgateway"))


def policy(role: str) -> str:
    """What the pods of ``role`` take: from the ingress, from the office's gateway, and from each of its callers."""
    closed = [f"/{role}/internal"]
    office = [f"/{role}/{page}" for page in ("admin", "docs", "openapi.json")]
    spec = {
        "selector": {"matchLabels": {"app": f"{role}-service"}},
        "action": "ALLOW",
        "rules": [
            _rule([OUTSIDE], [_all_but(role, [*closed, *office])]),
            _rule([OFFICE], [_all_but(role, closed)]),
            *(_rule([_account(source)], list(_operations(sent))) for source, sent in _callers(role)),
        ],
    }
    return _yaml({"metadata": {"name": f"{role}-service"}, "spec": spec})


def _callers(role: str) -> Iterator[tuple[str, list[Endpoint]]]:
    """Who may reach ``role``, sorted, and what each may send."""
    sent: dict[str, set[Endpoint]] = {}
    for pair in pairs():
        if pair.target == role:
            sent.setdefault(pair.source, set()).update(endpoints(pair.source, pair.target, pair.purpose))
    for source in sorted(sent):
        yield source, sorted(sent[source])


def _operations(sent: Iterable[Endpoint]) -> Iterator[dict[str, Any]]:
    """One for each method. A segment that is an id is ``{*}`` to Istio."""
    by_method: dict[str, list[str]] = {}
    for endpoint in sent:
        by_method.setdefault(endpoint.method, []).append(endpoint.path.replace("*", "{*}"))
    for method, paths in by_method.items():
        yield {"operation": {"methods": [method], "paths": paths}}


def _all_but(role: str, closed: Iterable[str]) -> dict[str, Any]:
    return {"operation": {"paths": _below([f"/{role}"]), "notPaths": _below(closed)}}


def _below(paths: Iterable[str]) -> list[str]:
    return [each for path in paths for each in (path, f"{path}/*")]


def _rule(accounts: Iterable[str], operations: list[dict[str, Any]]) -> dict[str, Any]:
    return {"from": [{"source": {"principals": [_principal(account) for account in accounts]}}], "to": operations}


def _account(source: str) -> str:
    """The ServiceAccount of a role, or of the operator."""
    return f"{NAMESPACE}/{source}-service" if source != "operator" else f"{NAMESPACE}/operator"


def _principal(account: str) -> str:
    namespace, _, name = account.partition("/")
    return f"cluster.local/ns/{namespace}/sa/{name}"


def _yaml(content: dict[str, Any]) -> str:
    head = {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy"}
    return yaml.safe_dump({**head, **content}, sort_keys=False, width=120)
