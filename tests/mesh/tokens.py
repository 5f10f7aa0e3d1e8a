"""Users' tokens, good ones and such as a proxy refuses; and what makes the stage's sidecars check them."""

import time
from dataclasses import dataclass
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy import authentication
from shop.identity import issuing, keyfiles
from tests.mesh.objects import STAGE, Key, Object

_PATIENCE_S = 61  # for which a proxy still takes what has expired; roles do not
_STRANGER = "https://accounts.example.com"
REFUSED = {  # with which status, by what is wrong with it
    "forged": 401,
    "expired": 401,
    "of another issuer": 401,
    "of another audience": 403,
}


@dataclass(frozen=True)
class Signer:
    """A key as user has it."""

    kid: str
    key: Ed25519PrivateKey

    def token(self, *, key: Ed25519PrivateKey | None = None, **claims: object) -> str:
        """As user mints them, but for ``key`` and some claims."""
        minted = issuing.signed(str(uuid4()), kid=self.kid, key=self.key)
        good = jwt.decode(minted, options={"verify_signature": False})
        headers = {"typ": issuing.TYPE, "kid": self.kid}
        return jwt.encode(good | claims, key or self.key, algorithm="EdDSA", headers=headers)

    def refused(self, kind: str) -> str:
        """One of those in REFUSED."""
        match kind:
            case "forged":
                return self.token(key=Ed25519PrivateKey.generate())
            case "expired":
                return self.token(exp=int(time.time()) - _PATIENCE_S)
            case "of another issuer":
                return self.token(iss=_STRANGER)
            case _:
                return self.token(aud=_STRANGER)


STAGE_USER = Signer(uuid4().hex[:16], Ed25519PrivateKey.generate())


def checked() -> dict[Key, Object]:
    """What ``deploy.authentication`` makes of the stage's key; for sidecars: the gateways check the shop's."""
    jwk = keyfiles.public_jwk(STAGE_USER.kid, STAGE_USER.key.public_key())
    made = authentication.manifest(STAGE, {"keys": [jwk]})
    return {(made["kind"], made["metadata"]["name"]): made}
