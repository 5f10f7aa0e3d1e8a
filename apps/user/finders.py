"""What the admin's search box finds in customers."""

from django.db.models import Q

from shop.backoffice.finders import Hit, finder
from shop.backoffice.links import admin_url
from shop.identity.models import Account

_SHORTEST = 3  # characters of an address or a name that say something


@finder(role="user", permission="identity.view_account")
def accounts(text: str, limit: int) -> list[Hit]:
    """By the beginning of an e-mail address, or of a name."""
    if len(text) < _SHORTEST:
        return []
    asked = Q(email__startswith=text.lower()) | Q(name__startswith=text)
    return [
        Hit(
            title=account.email,
            note=account.name,
            href=admin_url("user", f"identity/account/{account.pk}/change/"),
        )
        for account in Account.objects.filter(asked).order_by()[:limit]
    ]
