"""A Kustomize overlay with components added that it does not have."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from deploy.release import ROOT


@contextmanager
def combined(overlay: Path, components: Sequence[Path]) -> Iterator[Path]:
    """A folder to render, for the time being: kustomize takes no components as options, and no absolute paths."""
    with tempfile.TemporaryDirectory(dir=ROOT / "deploy", prefix=".combined-") as folder:
        content = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(overlay, folder)],
            "components": [os.path.relpath(each, folder) for each in components],
        }
        (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump(content))
        yield Path(folder)
