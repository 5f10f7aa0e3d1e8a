"""User tokens: what is accepted, and what is not."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from shop import context
from shop.env import env
from shop.errors import NoAnswer
from shop.identity import keyfiles, keyring, tokens
from shop.identity.models import Account, TokenKey
from shop.transactions import command

Mint = Callable[..., str]


@pytest.fixture
def account() -> Account:
    return Account(email="ada@example.com", name="Ada", is_staff=True)


@pytest.fixture
def forge(account: Account) -> Mint:
    """A token like ``mint``'s, with some claims and headers changed; None leaves one out."""

    def make(
        *, key: Ed25519PrivateKey | str | None = None, alg: str = "EdDSA", typ: str = "at+jwt", **claims: object
    ) -> str:
        kid, own = tokens.signing_key()
        good = jwt.decode(tokens.mint(account), options={"verify_signature": False})
        changed = {name: value for name, value in (good | claims).items() if value is not None}
        signer = own if key is None else key
        return jwt.encode(changed, signer, algorithm=alg, headers={"typ": typ, "kid": kid})

    return make


def test_a_token_names_its_account_and_nothing_personal(account: Account) -> None:
    """Id and flags come back; neither the address nor the name is inside."""
    token = tokens.mint(account)
    claims = tokens.verify(token)
    shadow = claims.account()
    assert (shadow.pk, shadow.is_staff, shadow.is_superuser) == (account.pk, True, False)
    assert shadow.is_authenticated
    assert shadow.is_active
    said = jwt.decode(token, options={"verify_signature": False})
    assert set(said) == {"iss", "aud", "sub", "iat", "exp", "jti", "is_staff", "is_superuser", "staff_roles"}
    assert said["exp"] - said["iat"] == 15 * 60


def test_the_forgery_of_nothing_is_accepted(forge: Mint) -> None:
    """The control of the refusals below."""
    assert tokens.verify(forge())


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1},
        {"iat": int(time.time()) + 3600},
        {"aud": "order"},
        {"iss": "shop/order"},
        {"sub": "admin"},
        {"sub": None},
        {"exp": None},
        {"aud": None},
        {"iss": None},
        {"typ": "JWT"},
        {"typ": "svc+jwt"},
        pytest.param({"key": Ed25519PrivateKey.generate()}, id="another key"),
        {"key": "guessed" * 8, "alg": "HS256"},
        {"key": "", "alg": "none"},
    ],
    ids=str,
)
def test_a_wrong_token_is_refused(forge: Mint, changed: dict[str, object]) -> None:
    """Expired, early, for or from someone else, incomplete, of another type, not signed by user."""
    with pytest.raises(tokens.InvalidToken):
        tokens.verify(forge(**changed))


@given(st.text(max_size=200) | st.from_regex(r"[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,40}"))
def test_garbage_is_refused(text: str) -> None:
    """Whatever a client sends is an InvalidToken, nothing else."""
    with context.working_as("user"), pytest.raises(tokens.InvalidToken):
        tokens.verify(text)


def test_a_changed_payload_is_refused(account: Account) -> None:
    """A signature covers what it signs."""
    head, _, signature = tokens.mint(account).split(".")
    _, payload, _ = tokens.mint(Account(is_superuser=True)).split(".")
    with pytest.raises(tokens.InvalidToken):
        tokens.verify(f"{head}.{payload}.{signature}")


def test_a_remembered_token_still_expires(forge: Mint) -> None:
    """Expiry is checked at each use, not only the first time."""
    token = forge(exp=int(time.time()) + 1)
    claims = tokens.verify(token)
    deadline = time.monotonic() + 5
    while time.time() < claims.expires_at and time.monotonic() < deadline:
        pass
    with pytest.raises(tokens.InvalidToken):
        tokens.verify(token)


def test_repeated_use_is_cheap(account: Account) -> None:
    """A known token costs a fraction of a signature check (100 µs)."""
    token = tokens.mint(account)
    tokens.verify(token)
    begin = time.process_time()
    for _ in range(1000):
        tokens.verify(token)
    assert (time.process_time() - begin) / 1000 < 30e-6


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Token keys of the test's own: the process-wide ones stay as they are."""
    own = tmp_path / "tokens"
    keyfiles.make_token_keys(own)
    kept = env.token_keys
    object.__setattr__(env, "token_keys", own)
    yield own
    object.__setattr__(env, "token_keys", kept)


@pytest.mark.django_db(transaction=True)
class TestOtherRoles:
    """How a role without the private keys checks tokens."""

    @pytest.fixture(autouse=True)
    def as_order(self, folder: Path) -> Iterator[None]:
        with context.working_as("user"):
            self.token = tokens.mint(Account())
        with context.working_as("order"):
            yield

    def test_the_keys_are_fetched_and_kept(self, folder: Path) -> None:
        """One call to user; the keys are in the database afterwards."""
        assert tokens.verify(self.token)
        assert list(TokenKey.objects.values_list("kid", flat=True)) == [keyfiles.active_kid(folder)]

    def test_a_restart_while_user_is_away(self, folder: Path) -> None:
        """Kept keys are enough: nothing answers, and the token is still accepted."""
        tokens.verify(self.token)
        tokens._verified.cache_clear()
        ring = keyring.Keyring(_away, fresh_s=1, keys=keyfiles.parse({"keys": keyring._kept()}))
        assert ring.find(keyfiles.active_kid(folder))

    def test_without_any_keys_nothing_is_decided(self) -> None:
        """No answer from user, no key known: that is no reason to call a token invalid."""
        ring = keyring.Keyring(_away, fresh_s=1)
        with pytest.raises(NoAnswer):
            ring.find("0" * 16)

    def test_who_asks_during_the_first_load_waits_for_it(self) -> None:
        """A valid token is not refused because its key is just being fetched by another request."""
        begun, key = Event(), Ed25519PrivateKey.generate().public_key()

        def load() -> keyring.Keys:
            begun.set()
            Event().wait(0.2)  # as long as an answer over the network may take
            return {"a": key}

        ring = keyring.Keyring(load, fresh_s=300)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(ring.find, "a")
            begun.wait(5)
            assert ring.find("a") is key
            assert first.result() is key

    def test_a_rotation_without_downtime(self, folder: Path) -> None:
        """Old and new tokens are accepted, until the old key is withdrawn."""
        tokens.verify(self.token)
        new = keyfiles.add_token_key(folder)
        keyring.of.cache_clear()  # time passes: every role learns of it
        tokens.verify(self.token)
        keyfiles.activate_token_key(folder, new)
        fresh = tokens.mint(Account())
        assert tokens.verify(fresh).kid == new
        assert tokens.verify(self.token).kid != new
        keyfiles.withdraw_token_key(folder, tokens.verify(self.token).kid)
        keyring.of.cache_clear()
        assert tokens.verify(fresh)
        with pytest.raises(tokens.InvalidToken):
            tokens.verify(self.token)
        assert list(TokenKey.objects.values_list("kid", flat=True)) == [new]

    def test_unknown_kids_do_not_flood_user(self) -> None:
        """A hundred unknown kids ask once."""
        asked = []

        def load() -> keyring.Keys:
            asked.append(1)
            return {}

        ring = keyring.Keyring(load, fresh_s=300)
        for number in range(100):
            with pytest.raises(keyring.UnknownKey):
                ring.find(str(number))
        assert len(asked) == 1

    def test_nothing_is_asked_inside_a_transaction(self) -> None:
        """A fetch would hold the transaction's locks while it waits."""

        @command
        def verify() -> None:
            tokens.verify(self.token)

        with pytest.raises(RuntimeError, match="inside a transaction"):
            verify()


def _away() -> keyring.Keys:
    raise NoAnswer("user is away")


def test_minting_without_keys_says_what_to_do(folder: Path) -> None:
    """A missing key is named with its remedy."""
    (folder / keyfiles.ACTIVE).unlink()
    with pytest.raises(Exception, match="make_keys"):
        tokens.mint(Account(id=uuid4()))
