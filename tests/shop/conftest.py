from collections.abc import Callable, Iterator

import pytest

from shop.events import registry


@pytest.fixture
def restore_handlers() -> Iterator[Callable[[str, str, registry.Handler], None]]:
    """Replace the handler of (subscriber, event) for one test."""
    saved = dict(registry._handlers)

    def replace(subscriber: str, name: str, handler: registry.Handler) -> None:
        registry._handlers[subscriber, name] = handler

    yield replace
    registry._handlers.clear()
    registry._handlers.update(saved)
