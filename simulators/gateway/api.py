"""The resources of the gateway: each handler reads a request, calls the books once, renders the answer."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC
from typing import Any

from simulators.gateway import cards
from simulators.gateway.books import Authorisation, Books, Movement
from simulators.gateway.config import Config
from simulators.gateway.errors import Refusal
from simulators.gateway.http import Answer, Request, parse_integer, parse_name
from simulators.gateway.money import as_text, check_decimals, parse_amount, parse_currency

PAGE_DEFAULT = 200
PAGE_LIMIT = 1000
LAST_SEQ = 10**18 - 1

Handler = Callable[..., Answer]


class Unanswered(Exception):
    """The work is committed and its answer is to be lost."""


class Api:
    """Handlers by method and path."""

    def __init__(self, *, config: Config, books: Books) -> None:
        self.config = config
        self.books = books
        self.routes: list[tuple[str, re.Pattern[str], Handler]] = [
            ("POST", re.compile(r"/v1/authorisations"), self.authorise),
            ("POST", re.compile(r"/v1/authorisations/(?P<target>\w{1,64})/captures", re.ASCII), self.capture),
            ("POST", re.compile(r"/v1/authorisations/(?P<target>\w{1,64})/void", re.ASCII), self.void),
            ("POST", re.compile(r"/v1/captures/(?P<target>\w{1,64})/refunds", re.ASCII), self.refund),
            ("GET", re.compile(r"/v1/authorisations/(?P<target>\w{1,64})", re.ASCII), self.look_up),
            ("GET", re.compile(r"/v1/authorisations"), self.look_up_by_reference),
            ("GET", re.compile(r"/v1/books"), self.read_books),
            ("GET", re.compile(r"/v1/presentations"), self.count_presentations),
        ]

    def answer(self, request: Request) -> Answer:
        """Route one request. Raises Refusal (also for an unknown path), Outage or Unanswered."""
        allowed = []
        for method, pattern, handler in self.routes:
            if match := pattern.fullmatch(request.path):
                if method == request.method:
                    return handler(request, **match.groupdict())
                allowed.append(method)
        if allowed:
            raise Refusal(405, "method_not_allowed", f"allowed here: {', '.join(allowed)}")
        raise Refusal(404, "not_found", "there is no such resource")

    def authorise(self, request: Request) -> Answer:
        """Ask the issuer once per key. A decline is a 201 too: it is an answer, and it is kept."""
        key = request.idempotency_key()
        body = request.json_object()
        amount, currency = parse_amount(body.get("amount")), parse_currency(body.get("currency"))
        check_decimals(amount, currency)
        token, reference = (
            parse_name(body.get("token"), "token"),
            parse_name(body.get("reference"), "reference"),
        )
        outcome = cards.outcome(
            token=token,
            reference=reference,
            seed=self.config.seed,
            failure_rate=self.config.failure_rate,
        )
        if outcome.behaviour is cards.Behaviour.UNAVAILABLE:
            self.books.refuse_during_outage(key=key, outage_s=self.config.outage_s)
        movement = self.books.authorise(
            key=key,
            fingerprint=_fingerprint("authorise", str(amount), currency, token, reference),
            reference=reference,
            amount=amount,
            currency=currency,
            outcome=outcome,
        )
        if outcome.behaviour is cards.Behaviour.HANGS and not movement.is_replay:
            raise Unanswered
        return _made(movement)

    def capture(self, request: Request, *, target: str) -> Answer:
        """Take the money, in full or in part; once per authorisation."""
        return self._take_or_return("capture", request, target)

    def refund(self, request: Request, *, target: str) -> Answer:
        """Give back part of a capture, until all of it is given back."""
        return self._take_or_return("refund", request, target)

    def _take_or_return(self, kind: str, request: Request, target: str) -> Answer:
        key = request.idempotency_key()
        amount = parse_amount(request.json_object().get("amount"))
        fingerprint = _fingerprint(kind, target, str(amount))
        return _made(self.books.follow_up(kind=kind, target=target, key=key, fingerprint=fingerprint, amount=amount))

    def void(self, request: Request, *, target: str) -> Answer:
        """Let the authorisation go. The body is ignored."""
        key = request.idempotency_key()
        return _made(
            self.books.follow_up(kind="void", target=target, key=key, fingerprint=_fingerprint("void", target))
        )

    def look_up(self, request: Request, *, target: str) -> Answer:
        """One authorisation as it stands now."""
        found = self.books.authorisations(ids=[target])
        if not found:
            raise Refusal(404, "not_found", "there is no such authorisation")
        return Answer(200, self._with_movements(found)[0])

    def look_up_by_reference(self, request: Request) -> Answer:
        """All authorisations under the given references, as they stand now. None proves nothing:
        the request may still be on its way."""
        references = request.query("reference").get("reference", [])
        if not references:
            raise Refusal(400, "invalid_parameter", "name at least one reference")
        return Answer(200, {"results": self._with_movements(self.books.authorisations(references=references))})

    def _with_movements(self, authorisations: list[Authorisation]) -> list[dict[str, Any]]:
        movements = self.books.movements_of(authorisations)
        return [
            _standing(found, [line for line in movements if line.authorisation_id == found.id])
            for found in authorisations
        ]

    def read_books(self, request: Request) -> Answer:
        """A page of movements, oldest first; ``next`` is null on the last one."""
        query = request.query("after", "limit", "id", "reference", "key")
        after = parse_integer(query, "after", default=0, minimum=0, maximum=LAST_SEQ)
        limit = parse_integer(query, "limit", default=PAGE_DEFAULT, minimum=1, maximum=PAGE_LIMIT)
        lines = self.books.page(
            after=after,
            limit=limit + 1,
            ids=query.get("id", ()),
            references=query.get("reference", ()),
            keys=query.get("key", ()),
        )
        shown = lines[:limit]
        following = str(shown[-1].seq) if len(lines) > limit else None
        return Answer(200, {"results": [_line(line) for line in shown], "next": following})

    def count_presentations(self, request: Request) -> Answer:
        """How often one key arrived, also where it was refused."""
        keys = request.query("key").get("key", [])
        if len(keys) != 1:
            raise Refusal(400, "invalid_parameter", "name one key")
        return Answer(200, {"key": keys[0], "presented": self.books.presented(keys[0])})


def _made(movement: Movement) -> Answer:
    replayed = [("Idempotency-Replayed", "true")] if movement.is_replay else []
    return Answer(201, _movement(movement), replayed)


def _movement(movement: Movement) -> dict[str, Any]:
    return {
        "id": movement.id,
        "kind": movement.kind,
        "authorisation": movement.authorisation_id,
        "status": movement.status,
        "decline_code": movement.decline_code,
        "amount": as_text(movement.amount, movement.currency),
        "currency": movement.currency,
        "reference": movement.reference,
        "created_at": movement.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }


def _line(movement: Movement) -> dict[str, Any]:
    return _movement(movement) | {"key": movement.key, "presented": movement.presented}


def _standing(authorisation: Authorisation, movements: list[Movement]) -> dict[str, Any]:
    opening = next(line for line in movements if line.kind == "authorisation")
    return _line(opening) | {
        "status": authorisation.state,
        "captured": as_text(authorisation.captured, authorisation.currency),
        "refunded": as_text(authorisation.refunded, authorisation.currency),
        "captures": [_line(line) for line in movements if line.kind == "capture"],
        "refunds": [_line(line) for line in movements if line.kind == "refund"],
        "voids": [_line(line) for line in movements if line.kind == "void"],
    }


def _fingerprint(*parts: str) -> bytes:
    return hashlib.sha256(json.dumps(parts).encode()).digest()
