"""The worker process: the jobs of the roles it serves, with beat in a thread of its own.

Threads rather than processes: jobs wait for peers and the database, and one process is what a pod
holds. What dies takes no truth with it.
"""

import warnings
from typing import Any

from celery.beat import EmbeddedService, Scheduler
from celery.platforms import SecurityWarning  # type: ignore[attr-defined]  # the stubs forget it
from celery.signals import worker_ready

from shop.celery import app
from shop.env import env


@worker_ready.connect
def _start_beat(sender: Any, **kwargs: Any) -> None:
    # In memory: a sweep missed while nobody ran is made up by the next.
    beat: Any = EmbeddedService(app, thread=True, scheduler_cls=Scheduler)
    beat.start()


def main() -> None:
    """Run until told to stop; a task in hand is finished first."""
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
