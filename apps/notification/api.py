"""Public HTTP of notification: one's own messages, and the development mailbox."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.notification import mailbox
from apps.notification.models import Message, MessageKind, MessageState
from shop.env import env
from shop.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Messages, newest first; ``id`` breaks ties."""

    ordering = ("-created_at", "-id")


class MessageOut(serializers.Serializer[Any]):
    """A message to a customer; ``recipient`` is an account, or an address."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=MessageKind.choices)
    recipient = serializers.CharField()
    subject = serializers.CharField()
    text = serializers.CharField()
    state = serializers.ChoiceField(choices=MessageState.choices)
    created_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)


class MessagesOut(serializers.Serializer[Any]):
    """A page of messages."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = MessageOut(many=True)


class Messages(APIView):
    """The signed-in customer's messages, newest first; staff see everyone's."""

    @extend_schema(
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("limit", int, description="1 to 100")],
        responses=MessagesOut,
    )
    def get(self, request: Request) -> Response:
        messages = Message.objects.exclude(state=MessageState.WITHHELD)
        if not request.user.has_perm("notification.view_message"):
            messages = messages.filter(account_id=request.user.pk)
        paginator = NewestFirst()
        page = paginator.paginate_queryset(messages, request, view=self) or []
        return paginator.get_paginated_response([_shown(message) for message in page])


class MailboxQuery(serializers.Serializer[Any]):
    """``to`` narrows the mailbox to one recipient."""

    to = serializers.CharField(default="", allow_blank=True, max_length=254)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)


class MailOut(serializers.Serializer[Any]):
    """An e-mail as the development mail server received it."""

    id = serializers.IntegerField()
    message_id = serializers.CharField()
    to = serializers.ListField(child=serializers.CharField())
    subject = serializers.CharField()
    text = serializers.CharField()
    received_at = serializers.DateTimeField()


class MailboxOut(serializers.Serializer[Any]):
    """The latest e-mails, newest first."""

    results = MailOut(many=True)


class Mailbox(APIView):
    """Development: e-mails as they arrived, everyone's. Where no MAILBOX_URL is set it is 404."""

    permission_classes = [AllowAny]

    @extend_schema(
        parameters=[
            OpenApiParameter("to", str, description="One recipient's address"),
            OpenApiParameter("limit", int, description="1 to 100"),
        ],
        responses=MailboxOut,
    )
    def get(self, request: Request) -> Response:
        if not env.mailbox_url:
            raise Http404
        query = MailboxQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response({"results": mailbox.newest(**query.validated_data)})


def _shown(message: Message) -> dict[str, Any]:
    return {
        "id": message.pk,
        "kind": message.kind,
        "recipient": str(message.account_id or message.email),
        "subject": message.subject,
        "text": message.text,
        "state": message.state,
        "created_at": message.created_at,
        "sent_at": message.sent_at,
    }
