"""The delegate ``<role>-versions`` says which version answers, in one of two shapes: v1 alone, or both with weights."""

from typing import Any

Object = dict[str, Any]


class UnknownShape(Exception):
    """The delegate holds something that this module never writes, so it must not overwrite it."""


def routes(role: str, weight: int) -> list[Object]:
    """Its http routes while v2 has ``weight`` per cent; at 0 there is no v2. Testers choose by W3C baggage."""
    if not weight:
        return [{"name": "stable", "route": [_share(role, "v1", 100)]}]
    split = [_share(role, "v1", 100 - weight), _share(role, "v2", weight)]
    return [_testers(role, "v2"), _testers(role, "v1"), {"name": "stable", "route": split}]


def weight_of(role: str, delegate: Object) -> int:
    """Per cent of v2. Raises UnknownShape."""
    found = delegate["spec"].get("http", [])
    split = found[-1].get("route", []) if found else []
    weight = int(split[1].get("weight", 0)) if len(split) == 2 else 0
    if found != routes(role, weight):
        raise UnknownShape(f"{role}-versions has routes that are no weights, such as a fault's: make fault-clear first")
    return weight


def rewritten(role: str, delegate: Object, weight: int) -> Object:
    """The same object with ``weight`` for v2; its resourceVersion makes a write over another's fail."""
    return delegate | {"spec": delegate["spec"] | {"http": routes(role, weight)}}


def _testers(role: str, version: str) -> Object:
    baggage = {"baggage": {"regex": f"(.*,)?version={version}(,.*)?"}}
    return {
        "name": f"testers-{version}",
        "match": [{"headers": baggage}],
        "route": [{"destination": _destination(role, version)}],
    }


def _share(role: str, version: str, weight: int) -> Object:
    return {"destination": _destination(role, version), "weight": weight}


def _destination(role: str, version: str) -> Object:
    return {"host": f"{role}-service", "subset": version, "port": {"number": 8000}}
