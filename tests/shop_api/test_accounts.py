"""Accounts and tokens."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from tests.shop_api.client import ADDRESS, PASSWORD, Shop


def _email() -> str:
    return f"{uuid4().hex[:12]}@example.com"


def test_an_address_is_registered_once(shop: Shop) -> None:
    """Ten at once, whatever the case: one 201, nine 409 email-taken."""
    email = _email()
    spellings = [email, email.upper()] * 5

    def register(spelling: str) -> tuple[int, str]:
        answer = shop.anyone.post("/user/register", {"email": spelling, "password": PASSWORD, "name": "Ada"})
        return answer.status, answer.problem

    with ThreadPoolExecutor(10) as pool:
        answers = sorted(pool.map(register, spellings))
    assert answers == [(201, "")] + [(409, "email-taken")] * 9


def test_a_wrong_password_tells_nothing(shop: Shop) -> None:
    """Unknown address and wrong password are the same answer."""
    email = _email()
    shop.customer(email)
    wrong = shop.anyone.post("/user/token", {"email": email, "password": "wrong"})
    unknown = shop.anyone.post("/user/token", {"email": _email(), "password": "wrong"})
    assert (wrong.status, wrong.body) == (unknown.status, unknown.body)
    assert wrong.status == 401


def test_a_weak_password_is_refused(shop: Shop) -> None:
    """400, naming the field."""
    answer = shop.anyone.post("/user/register", {"email": _email(), "password": "12345", "name": "Ada"})
    assert (answer.status, "password" in answer.body["errors"]) == (400, True)


def test_a_stolen_refresh_token_ends_the_family(shop: Shop) -> None:
    """A rotated token used again revokes every token that came from it."""
    email = _email()
    shop.customer(email)
    first = shop.anyone.post("/user/token", {"email": email, "password": PASSWORD}).body["refresh"]
    second = shop.anyone.post("/user/token/refresh", {"refresh": first}).body["refresh"]
    third = shop.anyone.post("/user/token/refresh", {"refresh": second}).body["refresh"]
    assert shop.anyone.post("/user/token/refresh", {"refresh": first}).status == 401
    assert shop.anyone.post("/user/token/refresh", {"refresh": third}).status == 401


def test_me_and_my_addresses(shop: Shop) -> None:
    """A customer sees and changes what is theirs."""
    who = shop.customer()
    assert who.patch("/user/me", {"name": "Grace"}).body["name"] == "Grace"
    made = who.post("/user/addresses", ADDRESS)
    assert made.status == 201, made
    path = f"/user/addresses/{made.body['id']}"
    assert shop.customer().get(path).status == 404
    assert who.delete(path).status == 204


def test_public_keys_are_public(shop: Shop) -> None:
    """A JWK set without any private part."""
    keys = shop.anyone.get("/user/jwks")
    assert keys.status == 200
    assert keys.body["keys"]
    assert all(key["kty"] == "OKP" and "d" not in key for key in keys.body["keys"])
