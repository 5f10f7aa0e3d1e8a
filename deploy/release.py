"""Which release this is: the version of pyproject.toml, which names images, Jobs and labels."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def version() -> str:
    """As an image's tag: 0.1.0."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def name() -> str:
    """As part of a Kubernetes name: 0-1-0."""
    return version().replace(".", "-").replace("+", "-").lower()
