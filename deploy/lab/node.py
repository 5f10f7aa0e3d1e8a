"""``python -m deploy.lab.node FOLDER``: process 1 of the lab's namespaces. Its end is the end of all of it.

Started by ``cluster.up`` under unshare(1). Makes the node's own view of the machine, starts Kubernetes,
starts again what dies, and reaps what containers leave behind.
"""

import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

from deploy.lab import components, view
from deploy.lab.components import Component
from deploy.lab.lab import Lab

_RESTART_AFTER_S = 1.0  # a program that dies at once must not fill the log
_API_WITHIN_S = 120.0


class Node:
    """The running programs, by process id."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._running: dict[int, Component] = {}

    def run(self) -> None:
        """Returns never: ended by a signal."""
        self._start(components.foundation(self._lab))
        self._await_api()
        self._start(components.rest(self._lab))
        (self._lab.folder / "started").touch()
        while True:
            self._reap()

    def _start(self, parts: Iterable[Component]) -> None:
        for part in parts:
            with (self._lab.logs / f"{part.name}.log").open("ab") as log:
                process = subprocess.Popen(part.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            self._running[process.pid] = part

    def _reap(self) -> None:
        """Wait for any process, and start it again if it is one of ours."""
        pid, status = os.wait()
        part = self._running.pop(pid, None)
        if part is None:
            return
        print(f"{part.name} ended with {os.waitstatus_to_exitcode(status)}: started again", flush=True)
        time.sleep(_RESTART_AFTER_S)
        self._start([part])

    def _await_api(self) -> None:
        pki = self._lab.pki
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        deadline = time.monotonic() + _API_WITHIN_S
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen("https://127.0.0.1:6443/readyz", context=context, timeout=2):
                    return
            except OSError:
                time.sleep(0.2)
        sys.exit(f"The API server is not ready after {_API_WITHIN_S:.0f} s: see {self._lab.logs}/kube-apiserver.log")


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> None:
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # that of the terminal is for whoever started us
    lab = Lab(Path(sys.argv[1]))
    view.make(lab)
    Node(lab).run()


if __name__ == "__main__":
    main()
