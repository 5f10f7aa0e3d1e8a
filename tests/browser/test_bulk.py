"""One change to many products, chosen in the list of the admin."""

import re

from playwright.sync_api import expect

from tests.browser.visitor import Visitor


def test_all_of_a_list_are_chosen_at_once(visitor: Visitor, staff: tuple[str, str]) -> None:
    """More than its page shows; the next page says how many, and can be left without a change."""
    visitor.log_in(*staff, at="/admin/login/?next=/admin/")
    page = visitor.open("/admin/product/product/")
    page.locator("#action-toggle").check()
    expect(page.locator(".action-counter")).to_contain_text("50 of 50")
    page.get_by_role("link", name="Choose all of this list").click()
    expect(page.get_by_text("All products of this list, on every page of it")).to_be_visible()
    visitor.look()
    page.get_by_label("Select action to run").select_option(label="Change category…")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text(re.compile(r"^\d{3} products chosen\.$"))).to_be_visible()
    visitor.look()
    page.get_by_role("link", name="Cancel").click()
    expect(page.locator("#action-toggle")).to_be_visible()
