"""What is made from live objects: v2's Deployment of v1's, a release's migrations, and v1 once v2 is promoted.

A promotion notes on the objects what was there before it, and takes the note away when it has ended: whoever comes
after one that was killed can go on, or back.
"""

import re
from copy import deepcopy
from typing import Any

from deploy.canary.pods import V2

Object = dict[str, Any]
RELEASE = "app.kubernetes.io/version"
IMAGE_BEFORE = "canary/image-before"  # of v1 and the worker
MINIMUM_BEFORE = "canary/minimum-before"  # of v1's autoscaler
_CONTROLLERS = ("controller-uid", "job-name", "batch.kubernetes.io/")
_LABEL_MAX = 63


def image_of(workload: Object) -> str:
    """That of the container ``app``."""
    containers = workload["spec"]["template"]["spec"]["containers"]
    return next(str(each["image"]) for each in containers if each["name"] == "app")


def release_of(image: str) -> str:
    """As a label: the tag, or the digest where there is no tag."""
    name = image.rpartition("/")[2]
    tag = name.partition("@")[2] or name.partition(":")[2] or "latest"
    found = re.sub(r"[^A-Za-z0-9._-]", "-", tag)
    return found[:_LABEL_MAX].strip("._-")


def candidate(v1: Object, image: str) -> Object:
    """v2's Deployment, for server-side apply: v1's with the other label and image, and one pod to begin with."""
    made = _bare(v1)
    made["metadata"]["name"] = v1["metadata"]["name"].removesuffix("v1") + V2
    for labels in (made["metadata"]["labels"], made["spec"]["selector"]["matchLabels"]):
        labels["version"] = V2
    made["spec"]["template"] = _with_image(made["spec"]["template"], image)
    made["spec"]["template"]["metadata"]["labels"]["version"] = V2
    made["spec"]["replicas"] = 1
    return made


def migration(job: Object, image: str, name: str) -> Object:
    """A Job that does for ``image`` what ``job`` did for its own; the database is there, so it is not repeated."""
    made = _bare(job)
    made["metadata"]["name"] = name
    made["spec"] = {"backoffLimit": 0, "template": _with_image(made["spec"]["template"], image)}
    labels = made["spec"]["template"]["metadata"]["labels"]
    for label in [label for label in labels if label.startswith(_CONTROLLERS)]:
        del labels[label]
    return made


def promoted(workload: Object, image: str) -> Object:
    """A strategic merge patch that brings ``image`` to a live workload, which may have it already, even by this."""
    return _released(workload, image) | _noted(IMAGE_BEFORE, before(workload, image) or image_of(workload))


def before(workload: Object, image: str) -> str:
    """What ran before ``image``, if that runs by a promotion which has not ended; else empty."""
    return _note(workload, IMAGE_BEFORE) if image_of(workload) == image else ""


def put_back(workload: Object, image: str) -> Object:
    """A strategic merge patch that brings the image before a promotion."""
    return _released(workload, image) | _noted(IMAGE_BEFORE, None)


def raised(autoscaler: Object, pods: int) -> Object:
    """A merge patch: never fewer than ``pods``, until it is ``lowered``."""
    minimum = _minimum(autoscaler)
    return {"spec": {"minReplicas": max(minimum, pods)}} | _noted(MINIMUM_BEFORE, str(minimum))


def lowered(autoscaler: Object) -> Object:
    """A merge patch that brings its own minimum, though it may have been ``raised`` more than once."""
    return {"spec": {"minReplicas": _minimum(autoscaler)}} | _noted(MINIMUM_BEFORE, None)


def _minimum(autoscaler: Object) -> int:
    return int(_note(autoscaler, MINIMUM_BEFORE) or autoscaler["spec"]["minReplicas"])


def _note(live: Object, name: str) -> str:
    return str(live["metadata"].get("annotations", {}).get(name, ""))


def _noted(name: str, value: str | None) -> Object:
    return {"metadata": {"annotations": {name: value}}}


def _released(workload: Object, image: str) -> Object:
    spec = workload["spec"]["template"]["spec"]
    old = image_of(workload)
    containers = {
        kind: [{"name": each["name"], "image": image} for each in spec.get(kind, ()) if each["image"] == old]
        for kind in ("initContainers", "containers")
    }
    return {"spec": {"template": {"metadata": {"labels": {RELEASE: release_of(image)}}, "spec": containers}}}


def _bare(live: Object) -> Object:
    """What was asked for: no status, and nothing that the API server or a controller wrote into its metadata."""
    metadata = {"labels": dict(live["metadata"].get("labels", {})), "namespace": live["metadata"]["namespace"]}
    return {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": metadata,
        "spec": deepcopy(live["spec"]),
    }


def _with_image(template: Object, image: str) -> Object:
    """The template with ``image`` wherever ``app``'s was; the pods' annotations stay, for the sidecar reads them."""
    made = deepcopy(template)
    old = image_of({"spec": {"template": made}})
    for container in (*made["spec"].get("initContainers", ()), *made["spec"]["containers"]):
        if container["image"] == old:
            container["image"] = image
    made["metadata"]["labels"][RELEASE] = release_of(image)
    made["metadata"].pop("creationTimestamp", None)
    return made
