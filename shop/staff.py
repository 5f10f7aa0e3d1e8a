"""Who of the staff may do what: the one table of permissions, in code.

A permission is Django's string ``<app>.<action>_<model>``. Besides view, add, change and delete
there are actions of the shop's own, as in ``order.refund_order`` or ``inventory.receive_stock``.
``docs/staff-roles.md`` shows the table; ``tests/identity/test_staff_walk.py`` walks it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

ADMINISTRATOR = "administrator"  # an account with ``is_superuser``; never among its ``staff_roles``

Grants = Mapping[str, frozenset[str]]  # "app.model" -> actions

_EDIT = "view add change delete"


def _grants(table: Mapping[str, str]) -> Grants:
    return {model: frozenset(actions.split()) for model, actions in table.items()}


# Every model of the admin with every action there is on it. What is missing here nobody may do by
# hand: ledgers are never changed, orders never deleted.
EVERYTHING: Grants = _grants(
    {
        "product.category": _EDIT,
        "product.product": f"{_EDIT} import",
        "product.variant": _EDIT,
        "product.image": _EDIT,
        "product.attribute": _EDIT,
        "product.attributevalue": _EDIT,
        "product.related": _EDIT,
        "product.review": "view moderate",
        "product.stockopening": "view",
        "product.level": "view",
        "product.revision": "view",
        "cart.cart": "view",
        "cart.cartline": "view",
        "cart.merge": "view",
        "order.order": "view operate cancel refund close",
        "order.orderline": "view",
        "order.fulfilment": "view",
        "order.payment": "view",
        "order.refund": "view operate",
        "order.quote": "view",
        "order.timelineentry": "view",
        "order.taxcountry": _EDIT,
        "order.taxrate": _EDIT,
        "payment.payment": "view operate",
        "payment.attempt": "view",
        "payment.entry": "view",
        "payment.refund": "view",
        "inventory.warehouse": "view add change",
        "inventory.item": "view change",
        "inventory.stock": "view receive adjust",
        "inventory.movement": "view",
        "inventory.reservation": "view operate",
        "inventory.reservationline": "view",
        "shipping.shippingmethod": "view add change",
        "shipping.zone": _EDIT,
        "shipping.zonearea": _EDIT,
        "shipping.rate": _EDIT,
        "shipping.shipment": "view operate",
        "shipping.trackingentry": "view",
        "notification.template": _EDIT,
        "notification.message": "view operate",
        "identity.account": "view add change password staff",  # staff: roles, whether active; also of other staff
        "identity.tokenkey": "view",
        "identity.signinthrottle": "view delete",
        "user.address": _EDIT,
        "user.tokenfamily": "view",
        "user.refreshtoken": "view",
        "events.event": "view",
        "events.delivery": "view operate",
        "idempotency.record": "view",
        "changes.change": "view",
    }
)


@dataclass(frozen=True, slots=True)
class StaffRole:
    """A job in the shop, and the actions it may take on each model."""

    name: str
    title: str
    grants: Grants


def _all_of(app: str, others: Mapping[str, str]) -> Grants:
    own = {model: actions for model, actions in EVERYTHING.items() if model.startswith(f"{app}.")}
    return {**own, **_grants(others)}


_ORDERS = dict.fromkeys(
    ["order.orderline", "order.fulfilment", "order.payment", "order.quote", "order.timelineentry"], "view"
)
_SHIPMENTS = {"shipping.shipment": "view", "shipping.trackingentry": "view"}

_TABLE = (
    StaffRole(
        "catalogue-manager",
        "Catalogue manager",
        _all_of("product", {"inventory.item": "view", "inventory.stock": "view"}),
    ),
    StaffRole(
        "order-clerk",
        "Order clerk",
        _grants(
            _ORDERS
            | _SHIPMENTS
            | {
                "order.order": "view operate cancel refund close",
                "order.refund": "view operate",
                "payment.payment": "view operate",
                "payment.attempt": "view",
                "payment.entry": "view",
                "payment.refund": "view",
                "shipping.shipment": "view operate",
                "notification.message": "view",
                "identity.account": "view",
                "user.address": "view",
            }
        ),
    ),
    StaffRole(
        "warehouse",
        "Warehouse",
        _all_of(
            "inventory",
            _SHIPMENTS
            | {
                "shipping.shipment": "view operate",
                "product.category": "view",
                "product.product": "view",
                "product.variant": "view",
                "product.image": "view",
            },
        ),
    ),
    StaffRole(
        "support",
        "Support",
        _grants(
            _ORDERS
            | _SHIPMENTS
            | {
                "order.order": "view cancel",
                "order.refund": "view",
                "notification.message": "view operate",
                "identity.account": "view change",  # a customer's name, nothing that opens an account
                "user.address": _EDIT,
                "product.product": "view",
                "product.review": "view moderate",
            }
        ),
    ),
    StaffRole(ADMINISTRATOR, "Administrator", EVERYTHING),
)

STAFF_ROLES: Mapping[str, StaffRole] = {role.name: role for role in _TABLE}
GRANTED = tuple((role.name, role.title) for role in _TABLE if role.name != ADMINISTRATOR)  # what an account may list


def may(roles: Collection[str], perm: str) -> bool:
    """Whether staff with these roles have a permission. An unknown role or permission grants nothing."""
    app, _, codename = perm.partition(".")
    action, _, model = codename.rpartition("_")
    return any(action in _actions(role, f"{app}.{model}") for role in roles)


def may_see_app(roles: Collection[str], app_label: str) -> bool:
    """Whether staff with these roles have any permission in an app."""
    known = (STAFF_ROLES[role] for role in roles if role in STAFF_ROLES)
    return any(model.startswith(f"{app_label}.") for role in known for model in role.grants)


def _actions(role: str, model: str) -> frozenset[str]:
    return STAFF_ROLES[role].grants.get(model, frozenset()) if role in STAFF_ROLES else frozenset()
