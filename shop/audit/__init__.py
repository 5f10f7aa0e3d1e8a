"""Proof that the books agree: rules within a role, and facts that roles must agree on.

``apps/<role>/audit.py`` declares them; ``manage.py audit`` asks every role and compares.
"""

from shop.audit.registry import Fact, facts, pending, rule

__all__ = ["Fact", "facts", "pending", "rule"]
