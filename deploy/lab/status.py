"""What a lab consists of right now."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from deploy.lab import cluster, processes
from deploy.lab.lab import Lab


def report(lab: Lab) -> str:
    """Pods, and proportional memory by program. Raises LabError if nothing runs."""
    init = processes.running(lab)
    used: Counter[str] = Counter()
    for program, kib in _memory(init):
        used[program] += kib
    pods = cluster.kubectl(lab, "get", "pods", "--all-namespaces", "--output=wide")
    rows = "\n".join(f"  {program:24} {kib / 1024:6.0f} MB" for program, kib in used.most_common(12))
    return f"{pods}\nMemory (PSS), {sum(used.values()) / 1024:.0f} MB in all, the largest:\n{rows}"


def _memory(init: int) -> Iterator[tuple[str, int]]:
    """Name and proportional set size, in KiB, of every process of the lab."""
    for pid in processes.inside(init):
        with suppress(OSError):  # ended meanwhile
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            yield name, sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
