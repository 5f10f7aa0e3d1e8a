"""Panels and hits: what one role shows on the pages of another."""

import pytest

from shop import staff
from shop.backoffice import panels
from shop.staff import ADMINISTRATOR
from tests.backoffice.conftest import SignIn

pytestmark = pytest.mark.django_db

PANELS = sorted(panels._declared)
KEYS = ("NOTHING", "0d9d1f2a-6b54-4a1c-9f4f-2f7d6a1c0001", "%00", "a%2Fb", "☃")


@pytest.mark.parametrize(("role", "name"), PANELS)
def test_a_panel_of_nothing_is_no_error(signed_in: SignIn, role: str, name: str) -> None:
    """Whatever its key: the page around it says that nothing is known, and the console stays empty."""
    client = signed_in()
    for key in KEYS:
        answer = client.get(f"/{role}/admin/panels/{name}/{key}")
        expected = {"%00": {400}, "a%2Fb": {404}}.get(key, {200, 204})
        assert answer.status_code in expected, key


@pytest.mark.parametrize("staff_role", sorted(set(staff.STAFF_ROLES) - {ADMINISTRATOR}))
def test_a_panel_asks_for_its_permission(signed_in: SignIn, staff_role: str) -> None:
    """Who may not see the rows sees no panel of them, and finds nothing of that role."""
    client = signed_in(staff_role)
    for (role, name), panel in panels._declared.items():
        refused = client.get(f"/{role}/admin/panels/{name}/X").headers.get("X-Panel") == "refused"
        assert refused is not staff.may([staff_role], panel.permission), (role, name)


def test_the_search_page_takes_any_text(signed_in: SignIn) -> None:
    """Empty, too long, with NUL, quotes and wildcards: never an error."""
    client = signed_in()
    for text in ("", " ", "x" * 5000, "%", "_", "'; --", "a\\b", "<script>", "☃" * 3, "1" * 50):
        page = client.get("/admin/find", {"q": text})
        assert page.status_code == 200
        assert "<script>alert" not in page.text
    assert client.get("/admin/find?q=%00").status_code == 400
