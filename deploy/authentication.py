"""``python -m deploy.authentication NAMESPACE < KEYS``: what makes the gateways of NAMESPACE check user tokens.

KEYS is a JWK set, as ``GET /user/jwks`` answers; prints a RequestAuthentication of all workloads there. The keys
are inline: istiod would fetch an address itself, cannot reach a pod that takes mTLS alone, and would then
have every token refused. ``deploy.local`` writes the same for the lab.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

import yaml

from shop.identity import issuing

NAME = "user-tokens"


def manifest(namespace: str, key_set: Mapping[str, Any]) -> dict[str, Any]:
    """A token that no key of the set signed, an expired one and another issuer's are 401; without one all pass.

    Roles check the token again: what it may do is theirs to say.
    """
    rule = {
        "issuer": issuing.ISSUER,
        "audiences": [issuing.AUDIENCE],  # a voucher of the sign-on, by the same issuer, is no token
        "jwks": json.dumps(key_set, sort_keys=True),
        "fromHeaders": [{"name": "Authorization", "prefix": "Bearer "}],  # and not ?access_token=, the default's other
        "forwardOriginalToken": True,
    }
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "RequestAuthentication",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {"jwtRules": [rule]},
    }


class NotPublicKeys(Exception):
    """What is wrong with a JWK set."""


def read(text: str) -> dict[str, Any]:
    """A JWK set of public keys. Raises NotPublicKeys."""
    try:
        key_set: dict[str, Any] = json.loads(text)
        incomplete = [jwk for jwk in key_set["keys"] if not {"kty", "kid"} <= jwk.keys()]
        private = [jwk["kid"] for jwk in key_set["keys"] if {"d", "k"} & jwk.keys()]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NotPublicKeys('no JWK set: {"keys": [...]}') from None
    if incomplete or not key_set["keys"]:
        raise NotPublicKeys("no key, or one without kty or kid")
    if private:
        raise NotPublicKeys(f"private keys, which belong in no manifest: {', '.join(map(str, private))}")
    return key_set


def main() -> int:
    """Exit status 0, or 1 with one line."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print("usage: python -m deploy.authentication NAMESPACE < KEYS", file=sys.stderr)
        return 1
    try:
        key_set = read(sys.stdin.read())
    except UnicodeDecodeError:
        print("Standard input is no text", file=sys.stderr)
        return 1
    except NotPublicKeys as refusal:
        print(f"Standard input has {refusal}", file=sys.stderr)
        return 1
    print(yaml.safe_dump(manifest(sys.argv[1], key_set), sort_keys=False, width=120), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
