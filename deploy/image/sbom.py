"""What is in the image, as CycloneDX: Python's packages from uv.lock, Debian's from the base root file system."""

import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.image.base import ROOT_FILES
from deploy.image.cache import ROOT
from deploy.image.engines import Failed
from deploy.release import version
from deploy.uv import uv

_TOOL = "cyclonedx-bom==7.5.0"
_STATUS = "./var/lib/dpkg/status"


def write(path: Path) -> int:
    """Write the list; returns how many components it has. Raises Failed."""
    bom = _python()
    bom["metadata"]["component"] = {"type": "container", "name": "shop", "version": version(), "bom-ref": "shop"}
    bom["components"] += _debian()
    path.write_text(json.dumps(bom, indent=1) + "\n")
    return len(bom["components"])


def _python() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        _run(uv(), "export", "--locked", "--no-default-groups", "--extra=azure", "--no-emit-project", "--quiet",
             f"--output-file={requirements}")  # fmt: skip
        listed = _run(uv(), "tool", "run", "--quiet", "--from", _TOOL, "cyclonedx-py", "requirements",
                      str(requirements), "--output-format=JSON", "--spec-version=1.6")  # fmt: skip
    bom: dict[str, Any] = json.loads(listed)
    return bom


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def _debian() -> Iterator[dict[str, str]]:
    """Of the base made here; an image of somebody else's has a list of its own."""
    if not ROOT_FILES.exists():
        return
    with tarfile.open(ROOT_FILES) as file:
        status = file.extractfile(_STATUS)
        text = status.read().decode() if status else ""
    for paragraph in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        name, release = fields["Package"], fields["Version"]
        yield {
            "type": "library",
            "name": name,
            "version": release,
            "bom-ref": f"deb/{name}",
            "purl": f"pkg:deb/debian/{name}@{release}?arch={fields['Architecture']}&distro=debian-12",
        }
