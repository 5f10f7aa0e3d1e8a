"""What can build an image here: Docker, Podman, or buildah without a daemon and without containers of its own."""

import gzip
import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.image.cache import CACHE, ROOT
from deploy.release import version

TARGETS = ("shop", "servers")
_REACH_S = 90  # a registry that takes longer to give its smallest image is not there
_CERTIFICATES = Path("/etc/ssl/certs")
_PROBE = "gcr.io/distroless/python3-debian12"  # the Dockerfile's own base


class Failed(Exception):
    """The image cannot be built or sent; the message is one line."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of an image: its compressed size, and the line of the Dockerfile that made it."""

    bytes: int
    made_by: str


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A command line that builds Dockerfiles. ``needs_base``: no registry of images is within its reach."""

    name: str
    needs_base: bool

    @property
    def _command(self) -> list[str]:
        if self.name != "buildah":
            return [self.name]
        return ["buildah", "--root", str(CACHE / "storage"), "--runroot", str(CACHE / "run")]

    def build(self, target: str, *, build_args: Mapping[str, str]) -> None:
        """Build one target of the Dockerfile as ``<target>:<version>``. Raises Failed."""
        given = [word for key, value in build_args.items() for word in ("--build-arg", f"{key}={value}")]
        own = {
            "buildah": ["bud", "--isolation", "chroot", "--layers", "--format", "oci", *_trusted()],
            "podman": ["build", "--layers"],
            "docker": ["build"],
        }[self.name]
        self.run([*own, *given, "--target", target, "--tag", _tag(target), str(ROOT)])

    def export(self, target: str, archive: Path) -> Path:
        """Write the image as an archive that containerd, Docker and kind load. Raises Failed."""
        archive.parent.mkdir(parents=True, exist_ok=True)
        archive.unlink(missing_ok=True)
        if self.name == "docker":
            self.run(["save", "--output", str(archive), _tag(target)])
        else:
            self.run(["push", "--quiet", _local(target), f"oci-archive:{archive}:{_tag(target)}"])
        return archive

    def push(self, target: str, address: str) -> str:
        """Send the image to a registry; returns its address there. Raises Failed."""
        self.run(["tag", _local(target), address])
        self.run(["push", address])
        return address

    def make(self, name: str, root: Path, *, extra: Mapping[Path, str]) -> None:
        """Make the image ``name`` from a root file system (tar) and single files. Raises Failed."""
        container = self.run(["from", "scratch"]).strip()
        self.run(["add", "--quiet", container, str(root), "/"])
        for source, place in extra.items():
            self.run(["copy", "--quiet", container, str(source), place])
        self.run(["commit", "--quiet", "--rm", "--format", "oci", container, name])

    def has(self, name: str) -> bool:
        """Whether the image ``name`` is here already."""
        return subprocess.run([*self._command, "inspect", name], capture_output=True, check=False).returncode == 0

    def run(self, arguments: Sequence[str]) -> str:
        """Its output. Raises Failed with the last line of what it says."""
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()[-12:]
            raise Failed(f"{self.name} {arguments[0]} failed: " + "\n".join(said))
        return done.stdout


def choose(environ: Mapping[str, str]) -> Engine:
    """The engine asked for, else the first that works. Raises Failed, naming what to install."""
    asked = environ.get("ENGINE")
    for name in [asked] if asked else ["docker", "podman", "buildah"]:
        if shutil.which(name) and (name == "buildah" or asked or _reaches_a_registry(name)):
            return Engine(name=name, needs_base=name == "buildah")
    raise Failed(f"{asked or 'nothing that builds images'} was not found: apt-get install buildah mmdebstrap")


def _reaches_a_registry(name: str) -> bool:
    """Whether it runs, and can fetch what the Dockerfile builds on."""
    try:
        done = subprocess.run([name, "pull", "--quiet", _PROBE], capture_output=True, timeout=_REACH_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def digest(archive: Path) -> str:
    """What names the image in an archive, OCI's or Docker's: the same for the same layers and settings."""
    with tarfile.open(archive) as file:
        if "index.json" in file.getnames():
            return str(_json(file, "index.json")["manifests"][0]["digest"])
        return str(_json(file, "manifest.json")[0]["Config"])


def layers(archive: Path) -> list[Layer]:
    """The layers of an archive with one image, OCI's or Docker's, the lowest first."""
    with tarfile.open(archive) as file:
        names = set(file.getnames())
        if "index.json" not in names or "manifest.json" in names:
            return _docker_layers(file)
        manifest = _blob(file, _json(file, "index.json")["manifests"][0]["digest"])
        history = _blob(file, manifest["config"]["digest"])["history"]
        made_by = [_line(step) for step in history if not step.get("empty_layer")]
        sizes = [int(layer["size"]) for layer in manifest["layers"]]
        return [Layer(size, text) for size, text in zip(sizes, made_by, strict=True)]


def _docker_layers(file: tarfile.TarFile) -> list[Layer]:
    manifest = _json(file, "manifest.json")[0]
    history = _json(file, manifest["Config"])["history"]
    made_by = [_line(step) for step in history if not step.get("empty_layer")]
    sizes = [len(gzip.compress(_read(file, name), 6)) for name in manifest["Layers"]]
    return [Layer(size, text) for size, text in zip(sizes, made_by, strict=True)]


def _blob(file: tarfile.TarFile, digest: str) -> Any:
    return _json(file, f"blobs/{digest.replace(':', '/')}")


def _json(file: tarfile.TarFile, name: str) -> Any:
    return json.loads(_read(file, name))


def _read(file: tarfile.TarFile, name: str) -> bytes:
    member = file.extractfile(name)
    if member is None:
        raise Failed(f"{name} is missing from the archive")
    return member.read()


def _line(step: Mapping[str, Any]) -> str:
    return str(step.get("created_by", "")).removeprefix("/bin/sh -c #(nop) ")[:90] or "base"


def _trusted() -> list[str]:
    """The machine's certificates, for building alone: a package index may be behind a company's own."""
    return [
        "--volume",
        f"{_CERTIFICATES}:{_CERTIFICATES}:ro",
        "--build-arg",
        f"SSL_CERT_FILE={_CERTIFICATES}/ca-certificates.crt",
    ]


def _tag(target: str) -> str:
    return f"{target}:{version()}"


def _local(target: str) -> str:
    return f"localhost/{_tag(target)}"
