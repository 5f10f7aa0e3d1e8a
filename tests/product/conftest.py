import pytest
from django.test import Client

from apps.product import services
from apps.product.drafts import VariantDraft
from shop.events.registry import Received, handler_of
from shop.identity.models import Account
from shop.money import Money
from shop.transactions import command


@pytest.fixture
def staff(transactional_db: None) -> Client:
    """A browser in which an administrator is signed in."""
    account = Account.objects.create_superuser(email="staff@example.com", password="correct-horse-battery")
    client = Client()
    client.force_login(account)
    return client


@pytest.fixture
def lamps(transactional_db: None) -> str:
    """The slug of a category."""
    return services.create_category(slug="lamps", name="Lamps").slug


def sell(sku: str, *, name: str = "Lamp", price: str = "10.00", category: str = "lamps", more: int = 0) -> None:
    """Publish a product with the variant ``sku``, and ``more`` variants beside it."""
    each = Money.parse(price, "EUR")
    variants = [
        VariantDraft(sku=f"{sku}-{n}" if n else sku, price=each, options={"n": str(n)}, weight_g=100)
        for n in range(more + 1)
    ]
    services.create_product(name=name, category=category, variants=variants, published=True)


@command
def tell(*levels: tuple[str, int, int]) -> None:
    """Let product hear stock.changed.v1 with (SKU, available, sequence) of each level."""
    told = [{"sku": sku, "available": available, "sequence": sequence} for sku, available, sequence in levels]
    handler = handler_of("product", "stock.changed.v1")
    assert handler
    handler(Received("0", "stock.changed.v1", "x", 1, {"levels": told}))
