"""The form of user tokens, apart from whose they are. No Django here: deploy/ and tests make and describe some."""

import time
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TYPE = "at+jwt"
ISSUER = "shop/user"
AUDIENCE = "shop"
LIFETIME_S = 15 * 60


def signed(subject: str, *, kid: str, key: Ed25519PrivateKey, **more: object) -> str:
    """An access token of the account ``subject`` that lives from now on; ``more`` are claims beside the usual ones."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": now,
        "exp": now + LIFETIME_S,
        "jti": uuid4().hex,
        **more,
    }
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"typ": TYPE, "kid": kid})
