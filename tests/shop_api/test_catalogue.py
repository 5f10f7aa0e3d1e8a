"""Finding products."""

from uuid import uuid4

from tests.shop_api.client import Shop, wait_for


def test_a_new_product_is_found_by_name(shop: Shop) -> None:
    """Search finds it, with its price and what is available."""
    sku = shop.product(price="12.00", on_hand=4)
    wait_for(lambda: shop.anyone.get(f"/product/products/{sku}").body["available"], lambda units: units == 4)
    found = shop.anyone.get(f"/product/products?search={sku}")
    assert found.status == 200
    assert [item["sku"] for item in found.body["results"]] == [sku]
    assert "facets" in found.body


def test_a_page_leads_to_the_next(shop: Shop) -> None:
    """Cursors visit every product exactly once."""
    for _ in range(3):
        shop.product()
    seen: list[str] = []
    path: str | None = "/product/products?limit=7"
    while path:
        page = shop.anyone.get(path).body
        seen += [item["sku"] for item in page["results"]]
        path = page["next"] and "/" + page["next"].split("/", 3)[3]
    assert len(seen) == len(set(seen)) >= 40


def test_an_unchanged_answer_is_not_sent_again(shop: Shop) -> None:
    """304 to its own ETag; after a change, 200 and another ETag."""
    sku = shop.product(price="5.00")
    path = f"/product/products/{sku}"
    first = shop.anyone.get(path)
    again = shop.anyone.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, "")
    price = {"amount": "6.00", "currency": "EUR"}
    assert shop.staff.patch(path, {"variants": [{"sku": sku, "price": price}]}).status == 200
    changed = shop.anyone.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (changed.status, changed.body["price"]) == (200, price)


def test_drafts_are_for_staff(shop: Shop) -> None:
    """An unpublished product is 404 for customers and cannot be bought."""
    sku = f"T-{uuid4().hex[:10].upper()}"
    draft = {
        "name": "Draft",
        "category": shop.category(),
        "variants": [{"sku": sku, "price": {"amount": "1.00", "currency": "EUR"}, "options": {}}],
        "published": False,
    }
    assert shop.staff.post("/product/products", draft).status == 201
    assert shop.anyone.get(f"/product/products/{sku}").status == 404
    assert shop.staff.get(f"/product/products/{sku}").status == 200
    shop.stock(sku, 1)
    assert shop.quote(shop.anyone, sku).status in {400, 404, 409}


def test_filters_combine(shop: Shop) -> None:
    """Price bounds and stock narrow a search."""
    cheap, dear = shop.product(price="3.00", on_hand=1), shop.product(price="300.00")
    wait_for(lambda: shop.anyone.get(f"/product/products/{cheap}").body["available"], lambda units: units == 1)
    below = shop.anyone.get(f"/product/products?search={cheap}&price_max=10&in_stock=true").body["results"]
    above = shop.anyone.get(f"/product/products?search={dear}&price_max=10").body["results"]
    assert ([item["sku"] for item in below], above) == ([cheap], [])
