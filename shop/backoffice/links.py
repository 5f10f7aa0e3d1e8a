"""Addresses inside the admin: one admin for all roles in one process, one per role in the split."""

from urllib.parse import quote, urlencode

from shop.env import env


def admin_root(role: str) -> str:
    """Where the admin of ``role`` begins: a path ending in a slash."""
    return f"/{role}/admin/" if env.role else "/admin/"


def admin_url(role: str, page: str = "", /, **query: object) -> str:
    """The path of ``page`` ("order/order/") in the admin of ``role``, with ``query`` behind it."""
    return admin_root(role) + page + (f"?{urlencode(query)}" if query else "")


def panel_url(role: str, name: str, key: str) -> str:
    """The path of a panel's HTML fragment, the same in every topology."""
    return f"/{role}/admin/panels/{name}/{quote(str(key), safe='')}"
