"""The one table of roles: what each calls, by method and path, and whose events it hears.

Credentials, import contracts, event deliveries, NetworkPolicies and the mesh's AuthorizationPolicies
are derived from it; ``tests/shop_api/test_z_whole_run.py`` compares it with the pairs seen while the
suite runs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

OPERATOR = "operator"  # the identity of `manage.py audit`: reads every role's facts, calls nothing else


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """One method and path of a role; ``*`` stands for one segment, an id."""

    method: str
    path: str

    def is_for(self, method: str, path: str) -> bool:
        """Whether a request is for this endpoint; ``path`` is without its query."""
        mine, theirs = self.path.split("/"), path.split("/")
        return (
            method == self.method
            and len(mine) == len(theirs)
            and all(part in {"*", other} for part, other in zip(mine, theirs, strict=True))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One app that can be served alone: ``apps.<name>`` under ``/<name>``.

    ``calls`` maps each role whose ``client`` it may import to what that sends; ``hears`` maps an
    emitting role to the event types that are delivered here.
    """

    name: str
    calls: Mapping[str, frozenset[Endpoint]] = field(default_factory=dict)
    hears: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def app(self) -> str:
        return f"apps.{self.name}"


def _role(name: str, calls: Mapping[str, str] | None = None, **hears: str) -> Role:
    return Role(
        name=name,
        calls={callee: _endpoints(f"/{callee}/internal/", listed) for callee, listed in (calls or {}).items()},
        hears={emitter: frozenset(events.split()) for emitter, events in hears.items()},
    )


def _endpoints(prefix: str, listed: str) -> frozenset[Endpoint]:
    """From ``GET a, POST b/*/c``."""
    pairs = (each.split() for each in listed.split(","))
    return frozenset(Endpoint(method, prefix + path) for method, path in pairs)


_PRICES = "GET prices, POST prices"  # POST for more SKUs than fit into a request line

_TABLE = (
    _role(
        "product",
        calls={"inventory": "POST opening-stock", "order": "POST purchases"},
        inventory="stock.changed.v1",
    ),
    _role(
        "cart",
        calls={"product": _PRICES, "inventory": "GET availability"},
        order="order.confirmed.v1",
    ),
    _role(
        "order",
        calls={
            "product": _PRICES,
            "cart": "POST contents",
            "inventory": "GET availability, POST reservations, POST reservations/*/secure, "
            "POST reservations/*/commit, POST reservations/*/release",
            "payment": "POST payments, POST payments/*/capture, POST payments/*/void, POST refunds",
            "shipping": "GET rate, POST shipments, POST shipments/*/cancel, POST shipments/*/hand_over",
        },
        payment="payment.changed.v1",
        shipping="shipment.booked.v1 shipment.cancelled.v1 shipment.handed_over.v1 shipment.delivered.v1",
    ),
    _role("payment"),
    _role("user"),
    _role("inventory"),
    _role("shipping"),
    _role(
        "notification",
        calls={"user": "GET accounts/*/contact"},
        order="order.confirmed.v1 order.rejected.v1 order.cancelled.v1",
        payment="payment.refunded.v1",
        shipping="shipment.handed_over.v1 shipment.delivered.v1",
        user="account.registered.v1",
        inventory="stock.low.v1",
    ),
)

ROLES: Mapping[str, Role] = {role.name: role for role in _TABLE}
KEYS = "user"  # publishes the public keys that every other role reads


def callers_of(callee: str) -> frozenset[str]:
    """Roles that may send commands and questions to ``callee``."""
    return frozenset(role.name for role in _TABLE if callee in role.calls)


def emitters_to(subscriber: str) -> frozenset[str]:
    """Roles that may post events to ``subscriber``."""
    return frozenset(ROLES[subscriber].hears)


def subscribers_of(emitter: str, event: str) -> tuple[str, ...]:
    """Roles that hear ``event`` of ``emitter``, in the order of the table."""
    return tuple(role.name for role in _TABLE if event in role.hears.get(emitter, ()))


@dataclass(frozen=True, slots=True)
class Pair:
    """``source`` may reach ``target`` for one ``purpose``: calls, events, keys or operator."""

    source: str
    target: str
    purpose: str


def pairs() -> Iterator[Pair]:
    """Every permitted pair with its purpose; what is not listed is refused on both sides."""
    for role in _TABLE:
        yield from (Pair(role.name, callee, "calls") for callee in sorted(role.calls))
        yield from (Pair(emitter, role.name, "events") for emitter in sorted(role.hears))
        if role.name != KEYS:
            yield Pair(role.name, KEYS, "keys")
        yield Pair(OPERATOR, role.name, "operator")


_PERMITTED = frozenset((pair.source, pair.target, pair.purpose) for pair in pairs())


def permitted(source: str, target: str, purpose: str) -> bool:
    """Whether ``source`` may reach ``target`` for ``purpose``."""
    return (source, target, purpose) in _PERMITTED


@cache
def endpoints(source: str, target: str, purpose: str) -> tuple[Endpoint, ...]:
    """What ``source`` may send to ``target`` for ``purpose``, sorted; nothing for a pair that is not in the table."""
    if not permitted(source, target, purpose):
        return ()
    if purpose == "calls":
        return tuple(sorted(ROLES[source].calls[target]))
    return tuple(Endpoint(method, path.format(target)) for method, path in _OF_EVERY_ROLE[purpose])


def may_send(source: str, target: str, purpose: str, method: str, path: str) -> bool:
    """Whether ``source`` may send that to ``target`` for ``purpose``; ``path`` is without its query."""
    return any(one.is_for(method, path) for one in endpoints(source, target, purpose))


_OF_EVERY_ROLE = {
    "events": [("POST", "/{}/internal/events")],
    "keys": [("GET", "/{}/jwks")],
    "operator": [
        ("GET", "/{}/internal/audit/pending"),
        ("GET", "/{}/internal/audit/rules"),
        ("POST", "/{}/internal/audit/facts/*"),
    ],
}
