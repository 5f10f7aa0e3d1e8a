"""The one table of roles: what each calls, whose events it hears.

Credentials, import contracts, event deliveries, and later the mesh's policies, are derived from
it; ``tests/shop_api/test_z_whole_run.py`` compares it with the pairs seen while the suite runs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

OPERATOR = "operator"  # the identity of `manage.py audit`: reads every role's facts, calls nothing else


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One app that can be served alone: ``apps.<name>`` under ``/<name>``.

    ``calls`` names the roles whose ``client`` it may import; ``hears`` maps an emitting role to the
    event types that are delivered here.
    """

    name: str
    calls: frozenset[str] = frozenset()
    hears: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def app(self) -> str:
        return f"apps.{self.name}"


def _role(name: str, calls: str = "", **hears: str) -> Role:
    return Role(
        name=name,
        calls=frozenset(calls.split()),
        hears={emitter: frozenset(events.split()) for emitter, events in hears.items()},
    )


_TABLE = (
    _role("product", calls="inventory order", inventory="stock.changed.v1"),
    _role("cart", calls="product inventory", order="order.confirmed.v1"),
    _role(
        "order",
        calls="product cart inventory payment shipping",
        payment="payment.changed.v1",
        shipping="shipment.booked.v1 shipment.cancelled.v1 shipment.handed_over.v1 shipment.delivered.v1",
    ),
    _role("payment"),
    _role("user"),
    _role("inventory"),
    _role("shipping"),
    _role(
        "notification",
        calls="user",
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
