"""Customers in the cluster, while something happens to it: load, checkouts, and pods that are killed."""

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import urllib3

from deploy import local
from deploy.canary.pods import Pod
from deploy.lab import cluster
from deploy.lab.lab import Lab
from tests.cluster.shop import pods
from tests.shop_api.client import Answer, Shop, wait_for

_KILL_EVERY_S = 10
_AWAY_AT_ONCE = 2  # pods: on two cores one is back after half a minute, and many away at once is another test
_KILLED_WITHIN_S = 1200
_CUSTOMERS = 8
_PLENTY = 100_000  # units: more than there are orders
_KILLED = "app.kubernetes.io/component in (web, worker)"


def status(send: Callable[[], Any]) -> int:
    """0 for no answer."""
    try:
        return int(send().status)
    except urllib3.exceptions.HTTPError:
        return 0


@contextmanager
def loaded(threads: int, send: Callable[[], Any]) -> Iterator[None]:
    """So many clients, each sending one request after the other."""
    ended = threading.Event()

    def client() -> None:
        while not ended.is_set():
            send()

    with ThreadPoolExecutor(threads) as pool:
        clients = [pool.submit(client) for _ in range(threads)]
        try:
            yield
        finally:
            ended.set()
            for each in clients:
                each.result()


def checkouts_while_pods_die(lab: Lab, shop: Shop, count: int, seed: str, *, kills: int) -> tuple[list[str], list[str]]:
    """The numbers of at least so many orders, placed while at least so many pods are killed; and those pods' names.

    Of eight customers at a time; each repeats its key until it has an answer. A fast machine is through with the
    orders before enough pods are away and back: it places more.
    """
    sku = shop.product(on_hand=_PLENTY)
    places = itertools.count()  # the next is drawn by one thread at a time
    end = time.monotonic() + _KILLED_WITHIN_S

    def customer(killed: list[str]) -> list[str]:
        mine = []
        for place in places:
            if place >= count and len(killed) >= kills:
                break
            assert time.monotonic() < end, f"{place} orders, {len(killed)} pods killed in {_KILLED_WITHIN_S} s"
            mine.append(_checkout(shop, sku, f"{seed}-{place}"))
        return mine

    with _pods_killed(lab, random.Random(seed)) as killed, ThreadPoolExecutor(_CUSTOMERS) as pool:
        numbers = [number for mine in pool.map(customer, [killed] * _CUSTOMERS) for number in mine]
    return numbers, killed


@contextmanager
def _pods_killed(lab: Lab, draw: random.Random) -> Iterator[list[str]]:
    """A pod of the shop is killed every few seconds, drawn from all that run; yields the names of those so far."""
    ended = threading.Event()
    killed: list[str] = []

    def kill() -> None:
        delete = ("-n", local.SHOP, "delete", "pod", "--ignore-not-found", "--grace-period=0", "--force")
        while not ended.is_set():
            found = pods(lab, _KILLED)
            ready = [pod.name for pod in map(Pod.of, found) if pod.is_ready]
            if len(found) - len(ready) < _AWAY_AT_ONCE:
                victim = draw.choice(ready)
                cluster.kubectl(lab, *delete, victim)
                killed.append(victim)
            ended.wait(_KILL_EVERY_S)

    with ThreadPoolExecutor(1) as pool:
        killing = pool.submit(kill)
        try:
            yield killed
        finally:
            ended.set()
            killing.result()  # first: if it broke, that is why too few were killed


def at_rest(shop: Shop, numbers: list[str]) -> Counter[str]:
    """How many of the orders ended in which state."""
    return Counter(_at_rest(shop, number) for number in numbers)


def _checkout(shop: Shop, sku: str, key: str) -> str:
    """The order's number: a quote that expired during an outage is followed by another, under a key of its own."""
    for attempt in range(10):
        quote = answered(partial(shop.quote, shop.anyone, sku)).body["id"]
        placed = answered(partial(shop.pay, shop.anyone, quote, key=f"{key}-{attempt}"))
        if placed.status in {201, 202}:
            return str(placed.body["number"])
        assert placed.problem == "quote-expired", placed
    raise AssertionError(f"{key}: no quote lived long enough")


def answered(send: Callable[[], Answer], within_s: float = 180) -> Answer:
    """Send until there is an answer: no connection, 5xx and ``request-in-progress`` are none."""
    end = time.monotonic() + within_s
    while True:
        try:
            answer = send()
        except urllib3.exceptions.HTTPError:
            answer = None
        if answer and answer.status < 500 and answer.problem != "request-in-progress":
            return answer
        assert time.monotonic() < end, answer
        time.sleep(0.5)


def _at_rest(shop: Shop, number: str) -> str:
    """The state in which an order ends."""

    def state() -> str:
        answer = answered(partial(shop.staff.get, f"/order/orders/{number}"))
        assert answer.status == 200, answer
        return str(answer.body["status"])

    return wait_for(state, lambda state: state in {"delivered", "rejected"}, within_s=180)
