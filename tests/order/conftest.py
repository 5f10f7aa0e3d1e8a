"""Order with every other role in the same process, the real gateway beside it, a real PostgreSQL and Valkey.

Requests take HTTP's own path (Django's client); background work is done when a test asks for it.
"""

from collections.abc import Iterator

import pytest

from apps.payment import gateways
from shop.celery import app
from tests.order.world import Tuned, World
from tests.simulators.conftest import database_url, gateway, gateway_log, server_url  # noqa: F401  # fixtures
from tests.simulators.servers import HANG_S, KEY, GatewayClient


@pytest.fixture
def tuned() -> Iterator[Tuned]:
    """Change limits for one test: ``tuned(pending_deadline_s=1)``."""
    change = Tuned()
    yield change
    change.restore()


@pytest.fixture
def shop(transactional_db: None, gateway: GatewayClient, tuned: Tuned) -> Iterator[World]:  # noqa: F811
    """A furnished shop whose payment uses the running gateway; every wait is short."""
    pool = gateway._http
    tuned(
        gateway_url=f"http://{pool.host}:{pool.port}",
        gateway_key=KEY,
        gateway_timeout_s=HANG_S / 3,
        fulfilment_delay_s=0,
        backoff_cap_s=0.2,
        lease_s=2,
        carrier_speed=1e6,
    )
    gateways.default.cache_clear()
    app.loader.import_default_modules()  # every role's jobs, as a worker has them
    yield World.furnish()
    gateways.default.cache_clear()
