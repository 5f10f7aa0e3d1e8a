"""Memory, told by process."""

import os
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from deploy.lab import status

CONTAINER = "5e" * 32


@pytest.mark.parametrize(
    "cgroup",
    [
        f"4:memory:/shop-lab-1/burstable/podb1/{CONTAINER}\n0::/shop-lab-1/burstable/podb1/{CONTAINER}\n",
        f"0::/shop-lab-1/kubepods/podb1/{CONTAINER}\n",
        f"4:memory:/outer/{'ab' * 32}/shop-lab-1/besteffort/podb1/{CONTAINER}\n1:cpu:/\n",
    ],
    ids=["version 1", "version 2", "in a container"],
)
def test_a_process_belongs_to_the_container_of_its_control_group(tmp_path: Path, cgroup: str) -> None:
    (tmp_path / "cgroup").write_text(cgroup)
    assert status._container(tmp_path) == CONTAINER


def test_a_program_of_the_node_belongs_to_none(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text(f"4:memory:/outer/{'ab' * 32}/shop-lab-1\n0::/\n")
    assert status._container(tmp_path) == ""


def test_memory_is_added_up_by_name() -> None:
    """Of a process and all below it."""
    with subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], stdin=PIPE, stdout=PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        used = status._memory(os.getpid(), lambda process: process.name)
        child.kill()
    assert used[str(os.getpid())] > 1024  # KiB: this process has Django
    assert used[str(child.pid)] > 1024
