"""Keys as files: Ed25519 (RFC 8037), private ones as PEM with mode 600, public ones as a JWK set (RFC 7517)."""

import fcntl
import json
import os
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

PUBLIC = "public.json"  # in the folder of service keys: what every role may know
ACTIVE = "active"  # in the folder of token keys: the kid that signs
_KID = re.compile(r"[0-9a-f]{16}")


class NoSuchKey(Exception):
    """The folder has no token key of that kid."""


class KeyInUse(Exception):
    """The key signs: activate another one first."""


def make_service_keys(folder: Path, names: Iterable[str]) -> list[str]:
    """Create the missing keys of ``names``, and the JWK set of all; return the names created."""
    with _locked(folder):
        made = [name for name in names if not (folder / f"{name}.pem").exists()]
        for name in made:
            _create(folder / f"{name}.pem")
        text = json.dumps(public_set(folder), indent=2) + "\n"
        public = folder / PUBLIC
        if not public.exists() or public.read_text() != text:
            _replace(public, text, mode=0o644)
    return made


def make_token_keys(folder: Path) -> list[str]:
    """Create and activate a token key where none is active; return the kids created."""
    with _locked(folder):
        if (folder / ACTIVE).exists():
            return []
        kid = _new_kid(folder)
        _replace(folder / ACTIVE, kid)
    return [kid]


def add_token_key(folder: Path) -> str:
    """Create a token key that is published but does not sign yet; return its kid."""
    with _locked(folder):
        return _new_kid(folder)


def activate_token_key(folder: Path, kid: str) -> None:
    """Sign with ``kid`` from now on. Raises NoSuchKey."""
    with _locked(folder):
        _require(folder, kid)
        _replace(folder / ACTIVE, kid)


def withdraw_token_key(folder: Path, kid: str) -> None:
    """Stop publishing ``kid``: tokens it signed are refused. Raises NoSuchKey, KeyInUse."""
    with _locked(folder):
        _require(folder, kid)
        if active_kid(folder) == kid:
            raise KeyInUse(kid)
        (folder / f"{kid}.pem").unlink()


def active_kid(folder: Path) -> str:
    """The kid that signs. Raises FileNotFoundError in a folder without keys."""
    return (folder / ACTIVE).read_text().strip()


def private_key(path: Path) -> Ed25519PrivateKey:
    """The private key in ``path``. Raises FileNotFoundError; TypeError for another kind of key."""
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{path} is not an Ed25519 key")
    return key


def public_set(folder: Path) -> dict[str, Any]:
    """The JWK set of all private keys in ``folder``; a key's ``kid`` is its file's name."""
    paths = sorted(folder.glob("*.pem"))
    return {"keys": [public_jwk(path.stem, private_key(path).public_key()) for path in paths]}


def parse(key_set: Mapping[str, Any]) -> dict[str, Ed25519PublicKey]:
    """The Ed25519 keys of a JWK set, by kid. Raises KeyError, jwt.PyJWTError for something else."""
    found = {jwk["kid"]: jwt.PyJWK(jwk, algorithm="EdDSA").key for jwk in key_set["keys"]}
    return {kid: key for kid, key in found.items() if isinstance(key, Ed25519PublicKey)}


def public_jwk(kid: str, key: Ed25519PublicKey) -> dict[str, str]:
    """The key as an element of a JWK set."""
    x = urlsafe_b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "alg": "EdDSA", "x": x}


def _new_kid(folder: Path) -> str:
    kid = secrets.token_hex(8)
    _create(folder / f"{kid}.pem")
    return kid


def _require(folder: Path, kid: str) -> None:
    if not _KID.fullmatch(kid) or not (folder / f"{kid}.pem").exists():
        raise NoSuchKey(kid)


def _create(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _replace(path, pem.decode())


def _replace(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write aside and rename: a reader finds the old file or the new one, whole."""
    fresh = path.with_name(f".{path.name}.new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask, and whatever a crash left
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Make ``folder``, and let one process at a time change it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
