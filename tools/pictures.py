"""``python -m tools.pictures``: the pictures of docs/pictures, taken of the shop that runs here, after ``make demo``.

Names of pictures as arguments: only these. Each is a PNG of at most 256 colours, below LIMIT. Look at every one
before it is committed. They are taken as the administrator sees the shop, and one demo order is placed.
"""

import csv
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from shop.var import Var
from tools import browser as chromium

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs/pictures"
CATALOGUE = ROOT / "apps/product/demo/catalogue.csv"
LIMIT = 150_000  # bytes
DESK, PHONE = (1280, 900), (390, 844)
BETWEEN, GROUND = 30, "#e7e5e4"  # pixels and colour between the screens of a phone
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
DELIVERED_MS = 90_000

Step = Callable[[Page], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """``path`` as it looks once ``then`` has been done there."""

    path: str
    then: Step | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One screen, or several side by side."""

    name: str
    screens: Sequence[Screen]
    size: tuple[int, int] = DESK


def _first_row(page: Page) -> None:
    """From a list to the page of its first row."""
    page.locator("#result_list tbody th a").first.click()


def _refunded(page: Page) -> None:
    """From the list of refunds to the newest order with several lines."""
    for number in page.locator("#result_list tbody .field-order").all_inner_texts():
        page.goto(f"/admin/order/order/{number.strip()}/change/")
        if page.get_by_role("region", name="Lines").locator("tbody tr").count() > 1:
            return


def _preview(page: Page) -> None:
    """Have a file compared with the shop; nothing of it is applied."""
    page.locator("input[type=file]").set_input_files(
        {"name": "lamps-autumn.csv", "mimeType": "text/csv", "buffer": _autumn().encode()}
    )
    page.get_by_role("button", name="Show what would change").click()
    page.get_by_text("waits for you").wait_for()


def _autumn() -> str:
    """The desk lamps of this project's catalogue, some at another price, and one that the shop does not have."""
    with CATALOGUE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lamps = [row for row in rows if row["Handle"] in _handles(rows, "Desk lamps")]
    for row in lamps:
        if row["Handle"] in {"piano-lamp", "clip-lamp"}:
            row["Variant Price"] = f"{float(row['Variant Price']) - 3:.2f}"
    new = [row | {"Handle": "reading-lamp"} for row in lamps if row["Handle"] == "mushroom-table-lamp"]
    new[0] |= {"Title": "Reading lamp", "SEO Title": "Reading lamp | Desk lamps"}
    out = StringIO(newline="")
    writer = csv.DictWriter(out, [name for name in rows[0] if name not in {"Variant SKU"}], extrasaction="ignore")
    writer.writeheader()
    writer.writerows([*lamps, *new])
    return out.getvalue()


def _handles(rows: Sequence[dict[str, str]], kind: str) -> set[str]:
    return {row["Handle"] for row in rows if row["Type"] == kind}


def _demo_order(page: Page) -> None:
    page.get_by_role("button", name="Place a demo order").click()
    page.locator("#outcome:not([hidden])").wait_for(timeout=DELIVERED_MS)


PICTURES = (
    Picture(name="admin", screens=[Screen(path="/admin/")]),
    Picture(
        name="product",
        screens=[Screen(path="/admin/product/product/?q=Piano+lamp", then=_first_row)],
        size=(1280, 1330),
    ),
    Picture(name="order", screens=[Screen(path="/admin/order/refund/", then=_refunded)], size=(1280, 1380)),
    Picture(name="import", screens=[Screen(path="/admin/product/product/import", then=_preview)]),
    Picture(name="api", screens=[Screen(path="/product/products?search=lamp&limit=2")]),
    Picture(
        name="phone",
        screens=[
            Screen(path="/admin/"),
            Screen(path="/admin/product/product/"),
            Screen(path="/admin/order/refund/", then=_refunded),
        ],
        size=PHONE,
    ),
    Picture(name="start", screens=[Screen(path="/", then=_demo_order)], size=(1280, 1205)),
)


def _sign_in(browser: Browser, base_url: str, admin: dict[str, str]) -> Any:
    """The cookies of a signed-in administrator."""
    page = browser.new_page(base_url=base_url)
    page.goto("/admin/login/")
    page.locator("input[name=username]").fill(admin["email"])
    page.locator("input[name=password]").fill(admin["password"])
    page.locator("form:has(input[name=password]) [type=submit], form:has(input[name=password]) button").last.click()
    page.wait_for_load_state("networkidle")
    state = page.context.storage_state()
    page.close()
    return state


def _take(page: Page, screen: Screen) -> Image.Image:
    page.goto(screen.path)
    page.wait_for_load_state("networkidle")
    if screen.then:
        screen.then(page)
        page.wait_for_load_state("networkidle")
    return Image.open(BytesIO(page.screenshot())).convert("RGB")


def _side_by_side(screens: Sequence[Image.Image]) -> Image.Image:
    if len(screens) == 1:
        return screens[0]
    width, height = screens[0].size
    whole = Image.new("RGB", (len(screens) * (width + BETWEEN) + BETWEEN, height + 2 * BETWEEN), GROUND)
    for place, screen in enumerate(screens):
        whole.paste(screen, (BETWEEN + place * (width + BETWEEN), BETWEEN))
    return whole


def _small(image: Image.Image) -> bytes:
    """As PNG with as few colours as it takes to stay below LIMIT. Raises ValueError."""
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
        sys.exit("No shop is ready here: make run, make demo, then this.")
    admin = json.loads((var.root / "demo.json").read_text())["admin"]
    failed, sandbox = 0, [] if os.geteuid() else ["--no-sandbox"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.ensure(), args=[*QUIET, *sandbox])
        state = _sign_in(browser, base_url, admin)
        for picture in (each for each in PICTURES if not sys.argv[1:] or each.name in sys.argv[1:]):
            width, height = picture.size
            page = browser.new_page(
                viewport={"width": width, "height": height},
                reduced_motion="reduce",
                base_url=base_url,
                storage_state=state,
            )
            try:
                small = _small(_side_by_side([_take(page, screen) for screen in picture.screens]))
            except Exception as exc:  # the others are still worth having
                print(f"{picture.name}: {str(exc).splitlines()[0]}", file=sys.stderr)
                failed += 1
            else:
                (FOLDER / f"{picture.name}.png").write_bytes(small)
                print(f"{picture.name}.png: {len(small) // 1000} kB")
            page.close()
        browser.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
