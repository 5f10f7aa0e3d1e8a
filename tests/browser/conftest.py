"""Fixtures of the browser tests: Chromium, and a visitor in a fresh profile for each test."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.visitor import Visitor
from tests.shop_api.client import Shop
from tests.shop_api.conftest import shop as shop
from tools import browser as chromium

WAIT_MS = 15_000  # for anything to appear, on a busy machine
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests; as root it runs without its sandbox, which it needs an ordinary user for."""
    sandbox = [] if os.geteuid() else ["--no-sandbox"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium.ensure(), args=[*QUIET, *sandbox])
        yield launched
        launched.close()


@pytest.fixture
def visitor(browser: Browser, shop: Shop, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """Fails the test, at its end, for whatever was wrong on any page on the way."""
    size = getattr(request, "param", (1280, 900))
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    visitor = Visitor(context.new_page(), shop.anyone.base_url)
    yield visitor
    context.close()
    assert visitor.wrong == []
    assert visitor.looked_at


@pytest.fixture(scope="session")
def staff() -> tuple[str, str]:
    """How the administrator signs in."""
    return os.environ["SHOP_STAFF_EMAIL"], os.environ["SHOP_STAFF_PASSWORD"]
