"""The list of cases has a case for every place: what is added without one fails here."""

import os

from shop.roles import ROLES
from tests.faults.cases import CASES, EVENTS, EXIT, LOSE, STEPS, deliveries
from tests.faults.journeys import JOURNEYS


def test_every_step_of_the_saga_has_its_cases() -> None:
    """Each position that makes a call: a crash before, a crash after, and an answer that is lost."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    import django

    django.setup()
    from apps.order import saga

    assert set(STEPS) == {str(position) for position, step in saga.STEPS.items() if step.call}
    places = {(case.point, case.action, case.journey) for case in CASES}
    for point, journey in STEPS.values():
        wanted = {
            (f"{point}:before", EXIT, journey),
            (f"{point}:after", EXIT, journey),
            (f"{point}:after", LOSE, journey),
        }
        assert wanted <= places


def test_every_event_has_its_cases() -> None:
    """Each event that anybody hears is emitted on a journey; each subscription has a crash while it is handled."""
    heard = {event for _, _, event in deliveries()}
    assert set(EVENTS) == heard
    points = {case.point for case in CASES}
    for emitter, subscriber, event in deliveries():
        assert {f"emit:{event}", f"handle:{subscriber}:{event}", f"settle:{emitter}:{subscriber}"} <= points


def test_every_pair_of_roles_that_tells_is_crashed() -> None:
    """Before and after each delivery between two roles."""
    pairs = {(emitter, subscriber) for subscriber, role in ROLES.items() for emitter in role.hears}
    points = {case.point for case in CASES}
    for emitter, subscriber in pairs:
        post = f"call:{emitter}:{subscriber}:/{subscriber}/internal/events"
        assert {f"{post}:before", f"{post}:after"} <= points


def test_every_case_is_on_a_journey() -> None:
    """No case waits for a journey that nobody makes."""
    assert {case.journey for case in CASES} == set(JOURNEYS)
