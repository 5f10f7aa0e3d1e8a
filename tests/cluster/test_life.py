"""Beginning and end of a lab: two side by side, and nothing left of either. Slow: it starts labs of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.lab import cgroups, cluster, processes
from deploy.lab.istio import INGRESS
from deploy.lab.lab import ROOT, Lab

pytestmark = pytest.mark.life
_UP_S = 600
Machine = dict[str, object]


def _lab(lab: Lab, command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "deploy.lab", command],
        cwd=ROOT,
        env={**os.environ, "SHOP_LAB": str(lab.folder)},
        capture_output=True,
        text=True,
        timeout=_UP_S,
        check=False,
    )


def _run(lab: Lab, command: str) -> None:
    done = _lab(lab, command)
    assert done.returncode == 0, done.stdout + done.stderr


# Where a lab mounts something; others may mount elsewhere meanwhile.
_MOUNTED = ("/etc", "/opt", "/usr/libexec", "/proc/sys/", "/run/containerd", "/var/lib/kubelet", "/tmp/pytest-")


def _mounts() -> list[str]:
    """Mount points of this machine."""
    return sorted(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())


def _machine() -> Machine:
    """What a lab could leave on the machine."""
    return {
        "mounts": [line for line in _mounts() if line in ("/run", "/var/lib", "/var/log") or line.startswith(_MOUNTED)],
        "links": sorted(path.name for path in Path("/sys/class/net").iterdir()),
        "sysctls": [Path("/proc/sys", name).read_text() for name in ("kernel/panic", "vm/overcommit_memory")],
        "folders": {name: Path(name).exists() for name in ("/var/lib/kubelet", "/opt/cni", "/usr/libexec/kubernetes")},
        "files": [Path(name).stat().st_mtime_ns for name in ("/etc", "/etc/hosts", "/etc/resolv.conf")],
        "firewall": subprocess.run(["iptables-save"], capture_output=True, text=True, check=False).stdout.count("KUBE"),
    }


def _left(lab: Lab) -> list[object]:
    processes_left = list(processes.marked(lab))
    return [*processes_left, *cgroups.left(lab), *([lab.folder] if lab.folder.exists() else [])]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A lab of this test's own, ended whatever happens."""
    lab = Lab(tmp_path / "one")
    yield lab
    _lab(lab, "down")


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path / "two")
    yield lab
    _lab(lab, "down")


def _pods(lab: Lab) -> list[str]:
    """Processes of every pod that runs, with its namespace."""
    items = cluster.kubectl_json(lab, "get", "pods", "--all-namespaces")["items"]
    return sorted(pod["metadata"]["uid"] for pod in items if pod["status"]["phase"] == "Running")


def test_two_labs_side_by_side_do_not_notice_each_other(lab: Lab, other: Lab) -> None:
    """Same addresses, same names; the end of one leaves the other's pods as they are, and the machine as it was."""
    before = _machine()
    _run(lab, "up")
    _run(other, "up")
    assert processes.running(lab) != processes.running(other)
    pods = _pods(other)
    assert pods
    assert not set(pods) & set(_pods(lab))

    _run(lab, "down")
    assert _left(lab) == []
    assert _pods(other) == pods
    assert cgroups.left(other)
    cluster.wait_rolled_out(other, INGRESS, "deployment/istio-ingressgateway", within_s=10)

    _run(other, "down")
    assert _left(other) == []
    assert _machine() == before


@pytest.mark.parametrize("victim", ["init", "containerd", "unshare"])
def test_after_a_kill_down_leaves_nothing(lab: Lab, victim: str) -> None:
    before = _machine()
    _run(lab, "up")
    os.kill(_pid(lab, victim), signal.SIGKILL)
    _run(lab, "down")
    assert _left(lab) == []
    assert _machine() == before


def _pid(lab: Lab, victim: str) -> int:
    """Of the program, or of process 1; 0 while the program does not run."""
    init = processes.running(lab)
    if victim == "init":
        return init
    names = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in processes.marked(lab)}
    return next((pid for pid, name in names.items() if name == victim), 0)


def test_a_start_that_was_killed_half_way_leaves_nothing_either(lab: Lab) -> None:
    before = _machine()
    starting = subprocess.Popen(
        [sys.executable, "-m", "deploy.lab", "up"],
        cwd=ROOT,
        env={**os.environ, "SHOP_LAB": str(lab.folder)},
        stdout=subprocess.DEVNULL,
    )
    cluster.wait_for("the node has begun", (lab.folder / "etcd").exists, within_s=_UP_S)
    starting.kill()
    starting.wait()
    _run(lab, "down")
    assert _left(lab) == []
    assert _machine() == before


def test_a_program_that_dies_is_started_again(lab: Lab) -> None:
    _run(lab, "up")
    victim = _pid(lab, "kube-scheduler")
    os.kill(victim, signal.SIGKILL)

    def again() -> bool:
        return _pid(lab, "kube-scheduler") not in (0, victim)

    cluster.wait_for("another scheduler", again, within_s=20)
