"""The Celery app: it wakes things up, and owns no truth."""

import os

from celery import Celery

from shop.env import env

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

app = Celery("shop")
app.conf.update(
    broker_url=env.broker_url,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 60},  # seconds; every job is due again long before
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_create_missing_queues=True,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    beat_schedule={},
    timezone="UTC",
)
app.autodiscover_tasks()
