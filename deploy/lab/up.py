"""From nothing to a ready cluster, and back to nothing."""

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.lab import addons, build, cache, cgroups, cluster, components, istio, pki, preflight, processes
from deploy.lab.lab import NODE, ROOT, Lab, LabError, NodeEnded
from deploy.lab.progress import Progress

_NODE_WITHIN_S = 120.0

# Namespaces of its own; whatever ends unshare ends the node, and the node's end ends everything in them.
_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--uts", "--fork", "--mount-proc", "--kill-child=KILL")


def up(lab: Lab) -> None:
    """Build what is missing, start the node, install Istio, wait until all is ready. Safe to repeat.

    Raises LabError.
    """
    preflight.require(lab)
    progress = Progress()
    programs, images = build.everything(progress)
    with _alone(lab):
        if not (processes.init_of(lab) and lab.node_ready.exists()):
            _clear(lab)
            with progress.step("starting Kubernetes"):
                _await_node(lab, images, _start(lab, programs))
        with progress.step("installing Istio"):
            addons.apply(lab)
            istio.install(lab)
            istio.wait_ready(lab)
            addons.wait_ready(lab)
    progress.say("ready")


def down(lab: Lab) -> None:
    """End the lab and remove all that is left of it, in whatever state it is. Silent if there is none.

    Raises LabError.
    """
    preflight.require_root()
    with _alone(lab):
        _clear(lab)


@contextmanager
def _alone(lab: Lab) -> Iterator[None]:
    """One at a time starts or ends a lab."""
    with (cache.folder() / f"{lab.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(f"Another process is starting or ending the lab in {lab.folder}.") from None
        yield


def _clear(lab: Lab) -> None:
    """Processes, control groups, files: in this order each is free of the one before. Raises LabError."""
    if init := processes.init_of(lab):
        processes.end(init)  # and with it every container, mount and link
    processes.end(*processes.marked(lab))
    cgroups.remove(lab)
    _remove_folder(lab)


def _remove_folder(lab: Lab) -> None:
    if not lab.folder.exists():
        return
    others = [path for path in lab.folder.iterdir() if path != lab.marker]
    if others and not lab.marker.exists():
        raise LabError(f"{lab.folder} is not a lab's folder: it stays as it is. Remove it, or name another, SHOP_LAB=…")
    for path in others:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    lab.marker.unlink(missing_ok=True)
    lab.folder.rmdir()


def _start(lab: Lab, programs: Mapping[str, Path]) -> "subprocess.Popen[bytes]":
    """Lay out the folder and start process 1."""
    lab.folder.mkdir(parents=True)
    lab.marker.touch()
    for folder in (lab.logs, lab.binaries):
        folder.mkdir()
    for name, path in programs.items():
        (lab.binaries / name).symlink_to(path)
    pki.make(lab.pki)
    components.write_configuration(lab)
    cgroups.make(lab)
    with (lab.logs / "node.log").open("wb") as log:
        return subprocess.Popen(
            [*_UNSHARE, "--propagation=slave", sys.executable, "-m", "deploy.lab.node", str(lab.folder)],
            cwd=ROOT,
            env=lab.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _await_node(lab: Lab, images: Path, node: "subprocess.Popen[bytes]") -> None:
    """Import the images as soon as containerd listens, then wait for the node. Raises LabError."""

    def wait_for(what: str, is_so: Callable[[], bool]) -> None:
        def asked() -> bool:
            if node.poll() is not None:
                raise NodeEnded(f"The node ended by itself: see {lab.logs}/node.log ({_last_line(lab)})")
            return is_so()

        cluster.wait_for(what, asked, within_s=_NODE_WITHIN_S)

    wait_for("containerd listens", lambda: cluster.ctr(lab, "version") != "")
    cluster.import_images(lab, images)
    wait_for("the API server is ready", (lab.folder / "started").exists)
    wait_for("the node is ready", lambda: _is_ready(lab))
    lab.node_ready.touch()


def _is_ready(lab: Lab) -> bool:
    conditions = cluster.kubectl_json(lab, "get", "node", NODE)["status"]["conditions"]
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _last_line(lab: Lab) -> str:
    lines = (lab.logs / "node.log").read_text().strip().splitlines()
    return lines[-1] if lines else "it says nothing"
