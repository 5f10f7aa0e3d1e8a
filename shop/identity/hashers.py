"""How passwords are kept."""

from typing import Any

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from django.contrib.auth.hashers import BasePasswordHasher, mask_hash


class Argon2idHasher(BasePasswordHasher):
    """Argon2id (RFC 9106) in the format of Django's own hasher, without another package.

    Parameters are one of OWASP's equivalent sets: 12 MiB and three passes take about 20 ms of CPU,
    where PBKDF2 and scrypt of the same list take 200; eight threads that hash at once take 96 MiB.
    """

    algorithm = "argon2"
    memory_kib = 12 * 1024
    passes = 3
    lanes = 1
    length = 32  # bytes of the hash

    def encode(self, password: str, salt: str) -> str:
        """``argon2`` and the PHC string."""
        kdf = Argon2id(
            salt=salt.encode(),
            length=self.length,
            iterations=self.passes,
            lanes=self.lanes,
            memory_cost=self.memory_kib,
        )
        return self.algorithm + kdf.derive_phc_encoded(password.encode())

    def verify(self, password: str, encoded: str) -> bool:
        """Compared in constant time, with the parameters that ``encoded`` names."""
        try:
            Argon2id.verify_phc_encoded(password.encode(), encoded.removeprefix(self.algorithm))
        except InvalidKey:
            return False
        return True

    def decode(self, encoded: str) -> dict[str, Any]:
        """The parts of ``encoded``; ``salt`` as its base64 text."""
        algorithm, variety, version, parameters, salt, digest = encoded.split("$")
        return {
            "algorithm": algorithm,
            "variety": variety,
            "version": version,
            "parameters": parameters,
            "salt": salt,
            "hash": digest,
        }

    def must_update(self, encoded: str) -> bool:
        """Whether it was made with other parameters: the next sign-in hashes again."""
        current = f"m={self.memory_kib},t={self.passes},p={self.lanes}"
        return bool(self.decode(encoded)["parameters"] != current)

    def safe_summary(self, encoded: str) -> dict[Any, Any]:
        """What the admin may show."""
        shown = self.decode(encoded)
        return shown | {"salt": mask_hash(shown["salt"]), "hash": mask_hash(shown["hash"])}

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Nothing: the cost is not a number of iterations that could be topped up."""
