"""YAML as manifests have it: plain values, read by libyaml, which takes a tenth of the time of Python's own reader."""

from collections.abc import Iterator
from typing import Any

import yaml


def of(text: str) -> Iterator[Any]:
    """What each document of ``text`` says; an empty one is None. Raises yaml.YAMLError."""
    yield from yaml.load_all(text, Loader=yaml.CSafeLoader)


def only(text: str) -> Any:
    """The same for a text that is one document."""
    (found,) = of(text)
    return found
