"""A browser without scripts: cookies by path, redirects, and the forms of the last page."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener

from urllib3 import encode_multipart_formdata


@dataclass
class Form:
    """A form of a page: where it goes and what its fields hold."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.styles: list[str] = []
        self._inside = False
        self._open = ""  # the textarea, or the select, that is being read

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "link" and given.get("rel") == "stylesheet":
            self.styles.append(given["href"])
        if tag == "form":
            self.forms.append(Form(given.get("action", "")))
            self._inside = True
        ticked = given.get("type") not in {"checkbox", "radio", "submit"} or "checked" in given
        if tag == "input" and self._inside and given.get("name") and ticked:
            self.forms[-1].fields[given["name"]] = given.get("value", "on" if "checked" in given else "")
        if tag in {"textarea", "select"} and self._inside and given.get("name"):
            self._open = given["name"]
        if tag == "textarea" and self._open:
            self.forms[-1].fields[self._open] = ""
        if tag == "option" and self._open and "selected" in given:
            self.forms[-1].fields[self._open] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._open and self._open in self.forms[-1].fields and self.lasttag == "textarea":
            self.forms[-1].fields[self._open] += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "form"
        if tag in {"textarea", "select"}:
            self._open = ""


@dataclass
class Page:
    """An answer after its redirects; ``path`` is where they led."""

    status: int
    path: str
    headers: Any
    text: str

    @property
    def forms(self) -> list[Form]:
        return self._parsed.forms

    @property
    def styles(self) -> list[str]:
        return self._parsed.styles

    @property
    def _parsed(self) -> _Forms:
        parsed = _Forms()
        parsed.feed(self.text)
        return parsed

    @property
    def csrf(self) -> str:
        """The token that the page's forms carry."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.text)
        assert found, self.text[:500]
        return found[1]


class Browser:
    """One person's browser. ``base_url`` is the shop's. Like every browser it says from where a form was sent."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.jar = CookieJar()
        self._opener = build_opener(HTTPCookieProcessor(self.jar))

    def get(self, path: str) -> Page:
        return self._open(Request(urljoin(self.base_url, path)))

    def post(self, path: str, fields: Any) -> Page:
        body = urlencode(fields, doseq=True).encode()
        return self._open(Request(urljoin(self.base_url, path), data=body, headers=self._origin, method="POST"))

    def upload(self, page: Page, form: Form, file: tuple[str, bytes, str], **fields: Any) -> Page:
        """Send a form with a file (name, content, media type) in its field ``file``."""
        body, media_type = encode_multipart_formdata({**form.fields, **fields, "file": file})
        address = urljoin(self.base_url, urljoin(page.path, form.action))
        return self._open(Request(address, data=body, headers={"Content-Type": media_type, **self._origin}))

    def submit(self, page: Page, form: Form, **fields: Any) -> Page:
        """Send a form of ``page``, with some fields filled in."""
        return self.post(urljoin(page.path, form.action), form.fields | fields)

    def visit(self, path: str) -> Page:
        """GET, and whatever sign-on there is on the way, as the page's script does it."""
        page = self.get(path)
        return self.submit(page, page.forms[0]) if page.headers.get("X-Sign-On") else page

    def sign_in(self, email: str, password: str) -> Page:
        """At the admin, by its form."""
        page = self.get("/admin/")
        (form,) = [each for each in page.forms if "username" in each.fields]
        return self.submit(page, form, username=email, password=password)

    @property
    def _origin(self) -> dict[str, str]:
        return {"Origin": self.base_url}

    def _open(self, request: Request) -> Page:
        try:
            answer = self._opener.open(request, timeout=20)
        except HTTPError as refusal:
            answer = refusal
        with answer:
            parts = urlsplit(answer.url)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            return Page(answer.status or 0, path, answer.headers, answer.read().decode(errors="replace"))
