"""Somebody at a browser. Every page they look at is held to the same three promises.

No serious accessibility violation (axe, in the light and the dark scheme), nothing in the console that is an
error, and no request that leaves the shop.
"""

from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Error, Page, Request, expect

SERIOUS = {"serious", "critical"}
_SETTLED = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
  Promise.allSettled(document.getAnimations().map((each) => each.finished)).then(() => done()))))"""
SCHEMES: dict[str, dict[str, Any]] = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}  # only colours differ


@dataclass
class Visitor:
    """A tab, and what went wrong in it. ``foreseen`` are texts of console errors that a test provokes."""

    page: Page
    base_url: str
    foreseen: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", self._threw)
        self.page.on("request", self._asked)

    def open(self, path: str, *, status: int = 200) -> Page:
        """Go to ``path`` and look at what is there; a ``status`` that is a refusal is an error in the console."""
        if status >= 400:
            self.foreseen.append(f"status of {status}")
        answer = self.page.goto(self.base_url + path)
        assert answer
        assert answer.status == status, f"{path}: {answer.status}"
        self.look()
        return self.page

    def look(self) -> None:
        """Hold the page as it is now to the promises."""
        where = urlsplit(self.page.url).path
        for scheme, options in SCHEMES.items():
            self._show_in(scheme)
            self.wrong += [f"{where} ({scheme}): {line}" for line in _violations(self.page, options)]
        self._show_in("light")  # the next page loads in it
        self.looked_at.append(where)

    def _show_in(self, scheme: str) -> None:
        """Change the colours, and wait until the page's own scripts and transitions have followed."""
        self.page.emulate_media(color_scheme=cast(Any, scheme), reduced_motion="reduce")
        self.page.evaluate(_SETTLED)

    def log_in(self, email: str, password: str, *, at: str = "/user/login") -> None:
        """Through the form at ``at``."""
        page = self.open(at)
        page.locator("input[name=username]").fill(email)
        page.locator("input[name=password]").fill(password)
        page.locator("form:has(input[name=password]) button, form:has(input[name=password]) [type=submit]").click()
        expect(page.locator("input[name=password]")).to_have_count(0)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(text in message.text for text in self.foreseen):
            self.wrong.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _threw(self, error: Error) -> None:
        self.wrong.append(f"script: {error}")

    def _asked(self, request: Request) -> None:
        target = urlsplit(request.url)
        if target.scheme in {"http", "https", "ws", "wss"} and target.netloc != urlsplit(self.base_url).netloc:
            self.wrong.append(f"a request to {target.netloc}: {request.url}")


def _violations(page: Page, options: dict[str, Any]) -> list[str]:
    found: dict[str, Any] = Axe().run(page, options=options).response
    return [
        f"{each['id']} ({each['impact']}): {each['help']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in found["violations"]
        if each["impact"] in SERIOUS
    ]
