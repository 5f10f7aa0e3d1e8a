"""What a row of the table says: a policy, how its effect is observed, and what makes the observation fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.mesh.objects import CALLERS, LEAVES, Objects

if TYPE_CHECKING:
    from tests.mesh.stage import Stage

ALL = (*LEAVES, *CALLERS)
PAIRS_OF_PODS = ("inventory", "shipping")  # leaves with two pods of v1
SINGLE = ("payment", "user", "notification", "product")  # leaves with one pod of v1
WHOLE: tuple[str, ...] = ()  # a policy of the whole namespace: nothing else is tried beside it

Change = Callable[[Objects], object]  # in place


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """A change that removes or weakens the policy; ``seen`` is found in what the observation then says (a pattern).

    ``slow``: only in the full run.
    """

    name: str
    change: Change
    seen: str
    slow: bool = False


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One row. ``proof`` is the name that comments in ``istio/`` use.

    ``roles`` are those that it can be tried on; their files are the same but for the name, so one of a kind is enough
    in the short run, unless it is for ``everywhere``. ``leaves`` are patterns of what it covers (see ``leaves.py``).
    ``lifted`` takes away other layers that would hide this one, for the observation and for its mutations alike.
    ``seconds`` is about what one observation takes. ``alone``: it is about load, so nothing else runs beside it.
    ``slow``: only in the full run.
    """

    proof: str
    says: str
    file: str
    roles: Sequence[str]
    leaves: Sequence[str]
    observation: Callable[["Stage", str], None]
    mutations: Sequence[Mutation]
    lifted: Change | None = None
    seconds: float = 2.0
    everywhere: bool = False
    alone: bool = False
    slow: bool = False


@dataclass(kw_only=True)
class Result:
    """What came of one observation; ``said`` is the failure's message."""

    proof: str
    file: str
    test: str
    mutation: str
    role: str
    passed: bool
    said: str = ""
    seconds: float = 0.0
    wanted: str = field(default="")
