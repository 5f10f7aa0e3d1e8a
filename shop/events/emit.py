"""Writing an event to the outbox."""

import dataclasses
import json
from typing import Any
from uuid import uuid4

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from shop import faults, wake
from shop.events import registry
from shop.roles import subscribers_of
from shop.transactions import step


@step
def emit(event: Any, *, aggregate: str, sequence: int) -> None:
    """Write ``event`` and one delivery per subscriber; they exist if and only if the caller commits.

    ``sequence`` grows with each event of the same ``aggregate``.
    """
    declared = registry.declared(event)
    payload = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    subscribers = list(subscribers_of(declared.emitter, declared.name))
    faults.at(f"emit:{declared.name}")
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            {
                "id": uuid4(),
                "name": declared.name,
                "emitter": declared.emitter,
                "aggregate": aggregate,
                "sequence": sequence,
                "payload": json.dumps(payload, cls=DjangoJSONEncoder),
                "subscribers": subscribers,
            },
        )
    if subscribers:
        wake.after_commit(declared.emitter, "relay")


# Event and deliveries in one statement; columns with defaults are left to the database.
_INSERT = """
WITH written AS (
    INSERT INTO events_event (id, name, emitter, aggregate, sequence, payload)
    VALUES (%(id)s, %(name)s, %(emitter)s, %(aggregate)s, %(sequence)s, %(payload)s::jsonb)
    RETURNING id, emitter
)
INSERT INTO events_delivery (event_id, emitter, subscriber)
SELECT written.id, written.emitter, subscriber FROM written, unnest(%(subscribers)s::text[]) AS subscriber
"""
