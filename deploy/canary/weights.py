"""Reading and writing the weight of v2: one write of the delegate, never over somebody else's.

The write is a replace that carries the resourceVersion of what was read: the API server refuses it when anybody has
written meanwhile. Server-side apply would not do: the list of routes is atomic, so it either takes the whole list
from whoever wrote last (``--force-conflicts``), or fails on every list that was not this program's.
"""

import json

from deploy.canary.delegate import Object, UnknownShape, rewritten, weight_of
from deploy.kubectl import Refused, kubectl, read

_MANAGER = "canary"
_TRIES = 5


class Changed(Exception):
    """Somebody else has set another weight; it stays."""


def present(role: str) -> int:
    """Per cent of v2. Raises Refused."""
    return _weight(role, _delegate(role))


def write(role: str, weight: int, *, expected: int | None = None) -> None:
    """Set it. Raises Changed if it is not ``expected`` (None: whatever it is); Refused."""
    for tried in range(1, _TRIES + 1):
        delegate = _delegate(role)
        found = _weight(role, delegate)
        if found == weight and tried > 1:
            return  # the write before was refused in words alone: the API server had made it
        _require(role, found, expected)
        if found == weight:
            return
        try:
            _replace(rewritten(role, delegate, weight))
            return
        except Refused:
            if tried == _TRIES or _version(delegate) == _version(_delegate(role)):
                raise  # nobody wrote meanwhile, so this is no conflict


def require(role: str, expected: int) -> None:
    """Raises Changed if it is not ``expected``; Refused."""
    _require(role, present(role), expected)


def _require(role: str, found: int, expected: int | None) -> None:
    if expected not in {None, found}:
        raise Changed(f"somebody has set {role} v2 from {expected} % to {found} %; it stays so")


def _delegate(role: str) -> Object:
    return read("virtualservice", f"{role}-versions")


def _replace(delegate: Object) -> None:
    kubectl("replace", f"--field-manager={_MANAGER}", "--filename=-", input=json.dumps(delegate))


def _weight(role: str, delegate: Object) -> int:
    try:
        return weight_of(role, delegate)
    except UnknownShape as unknown:
        raise Refused(str(unknown)) from None


def _version(delegate: Object) -> str:
    return str(delegate["metadata"]["resourceVersion"])
