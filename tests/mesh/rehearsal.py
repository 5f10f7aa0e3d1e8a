"""Runs rows of the table: each observation on the stage as it is, then with each mutation, in threads by role.

One role has one row at a time, and a change touches objects of its role alone, so rows of different roles do not
interact. Rows of the whole namespace, and those about load, run afterwards, alone.
"""

import re
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from deploy.lab.lab import LabError
from tests.mesh.objects import CALLERS, LEAVES, Objects
from tests.mesh.policy import Mutation, Policy, Result
from tests.mesh.stage import Stage

NOTHING = "none"
NO_CHANGE = "an annotation"
_THE_WHOLE = ""  # in place of a role
_TRIES, _QUICK_S = 3, 5.0


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One row on one role; ``is_first``: of the roles that the row is tried on."""

    row: Policy
    role: str
    mutations: tuple[Mutation, ...]
    is_first: bool

    @property
    def seconds(self) -> float:
        return (self.row.seconds + 3) * (1 + len(self.mutations))


def turns(chosen: Iterable[tuple[Policy, tuple[Mutation, ...]]], *, every_role: bool) -> Iterator[Turn]:
    """Each row on one leaf and one caller of its roles, whoever has least to do; the longest and pickiest first."""
    load: dict[str, float] = defaultdict(float)
    for row, mutations in sorted(chosen, key=lambda each: (len(each[0].roles), -each[0].seconds)):
        roles = (row.roles or [_THE_WHOLE]) if every_role or row.everywhere else _one_of_a_kind(row, load)
        for number, role in enumerate(roles):
            mutated = every_role or not (row.everywhere and number)
            turn = Turn(row=row, role=role, mutations=mutations if mutated else (), is_first=not number)
            load[role] += turn.seconds
            yield turn


def _one_of_a_kind(row: Policy, load: Mapping[str, float]) -> Iterator[str]:
    if not row.roles:
        yield _THE_WHOLE
    for kind in (LEAVES, CALLERS):
        mine = [role for role in row.roles if role in kind]
        if mine:
            yield min(mine, key=lambda role: load[role])


def run(turns: Iterable[Turn], perform: Callable[[Turn], Iterator[Result]], heard: Callable[[Result], None]) -> None:
    """A thread for each role, which has one row at a time; then what bears nothing beside it."""
    queues: dict[str, list[Turn]] = defaultdict(list)
    alone: list[Turn] = []
    for turn in turns:
        (alone if turn.row.alone or not turn.role else queues[turn.role]).append(turn)

    def one_by_one(queue: list[Turn]) -> None:
        for turn in queue:
            for result in perform(turn):
                heard(result)

    with ThreadPoolExecutor(max(1, len(queues))) as pool:
        list(pool.map(one_by_one, queues.values()))
    one_by_one(alone)


def performed(stage: Stage, turn: Turn) -> Iterator[Result]:
    """The observation on the stage as it is, then with each mutation."""
    yield _applied(stage, turn, None, partial(observed, stage, turn))
    for mutation in turn.mutations:
        yield _applied(stage, turn, mutation, partial(_seen, stage, turn, mutation))


def _applied(stage: Stage, turn: Turn, mutation: Mutation | None, observe: Callable[[], Result]) -> Result:
    """What is observed with the mutation; where it does not spread in time, that is what came of it."""
    try:
        with stage.changed(turn.role or None, turn.row.lifted, mutation and mutation.change):
            return observe()
    except (Exception, LabError) as exc:
        return _result(turn, mutation, passed=False, said=f"could not be applied: {exc!r}", seconds=0)


def _seen(stage: Stage, turn: Turn, mutation: Mutation) -> Result:
    """What came of the observation; a quick one is tried again: a change may take its time, seldom two seconds.

    What is seen only then has to be seen twice: by chance an observation fails once.
    """
    result = observed(stage, turn, mutation)
    if result.passed or turn.row.seconds > _QUICK_S:
        return result
    for _ in range(_TRIES - 1):
        stage.spread(turn.role or None)
        if observed(stage, turn, mutation).passed:
            return observed(stage, turn, mutation)
    return result


def again(stage: Stage, turn: Turn) -> Iterator[Result]:
    """The observation on the stage as it is, once more; layers that hide the policy are lifted from what is there."""
    result = _applied(stage, turn, None, partial(observed, stage, turn))
    result.mutation = NO_CHANGE
    yield result


def observed(stage: Stage, turn: Turn, mutation: Mutation | None = None) -> Result:
    """A mutation is seen if the observation fails, and says what the mutation should make it say."""
    began = time.monotonic()
    failure, error = "", ""
    try:
        turn.row.observation(stage, turn.role or "order")
    except AssertionError as exc:
        failure = str(exc) or "AssertionError"
    except (Exception, LabError):
        error = traceback.format_exc(limit=-4)
    seconds = time.monotonic() - began
    if mutation:
        passed = not error and bool(failure) and bool(re.search(mutation.seen, failure, re.DOTALL))
        return _result(turn, mutation, passed=passed, said=error or failure or "not seen", seconds=seconds)
    return _result(turn, None, passed=not (error or failure), said=error or failure, seconds=seconds)


def _result(turn: Turn, mutation: Mutation | None, *, passed: bool, said: str, seconds: float) -> Result:
    return Result(
        proof=turn.row.proof,
        file=turn.row.file.format(role=turn.role),
        test=f"{turn.row.observation.__module__.rpartition('.')[2]}.{turn.row.observation.__name__}",
        mutation=mutation.name if mutation else NOTHING,
        role=turn.role or "all",
        passed=passed,
        said=said,
        seconds=seconds,
        wanted=mutation.seen if mutation else "",
    )


def annotated(objects: Objects) -> None:
    """A change that changes nothing."""
    for content in objects.content.values():
        content["metadata"].setdefault("annotations", {})["stage/mutation"] = "none"


def report(results: Iterable[Result]) -> str:
    """The table: policy, file, test, mutation, what came of it."""
    lines = ["| policy | file | test | mutation | on | result | s |", "|---|---|---|---|---|---|---|"]
    for each in sorted(results, key=lambda one: (one.file, one.proof, one.mutation)):
        lines.append(
            f"| {each.proof} | {each.file} | {each.test} | {each.mutation} | {each.role} | {_outcome(each)} | "
            f"{each.seconds:.1f} |"
        )
    return "\n".join(lines)


def line(result: Result) -> str:
    """One result, as it comes."""
    outcome = "ok    " if result.passed else "FAILED"
    return f"{outcome} {result.seconds:5.1f} s  {result.proof} on {result.role}: {result.mutation}"


def _outcome(result: Result) -> str:
    said = " ".join(result.said.split()).replace("|", "\\|")
    if result.mutation in {NOTHING, NO_CHANGE}:
        return "holds" if result.passed else f"**FAILS**: {said[:300]}"
    return f"seen: {said[:110]}" if result.passed else f"**NOT SEEN** (wanted {result.wanted!r}): {said[:400]}"
