"""What other roles ask of user."""

from uuid import UUID

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from shop.api import InternalView
from shop.identity.models import Account


class ContactOf(InternalView):
    """E-mail address and name of one account, active or not: a parcel on its way is still announced."""

    def get(self, request: Request, account_id: UUID) -> Response:
        found = Account.objects.filter(pk=account_id).values("email", "name").first()
        if found is None:
            raise Http404
        return Response(found)
