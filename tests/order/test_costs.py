"""What order does costs the same for one line as for fifty, and for one order as for fifty."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shop import context
from tests.order.world import Caller, World

PLACING = 8  # order's own statements from the quote's look-up to confirmed; BEGIN, limits and COMMIT not counted
_OWN = re.compile(r"order_(order|quote|timelineentry)\b|idempotency_record|'order\.confirmed")


def own_statements(queries: CaptureQueriesContext) -> list[str]:
    """Statements on order's tables, and those its commands make on shared ones."""
    return [query["sql"] for query in queries.captured_queries if _OWN.search(query["sql"])]


@pytest.mark.parametrize("what", ["quote", "place", "page", "list", "fulfil"])
def test_statements_do_not_grow_with_lines(shop: World, what: str) -> None:
    """Compared at 1 and 50 lines, over all roles."""
    counts = {}
    skus = [shop.sku(20) for _ in range(50)]
    for lines in (1, 50):
        who, wanted = shop.customer(), dict.fromkeys(skus[:lines], 1)
        warm(shop, who)
        quote = who.quote(wanted).body
        if what in {"page", "list", "fulfil"}:
            number = who.pay(quote["id"]).body["number"]
        with CaptureQueriesContext(connection) as queries:
            if what == "quote":
                assert who.quote(wanted).status == 201
            elif what == "place":
                assert who.pay(quote["id"]).status == 201
            elif what == "page":
                assert who.get(f"/order/orders/{number}").status == 200
            elif what == "list":
                assert who.get("/order/orders").status == 200
            else:
                with context.working_as("order"):
                    assert shop.advance() == 1
        counts[lines] = len(queries)
    assert counts[1] == counts[50], counts


def warm(shop: World, who: Caller) -> None:
    """Whatever is cached on first use."""
    who.buy({shop.sku(1): 1})
    while shop.advance():
        pass
    who.get("/order/orders")


def test_a_list_of_fifty_costs_what_one_costs(shop: World) -> None:
    """Rows do not multiply statements."""
    sku, who, counts = shop.sku(60), shop.customer(), []
    warm(shop, who)
    for orders in (1, 49):
        for _ in range(orders):
            assert who.buy({sku: 1}).status == 201
        with CaptureQueriesContext(connection) as queries:
            assert who.get("/order/orders?limit=50").status == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_placing_takes_few_statements(shop: World) -> None:
    """Order's own part of quote to confirmed."""
    sku, who = shop.sku(5), Caller()
    warm(shop, shop.customer())
    quote = who.quote({sku: 1}).body["id"]
    with CaptureQueriesContext(connection) as queries:
        assert who.pay(quote).status == 201
    mine = own_statements(queries)
    assert len(mine) == PLACING, mine
