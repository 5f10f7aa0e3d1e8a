"""The worker process: the jobs of the roles it serves, with beat in a thread of its own.

Threads rather than processes: jobs wait for peers and the database, and one process is what a pod
holds. What dies takes no truth with it.
"""

import warnings
from typing import Any

from celery.platforms import SecurityWarning  # type: ignore[attr-defined]  # the stubs forget it
from celery.signals import worker_ready, worker_shutting_down

from shop import beat, health, jobs, vitals
from shop.celery import app
from shop.env import env


@worker_ready.connect
def _begin(sender: Any, **kwargs: Any) -> None:
    beat.start()
    vitals.begin()


@worker_shutting_down.connect
def _hand_back(sender: Any, **kwargs: Any) -> None:
    """A job ends after the batch in hand and wakes whoever goes on; another worker's beat takes over."""
    health.stop()
    jobs.stop()
    beat.stop()


def main() -> None:
    """Run until told to stop; the batch in hand is finished first."""
    warnings.filterwarnings("ignore", category=SecurityWarning)  # root in a container is nobody's root
    app.worker_main(
        [
            "--quiet",
            "worker",
            "--pool=threads",
            f"--concurrency={env.worker_threads}",
            f"--queues={','.join(env.serves)}",
            f"--hostname={env.role or 'shop'}@%h",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            "--loglevel=WARNING",
        ]
    )


if __name__ == "__main__":
    main()
