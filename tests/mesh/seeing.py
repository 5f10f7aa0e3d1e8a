"""Small words of which observations are made."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.mesh.objects import Object
from tests.mesh.stage import Answer, Pod, Stage, request

KEY = {"idempotency-key": "k-1"}


def equal(what: str, got: Any, wanted: Any) -> None:
    """Raises AssertionError with both."""
    assert got == wanted, f"{what}: {got!r}, wanted {wanted!r}"


def between(what: str, got: float, low: float, high: float) -> None:
    """Raises AssertionError with all three."""
    assert low <= got <= high, f"{what}: {got:.2f}, wanted {low:.2f} to {high:.2f}"


def at_once(*asks: Callable[[], Any]) -> list[Any]:
    """The answers, in the order of the questions."""
    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(lambda ask: ask(), asks))


class Asker:
    """One way to a role: what it is called, and how to send along it."""

    def __init__(self, name: str, send: Callable[[Object], Answer]) -> None:
        self.name = name
        self.send = send


def ways(stage: Stage, role: str, method: str = "GET", headers: dict[str, str] | None = None) -> Iterator[Asker]:
    """From outside and from a sidecar, with the same method and headers."""
    probe = stage.probes()[0]
    yield Asker(
        f"{method} outside",
        lambda script: stage.ask(f"/{role}/x", method=method, headers=headers, script=script),
    )
    yield Asker(
        f"{method} in the mesh",
        lambda script: sent(stage, probe, role, f"/{role}/x", method, headers=headers, script=script),
    )


def sent(stage: Stage, pod: Pod, role: str, path: str, method: str = "GET", **more: Any) -> Answer:
    """One request of a toy."""
    return stage.send(pod, request(role, path, method, **more), timeout_s=100)[0]


def calls_for(stage: Stage, role: str, asker: Asker, script: Object) -> tuple[Answer, int]:
    """The answer to one request with that script, and how many calls of it the application saw."""
    tag = stage.new_tag()
    answer = asker.send({"tag": tag, **script})
    return answer, len(stage.calls(f"{role}-service", tag))
