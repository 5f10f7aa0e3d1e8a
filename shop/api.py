"""What the views of every role build on."""

from collections.abc import Mapping

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from shop.identity.authentication import IsCallingRole, ServiceAuthentication
from shop.parsing import JSONParser
from shop.rendering import JSONRenderer


class InternalView(APIView):
    """Below ``/<role>/internal/``: for other roles only, JSON only, absent from the API documents."""

    authentication_classes = [ServiceAuthentication]
    permission_classes = [IsCallingRole]
    renderer_classes = [JSONRenderer]
    parser_classes = [JSONParser]
    schema = None
    purpose = "calls"  # the kind of pair in shop/roles.py that lets a caller in


class ApiRoot(APIView):
    """Where a role's resources are."""

    name = "API"  # in the browsable pages' breadcrumb
    permission_classes = [AllowAny]
    links: Mapping[str, str] = {}  # title -> name of the URL

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        shown = {title: reverse(name, request=request) for title, name in self.links.items()}
        base = request.path_info.rstrip("/")
        own = {"docs": f"{base}/docs", "openapi": f"{base}/openapi.json", "admin": f"{base}/admin/"}
        return Response(shown | {title: request.build_absolute_uri(path) for title, path in own.items()})
