"""A page of the admin as a browser holds it: the values of its form, to be changed and sent."""

from html.parser import HTMLParser
from typing import Any

from django.test import Client


class _Reader(HTMLParser):
    """Collects the fields of the form with id ``form_id``; what is in a <template> is no field yet."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self.fields: dict[str, list[str]] = {}
        self._inside = False
        self._templates = 0
        self._select = ""
        self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self._inside = found.get("id") == self.form_id
        elif tag == "template":
            self._templates += 1
        elif self._inside and not self._templates:
            self._field(tag, found)

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self._templates -= 1
        elif tag == "form":
            self._inside = False
        elif tag == "textarea":
            self._textarea = ""
        elif tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.fields[self._textarea][0] += data

    def _field(self, tag: str, found: dict[str, str | None]) -> None:
        name, value = found.get("name") or "", found.get("value") or ""
        if tag == "input" and name and found.get("type") not in {"file", "submit"}:
            if found.get("type") not in {"checkbox", "radio"} or "checked" in found:
                self.fields.setdefault(name, []).append(value)
        elif tag == "textarea":
            self._textarea = name
            self.fields[name] = [""]
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in found:
            self.fields.setdefault(self._select, []).append(value)


def form_of(text: str, form_id: str) -> dict[str, Any]:
    """The fields of a form by name: a text, or a list where a name has several values."""
    reader = _Reader(form_id)
    reader.feed(text)
    fields: dict[str, Any] = {n: v if len(v) > 1 else v[0].removeprefix("\n") for n, v in reader.fields.items()}
    fields.pop("csrfmiddlewaretoken", None)
    return fields


def opened(client: Client, address: str, form_id: str = "product_form") -> dict[str, Any]:
    """The form of the page at ``address``."""
    page = client.get(address)
    assert page.status_code == 200, page.status_code
    return form_of(page.text, form_id)


def add_row(fields: dict[str, Any], prefix: str, **values: str) -> None:
    """What the page's script does for another row: the next index, and what is typed in it."""
    index = int(fields[f"{prefix}-TOTAL_FORMS"])
    fields[f"{prefix}-TOTAL_FORMS"] = str(index + 1)
    fields |= {f"{prefix}-{index}-{name}": value for name, value in values.items()}
