"""``python -m deploy.audit``: the audit as a Job of the cluster that kubectl speaks to, by the operator's identity.

Prints what it found. Exit status: the audit's own, 0 clean and silent, 1 a disagreement, 2 incomplete.
"""

import sys
import time
from typing import Any
from uuid import uuid4

from deploy.kubectl import Refused, kubectl, listed

_WITHIN_S = 240
_POLL_S = 0.5
INCOMPLETE = 2


def main() -> int:
    """The audit's exit status; 2 with one line if no Job could be run."""
    job = f"audit-{uuid4().hex[:8]}"
    try:
        kubectl("create", "job", "--from=cronjob/audit", job)
        try:
            return _outcome(job)
        finally:
            kubectl("delete", "job", job, "--wait=false")
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return INCOMPLETE


def _outcome(job: str) -> int:
    end = time.monotonic() + _WITHIN_S
    while (ended := _ended(job)) is None:
        if time.monotonic() > end:
            print(f"job/{job} has not ended after {_WITHIN_S} s", file=sys.stderr)
            return INCOMPLETE
        time.sleep(_POLL_S)
    print(kubectl("logs", f"job/{job}", "--container=app"), end="")
    return ended


def _ended(job: str) -> int | None:
    """The exit status of the container; None while it runs."""
    pods = listed("pods", f"--selector=job-name={job}")
    states: list[dict[str, Any]] = [
        status["state"]
        for pod in pods
        for status in pod["status"].get("containerStatuses", ())
        if status["name"] == "app"
    ]
    return next((int(state["terminated"]["exitCode"]) for state in states if "terminated" in state), None)


if __name__ == "__main__":
    sys.exit(main())
