"""YAML as manifests have it: plain values, read by libyaml, which takes a tenth of the time of Python's own reader."""

from typing import Any

import yaml


def of(text: str) -> list[Any]:
    """What each document of ``text`` says; None for one with nothing in it. Raises yaml.YAMLError."""
    return list(yaml.load_all(text, Loader=yaml.CSafeLoader))


def only(text: str) -> Any:
    """The same for a text that is one document. Raises yaml.YAMLError; ValueError if it is none, or several."""
    found = of(text)
    if len(found) != 1:
        raise ValueError(f"{len(found)} documents where one was expected")
    return found[0]
