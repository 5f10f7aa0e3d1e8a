"""``make demo``: a day of orders, replayed against the shop that runs here, through its public API.

ORDERS=300 says how many, SEED=… repeats a day, DAY_S=90 how long the day takes, BASE_URL=… where the shop is
(default: where ``make run`` says in var/demo.json). Every order is placed now: the API has no way to place one
in the past, so the day's curve is pressed into these seconds. The admin's charts of a new shop have bars of
seconds, too, and show the curve; in an older shop it is one burst.
"""

import json
import os
import secrets
import shlex
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import urllib3

from shop.var import Var
from tests.shop_api.client import Answer, Api
from tools.demo_day import Afterwards, Day, Visit, Way, name_of, opinion_of, plan

ROOT = Path(__file__).resolve().parent.parent
NAMESPACE = UUID("8d2c5b1e-4f0a-4c1c-9a57-6b0c1d1f7e55")  # of the day's idempotency keys
AT_ONCE = 8  # buyers in the shop; a laptop's two cores are busy with them
REST_S = 120  # for what is under way after the last order: half a minute, unless the shop is busy
LISTED = 500  # SKUs that are looked at, at most
FAVOURITES = 40  # SKUs that are delivered before the day, where it wants more than there is; others may sell out
CARTON = 12  # units, of which deliveries are multiples
TRIES = 5  # of a request without an answer; each carries its key, so a repeat is safe
BAR = 30
PASSWORD = "demo-of-a-whole-day"  # of accounts that exist for the demo only
AT_REST = {"delivered", "cancelled", "rejected"}


@dataclass
class Tally:
    """What happened, counted by the buyers as they go; the rest is read from the orders in the end."""

    counts: Counter[str] = field(default_factory=Counter)
    placed: dict[str, Visit] = field(default_factory=dict)  # by order number
    trouble: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def note(self, answer: Answer, what: str) -> None:
        """An answer nobody planned for: said in the end, and the day goes on."""
        with self._lock:
            self.trouble.append(f"{what}: {answer.status} {answer.problem or str(answer.body)[:200]}")

    def order(self, number: str, visit: Visit) -> None:
        with self._lock:
            self.placed[number] = visit


class Replay:
    """One day in one shop."""

    def __init__(self, day: Day, anyone: Api, staff: Api | None) -> None:
        self.day, self.anyone, self.staff = day, anyone, staff
        self.tally = Tally()
        self._signed_in: dict[int, Api] = {}

    def open_accounts(self, pool: ThreadPoolExecutor) -> None:
        """Those who have an account sign in, and register before that, unless an earlier demo did."""
        accounts = self.day.accounts
        self._signed_in = dict(zip(accounts, pool.map(self._account, accounts), strict=True))

    def _account(self, buyer: int) -> Api:
        sign_in = {"email": self._email(buyer), "password": PASSWORD}
        token = self.send(self.anyone, "/user/token", sign_in)
        if token.status != 200:
            self.send(self.anyone, "/user/register", {**sign_in, "name": name_of(buyer)})
            token = self.send(self.anyone, "/user/token", sign_in)
        if token.status != 200:
            sys.exit(f"cannot sign in as {sign_in['email']}: {token.status} {token.body}")
        return self.anyone.and_headers(Authorization=f"Bearer {token.body['access']}")

    def _email(self, buyer: int) -> str:
        """Everybody's own; other days have other customers."""
        return f"{name_of(buyer).replace(' ', '.').lower()}+{self.day.seed}@example.com"

    def receive(self) -> int:
        """Before the day: staff fill up what sells most. How many SKUs."""
        if self.staff is None:
            return 0
        warehouse = self.staff.get("/inventory/warehouses").body["results"][0]["code"]
        wanted, received = self.day.wanted, 0
        for sku in self.day.favourites[:FAVOURITES]:
            short = wanted[sku] - self.anyone.get(f"/inventory/stock/{sku}").body.get("available", 0)
            if short > 0:
                units = CARTON * (short // CARTON + 1)
                receipt = {"sku": sku, "warehouse": warehouse, "quantity": units, "reference": "Morning delivery"}
                received += self.send(self.staff, "/inventory/receipts", receipt, key=f"receipt {sku}").status == 201
        return received

    def visit(self, visit: Visit) -> None:
        """One buyer, from the cart to the order and, where it is planned, to its cancellation."""
        who = self._signed_in[visit.buyer] if visit.way == Way.ACCOUNT else self.anyone
        if visit.way != Way.GUEST:
            who, answer = self._fill_cart(who, visit)
            if answer.status != 201:
                self._refused(answer, "cart")
                return
        if visit.abandoned:
            self.tally.count("carts left")
            return
        quote = self.send(who, "/order/quotes", self._wanted(visit), key=f"{visit.number} quote")
        if quote.status != 201:
            self._refused(quote, "quote")
            return
        self._pay(visit, who, quote.body["id"])

    def _wanted(self, visit: Visit) -> dict[str, Any]:
        """What to quote. Only a guest's cart is quoted as a cart: two visits of one account may share its cart."""
        asked: dict[str, Any] = {
            "shipping_method": "standard",
            "shipping_address": {"name": name_of(visit.buyer), **visit.address},
        }
        if visit.way != Way.GUEST_CART:
            asked["lines"] = [{"sku": sku, "quantity": units} for sku, units in visit.lines.items()]
        if visit.way != Way.ACCOUNT:
            asked["email"] = self._email(visit.buyer)
        return asked

    def _pay(self, visit: Visit, who: Api, quote: str) -> None:
        """With the first card, and if that is declined with the second, if there is one."""
        for card in filter(None, (visit.card, visit.second_card)):
            paid = {"quote": quote, "payment": {"token": card.value}}
            placed = self.send(who, "/order/orders", paid, key=f"{visit.number} {card.value}")
            if placed.status in {201, 202}:
                self._placed(visit, who, placed.body)
                return
            self._refused(placed, "order")
            if placed.status != 402:
                return

    def _fill_cart(self, who: Api, visit: Visit) -> tuple[Api, Answer]:
        """Put everything into the cart; who it is from then on, since a guest is given a token."""
        for sku, units in visit.lines.items():
            answer = self.send(who, "/cart/items", {"sku": sku, "quantity": units}, key=f"{visit.number} {sku}")
            if token := answer.headers.get("X-Cart-Token"):
                who = who.and_headers(**{"X-Cart-Token": token})
        return who, answer

    def _placed(self, visit: Visit, who: Api, order: Mapping[str, Any]) -> None:
        self.tally.order(order["number"], visit)
        if visit.afterwards == Afterwards.CANCEL:
            opened = who.and_headers(**{"X-Order-Token": order["access_token"]}) if "access_token" in order else who
            answer = self.send(opened, f"/order/orders/{order['number']}/cancel", {}, key=f"{visit.number} cancel")
            if answer.status not in {200, 202}:
                self.tally.note(answer, "cancel")

    def _refused(self, answer: Answer, what: str) -> None:
        """A refusal that a shop knows well is counted; any other is noted."""
        if answer.problem in {"out-of-stock", "payment-declined"}:
            self.tally.count({"out-of-stock": "out of stock", "payment-declined": "declined"}[answer.problem])
        else:
            self.tally.note(answer, what)

    def refund(self, number: str, visit: Visit) -> None:
        """Staff give back a line or everything."""
        if self.staff is None:
            return
        order = self.staff.get(f"/order/orders/{number}").body
        if order["status"] != "delivered":
            return
        back = order["total"] if visit.afterwards == Afterwards.REFUND_ALL else order["lines"][0]["line_total"]
        answer = self.send(self.staff, f"/order/orders/{number}/refunds", {"amount": back}, key=f"{number} refund")
        if answer.status == 201:
            self.tally.count("refunded")
        else:
            self.tally.note(answer, "refund")

    def review(self, visit: Visit) -> None:
        """A customer says what they think of the first thing they bought; staff have to approve it."""
        title, text = opinion_of(visit)
        body = {"author": name_of(visit.buyer), "rating": visit.rating, "title": title, "text": text}
        path = f"/product/products/{next(iter(visit.lines))}/reviews"
        answer = self.send(self._signed_in[visit.buyer], path, body, key=f"{visit.number} review")
        if answer.status in {200, 201}:
            self.tally.count("reviews")
        elif answer.status != 409:  # one review of a product from each account
            self.tally.note(answer, "review")

    def send(self, who: Api, path: str, body: Mapping[str, Any], *, key: str = "") -> Answer:
        """POST, and again where there was no answer: under the same key that is the same request."""
        value = str(uuid5(NAMESPACE, f"{self.day.seed}/{key}/{path}")) if key else None
        for left in range(TRIES - 1, -1, -1):
            try:
                answer = who.post(path, body, key=value)
                if answer.status != 503 or not left:
                    return answer
            except urllib3.exceptions.HTTPError:
                if not left:
                    raise
            time.sleep(1)
        raise AssertionError("unreachable")


class Bar:
    """The day's progress: on a terminal one line that moves, elsewhere a line for every tenth."""

    def __init__(self, whole: int) -> None:
        self._whole, self._shown = whole, -1
        self._terminal = sys.stderr.isatty()

    def show(self, done: int, note: str) -> None:
        share = done / self._whole if self._whole else 1
        if self._terminal:
            filled = int(share * BAR)
            print(
                f"\r[{'#' * filled}{'.' * (BAR - filled)}] {share:4.0%}  {note:40}", end="", file=sys.stderr, flush=True
            )
        elif int(share * 10) > self._shown:
            self._shown = int(share * 10)
            print(f"{share:4.0%}  {note}", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._terminal:
            print(file=sys.stderr)


def _trade(replay: Replay, pool: ThreadPoolExecutor, day_s: float) -> None:
    """Let every visit in at its hour, or as soon after it as the buyers before have left."""
    bar, began = Bar(len(replay.day.visits)), time.monotonic()
    under_way: list[Future[None]] = []
    for done, visit in enumerate(replay.day.visits):
        time.sleep(max(0.0, began + visit.at_h / 24 * day_s - time.monotonic()))
        while sum(not future.done() for future in under_way) >= AT_ONCE:
            time.sleep(0.01)
        under_way.append(pool.submit(replay.visit, visit))
        bar.show(done, f"{int(visit.at_h):02}:{int(visit.at_h % 1 * 60):02}, {len(replay.tally.placed)} orders")
    for future in under_way:
        future.result()
    bar.show(len(replay.day.visits), f"24:00, {len(replay.tally.placed)} orders")
    bar.end()


def _await_rest(replay: Replay) -> Counter[str]:
    """Wait until every order is at rest; how many are in which state."""
    states: dict[str, str] = {}
    bar, end = Bar(len(replay.tally.placed)), time.monotonic() + REST_S
    while True:
        for number in replay.tally.placed:
            if states.get(number) not in AT_REST:
                states[number] = _state(replay, number)
        resting = sum(state in AT_REST for state in states.values())
        bar.show(resting, f"{resting} at rest")
        if resting == len(states) or time.monotonic() > end:
            bar.end()
            return Counter(states.values())
        time.sleep(1)


def _state(replay: Replay, number: str) -> str:
    assert replay.staff
    return str(replay.staff.get(f"/order/orders/{number}").body["status"])


def _finish(replay: Replay, pool: ThreadPoolExecutor) -> Counter[str]:
    """What comes after delivery; how many orders are in which state in the end."""
    if replay.staff is None:
        print("Without the staff's sign-in nobody waits for delivery, refunds or writes reviews.")
        return Counter()
    states = _await_rest(replay)
    refunds = {Afterwards.REFUND_ALL, Afterwards.REFUND_LINE}
    placed = list(replay.tally.placed.items())
    list(pool.map(lambda each: replay.refund(*each), [each for each in placed if each[1].afterwards in refunds]))
    reviewed = [visit for _, visit in placed if visit.rating and visit.way == Way.ACCOUNT]
    list(pool.map(replay.review, reviewed))
    return states


def _report(replay: Replay, states: Counter[str], took_s: float) -> None:
    tally = replay.tally
    confirmed = len(tally.placed) - states["rejected"]
    print(f"\n{len(replay.day.visits)} visits in {took_s:.0f} s:")
    for name, count in (
        ("placed", len(tally.placed)),
        ("confirmed", confirmed),
        ("rejected", states["rejected"] + tally.counts["declined"]),
        ("cancelled", states["cancelled"]),
        ("delivered", states["delivered"]),
        ("refunded", tally.counts["refunded"]),
        ("out of stock", tally.counts["out of stock"]),
        ("carts left", tally.counts["carts left"]),
        ("reviews", tally.counts["reviews"]),
    ):
        print(f"  {name:13}{count:5}")
    if under_way := sum(count for state, count in states.items() if state not in AT_REST):
        print(f"  still under way {under_way}")
    for line in tally.trouble[:10]:
        print(f"  not planned: {line}")


def _audit(var: Var, base_url: str) -> int:
    """0 when the books agree; the audit needs the operator's key, so it runs for a shop of this checkout only."""
    if var.topology().get("base_url") != base_url:
        print("The audit runs beside the shop: make audit, there.")
        return 0
    command = [sys.executable, "manage.py", "audit", "--drain"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print((done.stdout + done.stderr).strip() or "The audit is silent: every book agrees.")
    return done.returncode


def _skus(anyone: Api) -> list[str]:
    """What is for sale and in stock, up to LISTED."""
    found: list[str] = []
    path: str | None = "/product/products?in_stock=true&limit=100"
    while path and len(found) < LISTED:
        page = anyone.get(path).body
        found += [product["sku"] for product in page["results"] if product["available"]]  # its first variant
        path = page["next"] and page["next"].removeprefix(anyone.base_url)
    return found


def _staff(var: Var, anyone: Api) -> Api | None:
    """The administrator of var/demo.json, if this is their shop."""
    try:
        token = anyone.post("/user/token", json.loads((var.root / "demo.json").read_text())["admin"])
    except (OSError, KeyError, ValueError):
        return None
    return anyone.and_headers(Authorization=f"Bearer {token.body['access']}") if token.status == 200 else None


def _where(var: Var) -> str:
    """BASE_URL, or where the shop of this checkout is."""
    base_url = os.environ.get("BASE_URL") or var.topology().get("base_url")
    if not base_url:
        sys.exit("No shop is ready here: start it with make run in another terminal, or say BASE_URL=http://…")
    return base_url.rstrip("/")


def main() -> int:
    """Exit status 0 when the day went as planned and the books agree."""
    var = Var(Path(os.environ.get("SHOP_VAR") or ROOT / "var"))
    anyone = Api(_where(var))
    seed, orders = os.environ.get("SEED") or secrets.token_hex(3), int(os.environ.get("ORDERS") or 300)
    day_s = float(os.environ.get("DAY_S") or 90)
    began = time.monotonic()
    skus = _skus(anyone)
    if not skus:
        sys.exit("Nothing is in stock: receive some units first.")
    replay = Replay(plan(seed=seed, orders=orders, skus=skus), anyone, _staff(var, anyone))
    print(f"A day of {orders} orders over {len(skus)} SKUs at {anyone.base_url}, in about {day_s:.0f} s.")
    print(f"Placed now, all of it: the API has no past. Repeat this day in a fresh shop with SEED={shlex.quote(seed)}.")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        replay.open_accounts(pool)
        print(f"{len(replay.day.accounts)} customers have signed in; {replay.receive()} favourites were restocked.")
        _trade(replay, pool, day_s)
        states = _finish(replay, pool)
    _report(replay, states, time.monotonic() - began)
    return _audit(var, anyone.base_url) or bool(replay.tally.trouble)


if __name__ == "__main__":
    sys.exit(main())
