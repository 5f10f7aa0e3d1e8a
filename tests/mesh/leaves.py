"""The leaves of ``istio/``: every value of its YAML, by a path that is the same for every role.

``leaf/ingress http.read.retries.attempts``: the kind of role (leaf or caller) and the short name of its object, or
``Kind/name`` for what is the whole shop's; then the way to the value. An element of a list goes by its ``name``,
else ``-``.
"""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from deploy import documents
from deploy.lab.lab import ROOT
from tests.mesh.objects import CALLERS, Key, Object, role_of

ISTIO = ROOT / "istio"
_SHORT = {
    ("VirtualService", "ingress"): "ingress",
    ("VirtualService", "mesh"): "mesh",
    ("VirtualService", "versions"): "versions",
    ("DestinationRule", "service"): "rule",
    ("PeerAuthentication", "service"): "peer",
    ("AuthorizationPolicy", "service"): "allowed",
}
_NAMED = re.compile(r'(?<!")proof: ([a-z0-9-]+(?:,\s*(?:#\s*)?[a-z0-9-]+)*)')

# What names things and says how they hang together: without it there is no file, or another policy's test fails.
STRUCTURE = {
    "* hosts.-": "whose route it is",
    "* gateways.-": "where the route is",
    "* http.*.name": "a name",
    "* http.*.delegate.name": "leads to the role's versions; tools/check_deploy.py checks that they are there",
    "* http.*.destination.*": "the role's own Service and port",
    "caller/versions http.stable.route.-.weight": "all of it: there is one version",
    "*/rule host": "whose rule it is",
    "*/rule subsets.*.name": "a name",
    "Gateway/* servers.-.port.name": "a name",
    "Gateway/* servers.-.port.protocol": "what the port speaks",
    "Gateway/* servers.-.hosts.-": "every name",
    "Sidecar/*-worker egress.-.hosts.-": "which Services it knows: memory, not permission, since it may go anywhere",
}


def files() -> Iterator[Path]:
    yield from sorted(path for path in ISTIO.rglob("*.yaml") if path.is_file())


def proofs() -> dict[str, list[str]]:
    """Each name that a comment gives, and the files that do."""
    found: dict[str, list[str]] = {}
    for path in files():
        for names in _NAMED.findall(path.read_text()):
            for name in re.split(r"[,\s#]+", names):
                found.setdefault(name, []).append(str(path.relative_to(ROOT)))
    return found


def all_leaves() -> dict[str, str]:
    """Every leaf of every file, and one file that has it."""
    found: dict[str, str] = {}
    for path in files():
        for key, spec in _specs(path):
            for leaf in of(key, spec):
                found.setdefault(leaf, str(path.relative_to(ROOT)))
    return found


def _specs(path: Path) -> Iterator[tuple[Key, Object]]:
    for content in documents.of(path.read_text()):
        if content["kind"] == "Component":
            yield from _patched(content)
        elif content["kind"] != "Kustomization":
            yield (content["kind"], content["metadata"]["name"]), content["spec"]


def _patched(component: Object) -> Iterator[tuple[Key, Object]]:
    """What a component puts into a spec: ``/spec/http`` is the whole list, ``/spec/http/0`` one route."""
    for patch in component["patches"]:
        target = patch["target"]
        for operation in documents.only(patch["patch"]):
            field, _, index = operation["path"].removeprefix("/spec/").partition("/")
            yield (target["kind"], target["name"]), {field: [operation["value"]] if index else operation["value"]}


def of(key: Key, spec: Object) -> Iterator[str]:
    """The leaves of one object."""
    yield from (f"{_short(key)} {path}" for path, _ in walk(spec))


def values(key: Key, spec: Object) -> dict[str, list[Any]]:
    """The values of each leaf, in their order."""
    found: dict[str, list[Any]] = {}
    for path, value in walk(spec):
        found.setdefault(f"{_short(key)} {path}", []).append(value)
    return found


def _short(key: Key) -> str:
    role = role_of(key)
    if not role:
        return "/".join(key)
    kind = "caller" if role in CALLERS else "leaf"
    return f"{kind}/{_SHORT[(key[0], key[1].removeprefix(role + '-'))]}"


def walk(content: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict) and content:
        for name, value in content.items():
            yield from walk(value, (*path, name))
    elif isinstance(content, list) and content:
        for value in content:
            step = value.get("name", "-") if isinstance(value, dict) else "-"
            yield from walk(value, (*path, step if isinstance(step, str) else "-"))
    else:
        yield ".".join(path), content


def is_covered(leaf: str, patterns: Iterator[str] | list[str]) -> bool:
    return any(fnmatchcase(leaf, pattern) for pattern in patterns)
