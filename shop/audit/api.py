"""What the operator reads of a role: broken rules, facts, and whether anything is under way."""

from django.db import connection
from django.http import Http404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from shop import context
from shop.api import InternalView
from shop.audit import registry
from shop.audit.snapshot import snapshot
from shop.events.models import DeliveryState

FACTS_PAGE = 1000


class Rules(InternalView):
    """Every row of this role that breaks a rule, all read in one snapshot."""

    purpose = "operator"

    def get(self, request: Request) -> Response:
        found = []
        with snapshot() as cursor:
            for name, sql in registry.book_of(context.current_role()).rules.items():
                cursor.execute(sql)
                found += [{"rule": name, "id": row[0], "detail": row[1]} for row in cursor.fetchall()]
        return Response({"broken": found})


class FactsIn(serializers.Serializer[object]):
    """The ids to read, or the id after which the next page begins."""

    ids = serializers.ListField(child=serializers.CharField(max_length=100), max_length=FACTS_PAGE, required=False)
    after = serializers.CharField(default="", allow_blank=True, max_length=100)


class Facts(InternalView):
    """One page of facts, or those of certain ids. POST, since a page of ids is too long for a URL."""

    purpose = "operator"

    def post(self, request: Request, name: str) -> Response:
        reader = registry.book_of(context.current_role()).facts.get(name)
        if reader is None:
            raise Http404
        asked = FactsIn(data=request.data)
        asked.is_valid(raise_exception=True)
        query = asked.validated_data
        return Response({"facts": reader(query.get("ids"), query["after"], FACTS_PAGE)})


class Pending(InternalView):
    """What is under way and will end by itself, by kind; deliveries of events among it."""

    purpose = "operator"

    def get(self, request: Request) -> Response:
        return Response(under_way(context.current_role()))


def under_way(role: str) -> dict[str, int]:
    """What ``role``, which this process must serve, will still do by itself: how many of each kind."""
    counted = {name: count() for name, count in registry.book_of(role).pending.items()}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM events_delivery WHERE emitter = %s AND state = %s", [role, DeliveryState.DUE]
        )
        counted["deliveries"] = cursor.fetchone()[0]
    return counted
