"""``make check-deploy``: everything that can be said of image and manifests without a cluster, each with its time."""

import functools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy import documents
from deploy.kustomize import combined
from deploy.lab import cache, golang
from deploy.lab.lab import LabError
from deploy.uv import uv
from tools import manifest_references

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "deploy/tools"
KUBERNETES = ROOT / "deploy/kubernetes"
_CHECKOV = "checkov==3.3.30"
_PYTHON = "3.11"

# What is rendered: an overlay, with the components added that it does not have, each alone and all together.
OVERLAYS = {
    "kubernetes/overlays/local": [],
    "kubernetes/overlays/suite": [],
    "kubernetes/overlays/aks": ["short-limits"],
    "istio/lab": [],
    "istio/aks": [],
}

# What comes to one cluster together, and so is analysed together.
TOGETHER = (
    ("kubernetes/overlays/local", "istio/lab"),
    ("kubernetes/overlays/suite", "istio/lab"),
    ("kubernetes/overlays/aks", "istio/aks"),
)

# Each of these is answered by something else, or would be wrong here.
SKIPPED = {
    "CKV_K8S_11": "no CPU limit: it throttles a pod that is within its request's share; requests and HPA rule",
    "CKV_K8S_14": "no tag: the release component sets it, and no tag is `latest`",
    "CKV_K8S_15": "pull always: a tag is pushed once, and the lab has no registry",
    "CKV_K8S_21": "the default namespace: release and namespaces are set by the overlay",
    "CKV_K8S_35": "secrets as environment: the shop reads its addresses there, and logs none of them",
    "CKV_K8S_40": "user ids from 10000 on: it is 10001",
    "CKV_K8S_43": "images by digest: ACR's tags are locked after the push",
    "CKV_K8S_8": "liveness of a Job: it ends",
    "CKV_K8S_9": "readiness of a Job: it has no traffic",
    "CKV2_K8S_6": "a NetworkPolicy of its own for each pod: the default one denies all",
}


class Failed(Exception):
    """What is wrong, in as many lines as it takes."""


class NoKustomize(Failed):
    """Nothing can be rendered here."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """One overlay with some components: its name and what it comes to."""

    name: str
    text: str

    @property
    def resources(self) -> list[dict[str, Any]]:
        return [resource for resource in documents.of(self.text) if resource]


def kustomize() -> list[str]:
    """The pinned tool of deploy/tools. Raises NoKustomize."""
    try:
        return [golang.compiler(), "-C", str(TOOLS), "tool", "kustomize", "build"]
    except LabError as without_go:
        raise NoKustomize(str(without_go)) from None


@functools.cache
def renderings() -> tuple[Rendering, ...]:
    """Every combination. Raises Failed."""
    return tuple(
        _render(overlay, chosen)
        for overlay, components in OVERLAYS.items()
        for chosen in ([], *([one] for one in components), *([components] if len(components) > 1 else []))
    )


def _render(overlay: str, components: list[str]) -> Rendering:
    name = " + ".join([overlay, *components])
    folder = ROOT / "deploy" / overlay
    if not components:
        return Rendering(name, _built(name, folder))
    with combined(folder, [KUBERNETES / "components" / one for one in components]) as temporary:
        return Rendering(name, _built(name, temporary))


def _built(name: str, folder: Path) -> str:
    done = subprocess.run([*kustomize(), str(folder)], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{name}: {done.stderr.strip()}")
    return done.stdout


def _rendered() -> str:
    return ", ".join(f"{one.name} ({len(one.resources)})" for one in renderings())


def _fresh() -> str:
    return _run([sys.executable, "-m", "deploy.generate"])


def _references() -> str:
    wanting = [f"{one.name}: {line}" for one in renderings() for line in manifest_references.missing(one.resources)]
    if wanting:
        raise Failed("\n".join(wanting))
    return f"{sum(manifest_references.count(one.resources) for one in renderings())} names exist"


def _analysed() -> str:
    """What Istio's own analyzers say, offline. They look at one namespace unless told otherwise."""
    found = istioctl()
    if found is None:
        return "SKIPPED: no istioctl on PATH, nor in the lab's cache (make cluster builds it)"
    texts = {one.name: one.text for one in renderings()}
    with tempfile.TemporaryDirectory() as folder:
        for names in TOGETHER:
            files = [Path(folder) / f"{name.replace('/', '-')}.yaml" for name in names]
            for name, file in zip(names, files, strict=True):
                file.write_text(texts[name])
            _run([str(found), *_ANALYZE, *map(str, files)])
    return ", ".join(" with ".join(names) for names in TOGETHER)


_ANALYZE = ("analyze", "--use-kube=false", "--all-namespaces", "--failure-threshold=Info")


def istioctl() -> Path | None:
    """That of the machine, else the one that the lab has built."""
    if on_path := shutil.which("istioctl"):
        return Path(on_path)
    product = next(one for one in golang.PRODUCTS if one.name == "istio")
    try:
        kept = cache.is_kept(product.name, product.key)
    except LabError:  # no Go, so no lab
        return None
    return cache.folder() / f"{product.name}-{product.key}" / "istioctl" if kept else None


def _policies() -> str:
    """checkov on what is rendered, not on its parts."""
    with tempfile.TemporaryDirectory() as folder:
        for number, one in enumerate(renderings()):
            (Path(folder) / f"{number}.yaml").write_text(one.text)
        command = [
            *(uv(), "tool", "run", "--quiet", "--python", _PYTHON, "--from", _CHECKOV, "checkov"),
            *("--directory", folder, "--framework", "kubernetes", "--skip-check", ",".join(SKIPPED)),
            *("--compact", "--quiet", "--output", "json"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return _verdict(done)


def _verdict(done: "subprocess.CompletedProcess[str]") -> str:
    try:
        found = json.loads(done.stdout)
    except ValueError:
        raise Failed((done.stderr or done.stdout)[-2000:]) from None
    failed = found.get("results", {}).get("failed_checks", [])
    if failed:
        raise Failed("\n".join(sorted({f"{one['check_id']} {one['check_name']}: {one['resource']}" for one in failed})))
    return f"{found['summary']['passed']} passed, {len(SKIPPED)} kinds skipped"


def _run(command: list[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed((done.stdout + done.stderr).strip())
    return ""


def _tests() -> str:
    return _run([sys.executable, "-m", "pytest", "-q", "tests/deploy"])


def _steps() -> Iterator[tuple[str, Callable[[], str]]]:
    yield "generated", _fresh
    yield "kustomize", _rendered
    yield "references", _references
    yield "istioctl", _analysed
    yield "checkov", _policies
    yield "tests", _tests


def main() -> int:
    """Exit status 0 when every step passes; all of them run."""
    failed = []
    for name, step in _steps():
        began, said = time.monotonic(), ""
        try:
            said = step()
        except Failed as failure:
            failed.append(name)
            said = f"\n{failure}"
        outcome = "FAILED" if name in failed else "ok    "
        print(f"{outcome} {name:12} {time.monotonic() - began:5.1f} s  {said}", flush=True)
    print(f"{len(failed)} of the checks failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
