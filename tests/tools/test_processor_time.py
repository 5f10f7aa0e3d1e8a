"""What a benchmark says that processes have used."""

import os
import subprocess
import sys

from tools import processor_time

_USED_S = 0.3
_BUSY = f"import time\nwhile time.process_time() < {_USED_S}: pass\n"
_A_TICK_S = 0.01


def test_a_tree_has_what_its_children_used_also_those_that_have_ended() -> None:
    before = processor_time.of_tree(os.getpid())
    subprocess.run([sys.executable, "-c", _BUSY], check=True)
    assert processor_time.of_tree(os.getpid()) - before >= _USED_S - _A_TICK_S


def test_processes_have_what_they_used_themselves() -> None:
    waiting = _BUSY + "print('done', flush=True)\ninput()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", waiting], text=True, **pipes) as busy:
        assert busy.stdout
        assert busy.stdout.readline() == "done\n"
        used = processor_time.of([busy.pid])
        busy.communicate("\n")
    assert _USED_S - _A_TICK_S <= used < 2 * _USED_S
