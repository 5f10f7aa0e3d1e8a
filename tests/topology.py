"""``python -m tests.topology one|split|cluster -- COMMAND …``: run a command against a shop of its own.

Starts the topology in a new folder with the suite's short time limits, tells the command where it is
by environment variables, and leaves nothing behind. ``cluster`` is the shop that runs in the lab.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.lab.lab import Lab
from tests.cluster import shop

ROOT = Path(__file__).resolve().parent.parent
START_S = 180

# The suite's time limits: short, so that waiting for one is bearable, and in the order of the defaults.
LIMITS = {
    "PENDING_DEADLINE_S": "6",
    "RESERVATION_LIFETIME_S": "20",
    "LEASE_S": "2",
    "BACKOFF_CAP_S": "2",
    "QUOTE_LIFETIME_S": "20",
    "FULFILMENT_DELAY_S": "3",
    "GATEWAY_OUTAGE_S": "10",
    "CARRIER_SPEED": "20",
    "PAYMENT_SEED": "suite",
    "DEMO_PICTURES": "12",  # of 350, which would take most of a minute
}


@contextmanager
def running(kind: str, **settings: str) -> Iterator[dict[str, Any]]:
    """A topology of its own: yields what ``topology.json`` says, with ``var`` and ``pid`` beside it."""
    folder = Path(tempfile.mkdtemp(prefix=f"shop-{kind}-"))
    folder.chmod(0o711)
    environment = {**os.environ, **LIMITS, **settings, "SHOP_VAR": str(folder), "PORT": "0"}
    for name in ("DATABASE_URL", "REDIS_URL", "SERVICE_ROLE"):
        environment.pop(name, None)
    command = [sys.executable, "manage.py", "serve" if kind == "one" else "split"]
    with (folder / "output").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield _ready(process, folder) | {"var": str(folder), "pid": process.pid}
    except BaseException:
        sys.stderr.write("".join((folder / "output").read_text().splitlines(keepends=True)[-60:]))
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _ready(process: "subprocess.Popen[bytes]", folder: Path) -> dict[str, Any]:
    description, end = folder / "run/topology.json", time.monotonic() + START_S
    while not description.exists():
        if process.poll() is not None:
            raise RuntimeError(f"the shop did not start: exit status {process.returncode}")
        if time.monotonic() > end:
            raise RuntimeError(f"the shop did not start within {START_S} s")
        time.sleep(0.1)
    found: dict[str, Any] = json.loads(description.read_text())
    return found


def variables(topology: dict[str, Any]) -> dict[str, str]:
    """What the black-box suite needs to know of a topology."""
    admin = json.loads((Path(topology["var"]) / "demo.json").read_text())["admin"]
    management = {role["management_url"] for role in topology["roles"].values()}
    audit = ["env", f"SHOP_VAR={topology['var']}", sys.executable, str(ROOT / "manage.py"), "audit"]
    return {
        "SHOP_BASE_URL": topology["base_url"],
        "SHOP_OFFICE_URL": topology["base_url"],
        "SHOP_STAFF_EMAIL": admin["email"],
        "SHOP_STAFF_PASSWORD": admin["password"],
        "SHOP_AUDIT": shlex.join(audit),
        "SHOP_METRICS": " ".join(sorted(management)),
        "SHOP_TOPOLOGY": topology["kind"],
    }


def main() -> int:
    """Exit status of the command."""
    kind, separator, *command = sys.argv[1:]
    if kind not in {"one", "split", "cluster"} or separator != "--" or not command:
        sys.exit(__doc__)
    if kind == "cluster":
        return shop.run(Lab.chosen(), command)
    began = time.monotonic()
    with running(kind) as topology:
        print(f"{kind}: ready after {time.monotonic() - began:.1f} s at {topology['base_url']}", flush=True)
        return subprocess.call(command, cwd=ROOT, env={**os.environ, **variables(topology)})


if __name__ == "__main__":
    sys.exit(main())
