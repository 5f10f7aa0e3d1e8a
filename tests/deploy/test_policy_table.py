"""The table and ``istio/`` agree: every name, every leaf, every mutation. Needs no cluster."""

import pytest

from deploy import documents
from deploy.lab.lab import ROOT
from shop.roles import ROLES
from tests.mesh import leaves, tokens
from tests.mesh.objects import CALLERS, LEAVES, SHOP, Object, Objects, moved, role_of
from tests.mesh.policy import Policy
from tests.mesh.table import ELSEWHERE, POLICIES, Elsewhere

PATTERNS = [pattern for row in (*POLICIES, *ELSEWHERE) for pattern in row.leaves]


def test_every_name_of_a_proof_is_a_row() -> None:
    rows = {row.proof for row in (*POLICIES, *ELSEWHERE)}
    assert {name: files for name, files in leaves.proofs().items() if name not in rows} == {}


def test_every_row_is_named_in_istio() -> None:
    named = leaves.proofs()
    assert [row.proof for row in (*POLICIES, *ELSEWHERE) if row.proof not in named] == []


def test_no_row_is_there_twice() -> None:
    names = [row.proof for row in (*POLICIES, *ELSEWHERE)]
    assert sorted(names) == sorted(set(names))


def test_every_policy_leaf_has_a_row() -> None:
    """A value of a file in ``istio/`` is covered by a row, or listed as structure with a reason."""
    known = [*PATTERNS, *leaves.STRUCTURE]
    missing = {leaf: file for leaf, file in leaves.all_leaves().items() if not leaves.is_covered(leaf, known)}
    assert missing == {}


def test_every_pattern_is_of_some_leaf() -> None:
    every = list(leaves.all_leaves())
    unused = [
        pattern
        for pattern in (*PATTERNS, *leaves.STRUCTURE)
        if not any(leaves.is_covered(leaf, [pattern]) for leaf in every)
    ]
    assert unused == []


def _all_objects() -> dict[tuple[str, str], Object]:
    """The files as they are, the candidate of product applied to its delegate: what the lab's overlay comes to."""
    found = {}
    for path in leaves.files():
        for content in documents.of(path.read_text()):
            if content["kind"] not in {"Kustomization", "Component"}:
                content["metadata"]["namespace"] = SHOP
                found[(content["kind"], content["metadata"]["name"])] = content
    for path in (leaves.ISTIO / "components").rglob("kustomization.yaml"):
        for patch in documents.only(path.read_text()).get("patches", []):
            target = found[(patch["target"]["kind"], patch["target"]["name"])]
            for operation in documents.only(patch["patch"]):
                target["spec"][operation["path"].removeprefix("/spec/")] = operation["value"]
    return moved(found.values()) | tokens.checked()


OBJECTS = _all_objects()


@pytest.mark.parametrize("row", POLICIES, ids=lambda row: row.proof)
def test_mutations_change_what_their_row_covers(row: Policy) -> None:
    """Each pattern of the row is of a leaf that one of its mutations changes, on one of its roles."""
    touched = {leaf for role in _one_of_a_kind(row) for leaf in _touched(row, role)}
    wanted = [each for pattern in row.leaves for each in _of_each_kind(pattern)]
    untouched = [pattern for pattern in wanted if not any(leaves.is_covered(leaf, [pattern]) for leaf in touched)]
    assert untouched == []


def _of_each_kind(pattern: str) -> list[str]:
    """``*/rule …`` of leaves and of callers apart, unless they say the same: then what is true of one is of both."""
    if not pattern.startswith("*/"):
        return [pattern]
    apart = [f"{kind}{pattern[1:]}" for kind in ("leaf", "caller")]
    leaf, caller = (_values_of(each) for each in apart)
    return [pattern] if leaf == caller else [each for each, said in zip(apart, (leaf, caller), strict=True) if said]


def _values_of(pattern: str) -> dict[str, set[str]]:
    """What roles of a kind say, by the leaf without its kind; their own names left out."""
    found: dict[str, set[str]] = {}
    for key, content in OBJECTS.items():
        for leaf, values in leaves.values(key, content["spec"]).items():
            if leaves.is_covered(leaf, [pattern]):
                text = str(values).replace(str(role_of(key)), "ROLE")
                found.setdefault(leaf.partition("/")[2], set()).add(text)
    return found


def _one_of_a_kind(row: Policy) -> list[str]:
    firsts = (next((role for role in row.roles if role in kind), None) for kind in (LEAVES, CALLERS))
    return [role for role in firsts if role] or [""]


def _touched(row: Policy, role: str) -> set[str]:
    found = set()
    for mutation in row.mutations:
        objects = Objects(OBJECTS, role)
        if row.lifted:
            row.lifted(objects)
        before = Objects(objects.content, role)
        mutation.change(objects)
        found |= _different(before, objects)
    return found


def _different(before: Objects, after: Objects) -> set[str]:
    found = set()
    for key, content in before.content.items():
        old = leaves.values(key, content["spec"])
        new = leaves.values(key, after.content[key]["spec"]) if key in after.content else {}
        found |= {leaf for leaf in {*old, *new} if old.get(leaf) != new.get(leaf)}
        found |= {leaf.split()[0] + " " for leaf in old if key not in after.content}
    return found


@pytest.mark.parametrize("row", POLICIES, ids=lambda row: row.proof)
def test_a_mutation_stays_with_its_role(row: Policy) -> None:
    """Or it would disturb what is observed beside it."""
    for role in filter(None, _one_of_a_kind(row)):
        for change in [row.lifted, *(mutation.change for mutation in row.mutations)]:
            objects = Objects(OBJECTS, role)
            if change:
                change(objects)
            strangers = {key for key in OBJECTS if objects.content.get(key) != OBJECTS[key] and role_of(key) != role}
            assert strangers == set(), f"{row.proof} on {role}"


def test_limits_of_every_role_are_the_same() -> None:
    """Leaves and callers: what is shown of the limits of a leaf is true of a caller."""
    rules = [content["spec"]["trafficPolicy"] for (kind, _), content in OBJECTS.items() if kind == "DestinationRule"]
    assert [each["connectionPool"] for each in rules if each["connectionPool"] != rules[0]["connectionPool"]] == []


def test_every_role_is_of_one_kind() -> None:
    """A role that calls others at the customer's request has other routes: cart and order."""
    assert sorted((*LEAVES, *CALLERS)) == sorted(ROLES)


@pytest.mark.parametrize("row", ELSEWHERE, ids=lambda row: row.proof)
def test_a_test_that_is_elsewhere_is_there(row: Elsewhere) -> None:
    path, name = row.test.split("::")
    assert f"def {name}(" in (ROOT / path).read_text()


@pytest.mark.parametrize("row", POLICIES, ids=lambda row: row.proof)
def test_every_row_has_mutations_with_names_of_their_own(row: Policy) -> None:
    names = [mutation.name for mutation in row.mutations]
    assert names
    assert len(names) == len(set(names))
