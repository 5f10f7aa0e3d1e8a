"""What each role emits and handles, by the name of the event."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
Handler = Callable[["Received"], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Received:
    """An event as its subscriber gets it. ``sequence`` orders the events of one ``aggregate``.

    No order of arrival is promised: a projection ignores a sequence older than the one it has.
    """

    id: str
    name: str
    aggregate: str
    sequence: int
    payload: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Declared:
    """A declared event: who emits it, and which fields are blanked after 30 days or at erasure."""

    name: str
    emitter: str
    type: type
    personal: frozenset[str]


_declared: dict[str, Declared] = {}
_by_type: dict[type, Declared] = {}
_handlers: dict[tuple[str, str], Handler] = {}


class DuplicateDeclaration(Exception):
    """Two declarations of one event, or two handlers of one role for it."""


def event(name: str) -> Callable[[type[T]], type[T]]:
    """Declare a frozen dataclass of ``apps.<role>.events`` as the event ``name``."""

    def declare(cls: type[T]) -> type[T]:
        if name in _declared:
            raise DuplicateDeclaration(name)
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        blanked = frozenset(field.name for field in fields if field.metadata.get("personal"))
        _declared[name] = _by_type[cls] = Declared(name, _role(cls.__module__), cls, blanked)
        return cls

    return declare


def personal() -> Any:
    """A field with personal data: blanked in the outbox after 30 days or at erasure."""
    return dataclasses.field(metadata={"personal": True})


def handles(name: str) -> Callable[[Handler], Handler]:
    """Let a function of ``apps.<role>.events`` handle ``name``; it joins the consumer's transaction."""

    def register(handler: Handler) -> Handler:
        key = _role(handler.__module__), name
        if key in _handlers:
            raise DuplicateDeclaration(f"{key[0]} handles {name} already")
        _handlers[key] = handler
        return handler

    return register


def declared(instance: object) -> Declared:
    """The declaration of an event instance. Raises KeyError for a class that is no event."""
    return _by_type[type(instance)]


def handler_of(subscriber: str, name: str) -> Handler | None:
    """The handler of ``name`` in ``subscriber``, None for a type this version does not know."""
    return _handlers.get((subscriber, name))


def all_declared() -> Mapping[str, Declared]:
    return _declared


def all_handled() -> frozenset[tuple[str, str]]:
    """Pairs of subscriber and event name."""
    return frozenset(_handlers)


def _role(module: str) -> str:
    return module.split(".")[1]
