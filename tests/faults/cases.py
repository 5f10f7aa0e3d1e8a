"""Where a process dies or an answer is lost, and on which journey of a customer that place is reached."""

from collections.abc import Iterator
from dataclasses import dataclass

from shop.roles import ROLES

EXIT, LOSE = "exit", "lose"
STALL = "delay 4"  # seconds: twice a lease, so that somebody else has taken over when its holder wakes up

_RESERVATIONS = "call:order:inventory:/inventory/internal/reservations"
_PAYMENTS = "call:order:payment:/payment/internal/payments"
_SHIPMENTS = "call:order:shipping:/shipping/internal/shipments"
_ID = "ID"  # how shop.faults writes a UUID

# Each position of the saga at which a call is made (apps/order/saga.py): the call, and a journey on which
# it is made. ``test_every_step_of_the_saga_has_its_cases`` compares this with the saga itself.
STEPS = {
    "reserve": (_RESERVATIONS, "buy"),
    "authorise": (_PAYMENTS, "buy"),
    "secure": (f"{_RESERVATIONS}/{_ID}/secure", "buy"),
    "book": (_SHIPMENTS, "buy"),
    "capture": (f"{_PAYMENTS}/{_ID}/capture", "buy"),
    "commit": (f"{_RESERVATIONS}/{_ID}/commit", "buy"),
    "hand_over": (f"{_SHIPMENTS}/{_ID}/hand_over", "buy"),
    "unbook": (f"{_SHIPMENTS}/{_ID}/cancel", "capture-refused"),
    "release": (f"{_RESERVATIONS}/{_ID}/release", "cancel"),
    "void": (f"{_PAYMENTS}/{_ID}/void", "cancel"),
    "release_unpaid": (f"{_RESERVATIONS}/{_ID}/release", "declined"),
}

# Commands an order passes through, in the role that calls and in those that are called.
COMMANDS = {
    "order.open_order": "buy",
    "order.saga.advance": "buy",
    "order.request_cancel": "cancel",
    "order.refunds.open_refund": "refund",
    "order.refunds.open_refund_of_units": "refund-units",
    "order.refunds.conclude": "refund-units",
    "inventory.reserve": "buy",
    "inventory.secure": "buy",
    "inventory.commit": "buy",
    "inventory.release": "cancel",
    "payment._intend_authorisation": "buy",
    "payment._intend_capture": "buy",
    "payment._intend_refund": "refund",
    "payment.steps.settle": "buy",
    "payment.void": "cancel",
    "shipping.book": "buy",
    "shipping.hand_over": "buy",
    "shipping.cancel": "capture-refused",
    "shipping.advance": "buy",
    "notification.sending._settle": "buy",
    "shop.events.relay._handle": "buy",
}

# A journey on which each event is emitted. ``test_every_event_has_its_cases`` compares it with shop/roles.py.
EVENTS = {
    "account.registered.v1": "register",
    "order.cancelled.v1": "cancel",
    "order.confirmed.v1": "buy",
    "order.rejected.v1": "declined",
    "payment.changed.v1": "buy",
    "payment.refunded.v1": "refund",
    "shipment.booked.v1": "buy",
    "shipment.cancelled.v1": "capture-refused",
    "shipment.delivered.v1": "buy",
    "shipment.handed_over.v1": "buy",
    "stock.changed.v1": "buy",
    "stock.low.v1": "low-stock",
}


@dataclass(frozen=True, slots=True)
class Case:
    """On ``journey``, whoever first reaches ``point`` suffers ``action``."""

    journey: str
    point: str
    action: str

    def __str__(self) -> str:
        return f"{self.action}-{self.point}-{self.journey}"


def deliveries() -> Iterator[tuple[str, str, str]]:
    """Emitter, subscriber and event of every subscription."""
    for subscriber, role in ROLES.items():
        for emitter, events in role.hears.items():
            yield from ((emitter, subscriber, event) for event in sorted(events))


def _of_steps() -> Iterator[Case]:
    for point, journey in STEPS.values():
        yield Case(journey, f"{point}:before", EXIT)
        yield Case(journey, f"{point}:after", EXIT)
        yield Case(journey, f"{point}:after", LOSE)


def _of_commands() -> Iterator[Case]:
    for name, journey in COMMANDS.items():
        yield Case(journey, f"command:{name}:commit", EXIT)
        yield Case(journey, f"command:{name}:after", EXIT)


def _of_events() -> Iterator[Case]:
    for event, journey in EVENTS.items():
        yield Case(journey, f"emit:{event}", EXIT)
    begun = set()
    for emitter, subscriber, event in deliveries():
        yield Case(EVENTS[event], f"handle:{subscriber}:{event}", EXIT)
        if (emitter, subscriber) not in begun:  # the same place for whatever they tell
            begun.add((emitter, subscriber))
            yield from _of_delivery(emitter, subscriber, EVENTS[event])


def _of_delivery(emitter: str, subscriber: str, journey: str) -> Iterator[Case]:
    post = f"call:{emitter}:{subscriber}:/{subscriber}/internal/events"
    yield Case(journey, f"{post}:before", EXIT)
    yield Case(journey, f"{post}:after", LOSE)
    yield Case(journey, f"settle:{emitter}:{subscriber}", EXIT)


def _of_stalled_holders() -> Iterator[Case]:
    """Whoever holds a lease wakes up when it is no longer theirs: what they write must not count."""
    yield Case("buy", f"{STEPS['book'][0]}:before", STALL)
    yield Case("buy", f"{STEPS['capture'][0]}:before", STALL)
    yield Case("buy", f"{STEPS['hand_over'][0]}:after", STALL)
    yield Case("buy", "command:order.saga.advance:before", STALL)
    yield Case("buy", "command:payment.steps.settle:before", STALL)
    yield Case("buy", "command:notification.sending._settle:before", STALL)
    yield Case("buy", "settle:order:notification", STALL)


def _all() -> Iterator[Case]:
    yield from _of_steps()
    yield from _of_commands()
    yield from _of_events()
    yield from _of_stalled_holders()


CASES = tuple(_all())
