from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client

from shop.identity.models import Account
from shop.staff import ADMINISTRATOR

SignIn = Callable[..., Client]


@pytest.fixture
def signed_in(db: None) -> SignIn:
    """``signed_in("support")``: a client whose session is that of staff with the role; an administrator by default."""

    def sign_in(role: str = ADMINISTRATOR) -> Client:
        account = Account.objects.create_user(
            email=f"{uuid4().hex}@example.com",
            password=None,
            is_staff=True,
            is_superuser=role == ADMINISTRATOR,
            staff_roles=[] if role == ADMINISTRATOR else [role],
        )
        client = Client()
        client.force_login(account)
        return client

    return sign_in
