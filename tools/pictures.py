"""``python -m tools.pictures``: the pictures of docs/pictures, taken of the shop that runs here, after ``make demo``.

They are PNG with a palette of at most 256 colours, each below LIMIT. Look at every one before it is committed.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from shop.var import Var
from tools import browser as chromium

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs/pictures"
LIMIT = 150_000  # bytes
DESK, PHONE = (1280, 900), (390, 844)
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
DELIVERED_MS = 90_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """``path`` as a signed-in administrator sees it, once ``before`` has been done on it."""

    name: str
    path: str
    before: Callable[[Page], None] | None = None
    size: tuple[int, int] = DESK


def _open_first(section: str) -> Callable[[Page], None]:
    """Follow the first row of a list to its page."""

    def follow(page: Page) -> None:
        page.locator(f"main a[href*='{section}'], #main a[href*='{section}'], tbody a[href*='{section}']").first.click()
        page.wait_for_load_state("networkidle")

    return follow


def _preview(page: Page) -> None:
    """Have this project's own catalogue compared with the shop; nothing is applied."""
    file = next((ROOT / "apps/product/demo").glob("*.csv"))
    page.locator("input[type=file]").first.set_input_files(file)
    page.locator("form:has(input[type=file])").get_by_role("button").first.click()
    page.wait_for_load_state("networkidle")


def _demo_order(page: Page) -> None:
    page.get_by_role("button", name="Place a demo order").click()
    page.locator("#outcome:not([hidden])").wait_for(timeout=DELIVERED_MS)


PICTURES = (
    Picture(name="start", path="/", before=_demo_order),
    Picture(name="admin", path="/admin/"),
    Picture(name="product", path="/admin/product/product/", before=_open_first("/admin/product/product/")),
    Picture(name="order", path="/admin/order/order/?state=delivered", before=_open_first("/admin/order/order/")),
    Picture(name="import", path="/admin/product/product/import", before=_preview),
    Picture(name="api", path="/product/products?in_stock=true&limit=2"),
    Picture(name="phone", path="/admin/", size=PHONE),
)


def _take(browser: Browser, base_url: str, admin: dict[str, str], picture: Picture) -> bytes:
    width, height = picture.size
    page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce", base_url=base_url)
    page.goto("/admin/login/")
    page.locator("input[name=username]").fill(admin["email"])
    page.locator("input[name=password]").fill(admin["password"])
    page.locator("form:has(input[name=password]) [type=submit], form:has(input[name=password]) button").last.click()
    page.wait_for_load_state("networkidle")
    page.goto(picture.path)
    page.wait_for_load_state("networkidle")
    if picture.before:
        picture.before(page)
    taken = page.screenshot()
    page.close()
    return taken


def _small(png: bytes) -> bytes:
    """The same with fewer colours, as few as it takes to stay below LIMIT. Raises ValueError."""
    image = Image.open(BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64, 32):
        out = BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if len(out.getvalue()) < LIMIT:
            return out.getvalue()
    raise ValueError(f"not below {LIMIT} bytes")


def main() -> int:
    """Take those that are named, or all; exit status 1 if one could not be taken."""
    var = Var(Path(os.environ.get("SHOP_VAR") or ROOT / "var"))
    base_url = var.topology().get("base_url")
    if not base_url:
        sys.exit("No shop runs here: make run, make demo, then this.")
    admin = json.loads((var.root / "demo.json").read_text())["admin"]
    failed, sandbox = 0, [] if os.geteuid() else ["--no-sandbox"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.ensure(), args=[*QUIET, *sandbox])
        for picture in (each for each in PICTURES if not sys.argv[1:] or each.name in sys.argv[1:]):
            try:
                small = _small(_take(browser, base_url, admin, picture))
            except Exception as exc:  # the others are still worth having
                print(f"{picture.name}: {str(exc).splitlines()[0]}", file=sys.stderr)
                failed += 1
                continue
            (FOLDER / f"{picture.name}.png").write_bytes(small)
            print(f"{picture.name}.png: {len(small) // 1000} kB")
        browser.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
