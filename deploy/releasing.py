"""The Kustomize component that says which release is applied: image tags, names of Jobs, labels."""

from typing import Any

import yaml

from deploy.release import name, version


def component() -> dict[str, str]:
    """The component's files."""
    release = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "release", "namespace": "shop"},
        "data": {"version": version(), "name": name()},
    }
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "resources": ["release.yaml"],
        "images": [{"name": image, "newTag": version()} for image in ("shop", "servers")],
        "replacements": [_job_names(), _versions()],
    }
    return {"release.yaml": _yaml(release), "kustomization.yaml": _yaml(kustomization)}


def _job_names() -> dict[str, Any]:
    """``<role>-migrate-release`` becomes ``<role>-migrate-0-1-0``."""
    return {
        "source": {"kind": "ConfigMap", "name": "release", "fieldPath": "data.name"},
        "targets": [
            {"select": {"kind": "Job"}, "fieldPaths": ["metadata.name"], "options": {"delimiter": "-", "index": 2}}
        ],
    }


def _versions() -> dict[str, Any]:
    """The release beside the slot (v1, v2), which is not the same thing."""
    label = "metadata.labels.[app.kubernetes.io/version]"
    return {
        "source": {"kind": "ConfigMap", "name": "release", "fieldPath": "data.version"},
        "targets": [
            {"select": {"kind": kind}, "fieldPaths": [f"spec.template.{label}"], "options": {"create": True}}
            for kind in ("Deployment", "Job")
        ],
    }


def _yaml(content: dict[str, Any]) -> str:
    return yaml.safe_dump(content, sort_keys=False)
