"""Django's settings for every role; what differs between processes comes from ``shop.env``."""

import django_stubs_ext
from django.templatetags.static import static

from shop.database import configuration
from shop.env import ROOT, env
from shop.roles import ROLES

django_stubs_ext.monkeypatch()

SECRET_KEY = env.secret_key or "insecure: only for commands that sign nothing"
DEBUG = False
ALLOWED_HOSTS = list(env.allowed_hosts)
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"

INSTALLED_APPS = [
    "shop",
    "shop.identity",
    "shop.changes",
    "shop.events",
    "shop.idempotency",
    *(ROLES[name].app for name in env.serves if name in ROLES),
    "shop.backoffice.apps.BackofficeConfig",  # the first template of a name wins
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "shop.backoffice.apps.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_prometheus",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "shop.middleware.ServiceMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "shop.changes.middleware.StaffActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "shop/templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": configuration(env.database_url, pool_size=env.db_pool)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "identity.Account"
AUTHENTICATION_BACKENDS = ["shop.identity.backends.EmailBackend"]
PASSWORD_HASHERS = [
    "shop.identity.hashers.Argon2idHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",  # reads what another Django wrote
]
_VALIDATION = "django.contrib.auth.password_validation."
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": _VALIDATION + "UserAttributeSimilarityValidator", "OPTIONS": {"user_attributes": ("email", "name")}},
    {"NAME": _VALIDATION + "MinimumLengthValidator"},
    {"NAME": _VALIDATION + "CommonPasswordValidator"},
]

# Behind one address eight services share a browser's cookie jar: every name and path is a role's own.
_prefix = f"/{env.role}/" if env.role else "/"
SESSION_COOKIE_NAME = f"{env.role or 'shop'}_session"
CSRF_COOKIE_NAME = f"{env.role or 'shop'}_csrf"
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = _prefix
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.https
SESSION_COOKIE_AGE = 15 * 60
SESSION_SAVE_EVERY_REQUEST = False
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.https else None
SECURE_HSTS_SECONDS = 31_536_000 if env.https else 0
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # the ingress redirects; roles call each other in plain HTTP inside mTLS
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = env.https

STATIC_URL = f"{_prefix}static/"
_collected = ROOT / "static"  # an image makes this folder and collects them; a checkout need not
STATIC_ROOT = _collected if _collected.is_dir() else None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None

# Pictures are served by role product itself, whatever keeps them.
STORAGES = {
    "default": {"BACKEND": env.media_storage, "OPTIONS": env.storage_options},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "shop.formats"
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True
APPEND_SLASH = False
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000  # the page of a product with a thousand variants

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "shop.identity.authentication.TokenAuthentication",
        "shop.identity.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["shop.rendering.JSONRenderer", "shop.rendering.BrowsableRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "shop.parsing.JSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_PAGINATION_CLASS": "shop.pagination.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "shop.problems.handle",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": True,
    "DATETIME_FORMAT": "iso-8601",
}

SPECTACULAR_SETTINGS = {
    "TITLE": f"Shop: {env.role}" if env.role else "Shop",
    "VERSION": env.version,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [],  # choices stay where they are used: eight roles all have a "status"
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
}

UNFOLD = {
    "SITE_TITLE": "Shop",
    "SITE_HEADER": "Shop",
    "SITE_SUBHEADER": env.role or "Back office",
    "SITE_SYMBOL": "storefront",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("shop/icon.svg")}],
    "STYLES": [lambda request: static("backoffice/desk.css")],
    "SCRIPTS": [lambda request: static("backoffice/desk.js")],
}

PROMETHEUS_EXPORT_MIGRATIONS = False
# Seconds, each bound a fifth above the one below: a canary's p95 may be 1.2 times the stable version's (deploy/canary),
# which django-prometheus' own bounds, up to 2.5 times apart, could not tell from 1.0.
_PREFERRED = (1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2)  # the E12 series
PROMETHEUS_LATENCY_BUCKETS = tuple(float(f"{one}e{power}") for power in (-3, -2, -1, 0) for one in _PREFERRED)
PROMETHEUS_LATENCY_BUCKETS += (10.0, float("inf"))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django.request": {"level": "ERROR"},  # a 4xx is an answer, not a warning
        "django.server": {"level": "WARNING"},
    },
}
