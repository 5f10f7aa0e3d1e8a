"""Finding products, looking at them, saying what one thinks of them."""

from base64 import b64decode
from uuid import uuid4

import urllib3

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


def test_a_mistyped_search_is_understood_and_narrowed(shop: Shop) -> None:
    """Words are bent, mistyped and accented; options are facets with counts, and narrow the list."""
    word = f"zq{uuid4().hex[:8].translate(str.maketrans('0123456789', 'ghijklmnop'))}"
    for colour in ("blue", "red"):
        variant = {"sku": f"F-{word}-{colour}", "price": {"amount": "9.00", "currency": "EUR"}}
        made = shop.staff.post(
            "/product/products",
            {
                "name": f"Café {word} chairs",
                "category": shop.category(),
                "variants": [{**variant, "options": {"Colour": colour}}],
                "published": True,
            },
        )
        assert made.status == 201, made
    mistyped = word[:3] + word[4] + word[3] + word[5:]
    page = shop.anyone.get(f"/product/products?search=cafe+{mistyped}+chair").body
    assert {item["sku"] for item in page["results"]} == {f"F-{word}-blue", f"F-{word}-red"}
    (facet,) = (facet for facet in page["facets"]["properties"] if facet["code"] == "colour")
    assert {value["value"]: value["count"] for value in facet["values"]} == {"blue": 1, "red": 1}
    narrowed = shop.anyone.get(f"/product/products?search={word}&colour=blue").body["results"]
    assert [item["sku"] for item in narrowed] == [f"F-{word}-blue"]


def test_a_picture_is_served_in_a_modern_format(shop: Shop) -> None:
    """Uploaded as PNG, shown on the product's page as AVIF and WebP, kept by clients for good."""
    sku = shop.product()
    fields, content_type = urllib3.encode_multipart_formdata(
        {"file": ("dot.png", b64decode(_DOT), "image/png"), "alt": "A dot"}
    )
    sent = urllib3.request(
        "POST",
        f"{shop.anyone.base_url}/product/products/{sku}/pictures",
        body=fields,
        headers={**shop.staff.headers, "Content-Type": content_type},
        retries=False,
    )
    assert sent.status == 201, sent.data
    (picture,) = shop.anyone.get(f"/product/products/{sku}").body["images"]
    assert picture["alt"] == "A dot"
    for file in picture["thumbnails"]:
        served = urllib3.request("GET", shop.anyone.base_url + file["url"], retries=False)
        assert (served.status, served.headers["Content-Type"]) == (200, f"image/{file['format']}")
        assert "immutable" in served.headers["Cache-Control"]


def test_a_review_of_somebody_who_bought(shop: Shop) -> None:
    """Verified by role order; shown, and counted, once staff approve it."""
    sku = shop.product(on_hand=1)
    customer = shop.customer()
    assert shop.buy(customer, sku).status == 201
    path = f"/product/products/{sku}/reviews"
    review = customer.post(path, {"author": "Ada", "rating": 4, "text": "Bright."})
    assert review.status == 201, review
    stranger = shop.customer().post(path, {"author": "Eve", "rating": 1})
    waiting = wait_for(
        lambda: {
            row["id"]: row["verified"] for row in shop.staff.get("/product/reviews?state=pending").body["results"]
        },
        lambda rows: None not in (rows.get(review.body["id"]), rows.get(stranger.body["id"])),
    )
    assert (waiting[review.body["id"]], waiting[stranger.body["id"]]) == (True, False)
    assert shop.anyone.get(path).body["results"] == []
    assert shop.staff.patch(f"/product/reviews/{review.body['id']}", {"state": "approved"}).status == 200
    (shown,) = shop.anyone.get(path).body["results"]
    assert (shown["author"], shown["verified"]) == ("Ada", True)
    assert shop.anyone.get(f"/product/products/{sku}").body["rating"] == {"average": 4.0, "count": 1}


# A PNG of one pixel.
_DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
