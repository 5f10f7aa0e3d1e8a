"""One row per idempotency key that has had an effect."""

from django.db import models
from django.db.models.functions import Now


class Record(models.Model):
    """``key`` of ``scope`` (caller and route) did one command, whose result is ``resource``.

    Invariant, held by the database: one row per scope and key. The row commits together with the
    command's effect, so a row without an effect, or an effect without its row, cannot be. The body
    is kept as a hash only.
    """

    scope = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)  # HMAC-SHA-256 of the body, hexadecimal
    resource = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="idempotency_key_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_created")]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"
