"""The one place where a password is checked: for tokens, the admin and the browsable API."""

from django.contrib.auth.hashers import make_password

from shop.identity import throttle
from shop.identity.models import Account


class WrongPassword(Exception):
    """No active account has this address and password; which of these it was, nobody learns."""


def check(*, email: str, password: str, address: str) -> Account:
    """The active account of ``email``, if ``password`` is its own; ``address`` is where the attempt comes from.

    Takes as long for an address that has no account. Raises WrongPassword, TooManyAttempts.
    """
    email = email.strip().lower()
    throttle.count(email=email, address=address)
    account = Account.objects.filter(email=email).first()
    if account is None:
        make_password(password)
        raise WrongPassword
    if not account.check_password(password) or not account.is_active:
        raise WrongPassword
    throttle.forgive(email=email, address=address)
    return account
