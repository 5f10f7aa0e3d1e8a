"""The delegate is always in one of two shapes, and nothing else of it is touched."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import documents
from deploy.canary.delegate import UnknownShape, rewritten, routes, weight_of
from deploy.release import ROOT
from shop.roles import ROLES

WEIGHTS = st.integers(0, 100)
ROLE = st.sampled_from(sorted(ROLES))


def _delegate(role: str) -> dict[str, Any]:
    """As istio/ has it."""
    found = documents.of((ROOT / f"istio/services/{role}/virtualservice.yaml").read_text())
    return next(dict(each) for each in found if each["metadata"]["name"] == f"{role}-versions")


@pytest.mark.parametrize("role", ROLES)
def test_without_a_candidate_it_is_what_istio_has(role: str) -> None:
    assert routes(role, 0) == _delegate(role)["spec"]["http"]


def test_at_ten_it_is_what_the_component_has() -> None:
    component = documents.only((ROOT / "istio/components/canary-product/kustomization.yaml").read_text())
    (change,) = documents.only(component["patches"][0]["patch"])
    assert routes("product", 10) == change["value"]


@given(ROLE, WEIGHTS)
def test_weights_sum_to_a_hundred_and_v1_and_testers_can_always_be_reached(role: str, weight: int) -> None:
    found = routes(role, weight)
    assert found[-1]["name"] == "stable"
    assert sum(share["weight"] for share in found[-1]["route"]) == 100
    assert [route["name"] for route in found[:-1]] == (["testers-v2", "testers-v1"] if weight else [])
    subsets = {share["destination"]["subset"]: share["weight"] for share in found[-1]["route"]}
    assert subsets == ({"v1": 100 - weight, "v2": weight} if weight else {"v1": 100})


@given(ROLE, WEIGHTS, WEIGHTS)
def test_a_rewrite_has_the_weight_and_leaves_everything_else(role: str, before: int, after: int) -> None:
    delegate = {
        "metadata": {"name": f"{role}-versions", "resourceVersion": "7", "labels": {"a": "b"}},
        "spec": {"exportTo": ["."], "http": routes(role, before)},
    }
    kept = deepcopy(delegate)
    made = rewritten(role, delegate, after)
    assert delegate == kept
    assert weight_of(role, made) == after
    assert made["metadata"] == kept["metadata"]
    assert made["spec"]["exportTo"] == ["."]


@pytest.mark.parametrize("field", ["fault", "mirror", "timeout"])
def test_what_somebody_else_wrote_is_not_overwritten(field: str) -> None:
    delegate = {"spec": {"http": routes("product", 10)}}
    delegate["spec"]["http"][-1][field] = {}
    with pytest.raises(UnknownShape, match="product-versions"):
        weight_of("product", delegate)


@pytest.mark.parametrize("http", [[], [{"name": "stable"}], [{"name": "other", "route": []}]])
def test_an_empty_delegate_is_no_shape(http: list[Any]) -> None:
    with pytest.raises(UnknownShape):
        weight_of("product", {"spec": {"http": http}})
