"""What a lab consists of right now."""

import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deploy.lab import cluster, processes
from deploy.lab.lab import Lab

_CONTAINER = re.compile(r"/([0-9a-f]{64})$", re.MULTILINE)  # the path's last part, in either version of cgroups


def report(lab: Lab) -> str:
    """Pods, and proportional memory by program. Raises LabError if nothing runs."""
    used = _memory(processes.running(lab), _program)
    pods = cluster.kubectl(lab, "get", "pods", "--all-namespaces", "--output=wide")
    rows = "\n".join(f"  {program:24} {kib / 1024:6.0f} MB" for program, kib in used.most_common(12))
    return f"{pods}\nMemory (PSS), {sum(used.values()) / 1024:.0f} MB in all, the largest:\n{rows}"


def memory_of_containers(lab: Lab) -> Counter[str]:
    """Proportional memory, in KiB, by containerd's id of a container. Raises LabError if nothing runs."""
    return _memory(processes.running(lab), _container)


def _memory(init: int, named: Callable[[Path], str]) -> Counter[str]:
    """Proportional set size, in KiB, of the lab's processes, by what ``named`` calls each."""
    used: Counter[str] = Counter()
    for pid in processes.inside(init):
        process = Path(f"/proc/{pid}")
        with suppress(OSError):  # ended meanwhile
            used[named(process)] += proportional_kib(process)
    return used


def proportional_kib(process: Path) -> int:
    """Proportional set size of the process whose folder in /proc this is. Raises OSError once it has ended."""
    rollup = (process / "smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


def _program(process: Path) -> str:
    return (process / "comm").read_text().strip()


def _container(process: Path) -> str:
    """Empty for the node's own programs."""
    found = _CONTAINER.search((process / "cgroup").read_text())
    return found[1] if found else ""
