"""What the node sees of the machine. Runs in namespaces of its own, so that the machine sees nothing of it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from deploy.lab.components import CNI_BINARIES, CNI_CONFIGURATION, CNI_PLUGINS, pod_network
from deploy.lab.lab import NODE, NODE_IP, Lab

# The kubelet sets these for the whole machine, and ends if it cannot. It is shown files that hold its wishes.
_SYSCTLS = {
    "kernel/keys/root_maxbytes": "25000000",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
}
_CHANGED = ("/etc", "/opt", "/usr/libexec")  # the machine's, with the node's own changes on top
_OWN = ("/var/lib", "/var/log")  # the node's alone; on a real file system, where images can be unpacked


def make(lab: Lab) -> None:
    """Mounts, host name and network. Raises CalledProcessError: nothing here is expected to fail."""
    _run("mount", "--make-rshared", "/")
    _run("hostname", NODE)
    _mount_folders(lab)
    _show_sysctls(lab)
    _make_network()
    _write_names()
    _write_pod_network()


def _mount_folders(lab: Lab) -> None:
    _run("mount", "-t", "tmpfs", "tmpfs", "/run")
    for path in filter(os.path.isdir, _CHANGED):
        upper, work = _folder(lab, "changes", path), _folder(lab, "work", path)
        _run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={path},upperdir={upper},workdir={work}", path)
    for path in _OWN:
        _run("mount", "--bind", str(_folder(lab, "own", path)), path)


def _folder(lab: Lab, kind: str, path: str) -> Path:
    folder = lab.folder / kind / path.strip("/").replace("/", "-")
    folder.mkdir(parents=True)
    return folder


def _show_sysctls(lab: Lab) -> None:
    folder = lab.folder / "sysctl"
    folder.mkdir()
    for name, value in _SYSCTLS.items():
        shown = folder / name.replace("/", ".")
        shown.write_text(f"{value}\n")
        _run("mount", "--bind", str(shown), f"/proc/sys/{name}")


def _make_network() -> None:
    """An address with a default route, which is all that Services need. It leads nowhere."""
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", "node0", "type", "veth", "peer", "name", "node0-end")
    _run("ip", "link", "set", "node0-end", "up")
    _run("ip", "address", "add", f"{NODE_IP}/24", "dev", "node0")
    _run("ip", "link", "set", "node0", "up")
    _run("ip", "route", "add", "default", "via", NODE_IP.rsplit(".", 1)[0] + ".254")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _write_names() -> None:
    Path("/etc/hosts").write_text(f"127.0.0.1 localhost\n{NODE_IP} {NODE}\n")
    resolver = Path("/etc/resolv.conf")
    resolver.unlink(missing_ok=True)  # often a link to below /run
    resolver.write_text("")


def _write_pod_network() -> None:
    """In folders that are empty, whatever else the machine uses CNI for."""
    for folder in (CNI_BINARIES, CNI_CONFIGURATION):
        folder.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "tmpfs", str(folder))
    for plugin in CNI_PLUGINS:
        shutil.copy2(Path("/usr/lib/cni") / plugin, CNI_BINARIES)
    (CNI_CONFIGURATION / "10-lab.conflist").write_text(json.dumps(pod_network()))


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
