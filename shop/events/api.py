"""Where a role's events arrive: ``POST /<role>/internal/events``."""

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from shop import context
from shop.api import InternalView
from shop.events.registry import Received
from shop.events.relay import BATCH, receive


class EventIn(serializers.Serializer[Received]):
    """One event on the wire."""

    id = serializers.UUIDField()
    name = serializers.CharField(max_length=80)
    aggregate = serializers.CharField(max_length=80)
    sequence = serializers.IntegerField()
    payload = serializers.DictField()


class EventsIn(serializers.Serializer[object]):
    """A batch of one emitter."""

    events = serializers.ListField(child=EventIn(), max_length=BATCH)


class Events(InternalView):
    """Handle a batch; the answer tells, event by event, what became of it."""

    purpose = "events"

    def post(self, request: Request) -> Response:
        body = EventsIn(data=request.data)
        body.is_valid(raise_exception=True)
        events = [Received(**event | {"id": str(event["id"])}) for event in body.validated_data["events"]]
        return Response({"answers": receive(subscriber=context.current_role(), events=events)})
