"""The Go modules: every version pinned, every product keyed by what it is built from."""

from dataclasses import replace
from pathlib import Path

import pytest

from deploy.lab import golang
from deploy.lab.golang import MODULES, PRODUCTS, Product


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.name)
def test_everything_that_is_built_is_pinned_with_sums(product: Product) -> None:
    go_mod = (product.folder / "go.mod").read_text()
    assert "// indirect" not in go_mod or (product.folder / "go.sum").stat().st_size
    for package in set(product.packages) - {"."}:
        assert f"\t{package}\n" in go_mod or f"tool {package}\n" in go_mod


def test_the_versions_are_those_the_decision_names() -> None:
    assert golang.pinned("kubernetes", "k8s.io/kubernetes") == "v1.35.4"
    assert golang.pinned("coredns", "github.com/coredns/coredns") == "v1.15.0"
    assert golang.pinned("metrics-server", "sigs.k8s.io/metrics-server") == "v0.8.0"
    assert golang.pinned("kube-router", "github.com/cloudnativelabs/kube-router/v2") == "v2.1.0"
    assert golang.pinned("istio", "istio.io/istio").startswith("v0.0.0-20260827124520-")
    assert golang.pinned("istio", "istio.io/api").startswith("v1.31.")


def test_kubernetes_says_which_version_it_is() -> None:
    (kubernetes,) = [product for product in PRODUCTS if product.name == "kubernetes"]
    assert "-X k8s.io/component-base/version.gitVersion=v1.35.4" in kubernetes.ldflags
    assert kubernetes.ldflags.startswith("-s -w ")


def test_an_unknown_dependency_is_an_error_and_no_version() -> None:
    with pytest.raises(LookupError, match=r"example\.org/none"):
        golang.pinned("kubernetes", "example.org/none")


def test_a_key_changes_with_sources_and_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golang, "MODULES", tmp_path)
    monkeypatch.setattr(golang, "_version", lambda: "go1.26.0")
    module = tmp_path / "pause"
    module.mkdir()
    for name in ("go.mod", "main.go"):
        (module / name).write_bytes((MODULES / "pause" / name).read_bytes())
    product = Product("pause", "pause", (".",))
    first = product.key
    assert first == product.key
    assert replace(product, packages=("./other",)).key != first
    (module / "main.go").write_text("package main")
    assert product.key != first
    monkeypatch.setattr(golang, "_version", lambda: "go1.27.0")
    assert product.key != first
