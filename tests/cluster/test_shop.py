"""The shop in the cluster: what the mesh and Kubernetes add to it, and what they must not take away.

The black-box suite itself runs before: ``make cluster-test``.
"""

import json
import random
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from uuid import uuid4

import pytest

from deploy import local
from deploy.lab import cluster
from deploy.lab.istio import INGRESS
from deploy.lab.lab import ROOT, Lab
from deploy.lab.relay import forwarded
from shop.roles import ROLES, pairs
from tests.cluster.customers import at_rest, checkouts_while_pods_die, loaded, status
from tests.cluster.shop import audit, in_worker, pods, variables
from tests.shop_api.browser import Browser
from tests.shop_api.client import Api, Shop

CHECKOUTS = 300
_WEB = "app.kubernetes.io/component=web"
_OVERLAYS = ("deploy/kubernetes/overlays/local", "deploy/kubernetes/overlays/suite", "deploy/istio/lab")


@pytest.mark.parametrize("overlay", _OVERLAYS)
def test_the_api_server_takes_every_object(lab: Lab, overlay: str) -> None:
    """With its own validation, Pod Security and Istio's webhook; nothing is changed."""
    cluster.kubectl(
        lab, "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--kustomize", str(ROOT / overlay)
    )


def test_istioctl_finds_nothing_wrong_with_the_shop(lab: Lab) -> None:
    """It would end with another exit status, so with an error."""
    cluster.istioctl(lab, "analyze", "--namespace", local.SHOP)


@pytest.mark.parametrize("role", ROLES)
def test_plaintext_to_a_pod_is_refused(lab: Lab, shop: Shop, role: str) -> None:
    """From the node, which no NetworkPolicy keeps out: its management port answers, the mesh's port does not."""
    address = pods(lab, f"app={role}-service,{_WEB}")[0]["status"]["podIP"]
    assert _plainstatus(lab, address, 8001, "/health") == 200
    assert _plainstatus(lab, address, 8000, f"/{role}") == 0


def _plainstatus(lab: Lab, address: str, port: int, path: str) -> int:
    """Status of a GET in the clear from the node's network; 0 for no answer."""
    script = (
        "import http.client, sys\n"
        "connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=5)\n"
        "try:\n    connection.request('GET', sys.argv[3]); print(connection.getresponse().status)\n"
        "except (OSError, http.client.HTTPException):\n    print(0)\n"
    )
    command = cluster.in_network(lab, sys.executable, "-c", script, address, str(port), path)
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_only_pairs_of_the_table_reach_each_other(lab: Lab, shop: Shop) -> None:
    """New connections from each role to each role's Service: those of shop/roles.py pass, all others fail.

    Whether the pod that is reached takes the request is the mesh's business (tests/mesh).
    """
    allowed = {(pair.source, pair.target) for pair in pairs()}
    with ThreadPoolExecutor(len(ROLES)) as pool:
        seen = dict(zip(ROLES, pool.map(lambda role: _reached_from(lab, role), ROLES), strict=True))
    wrong = [
        f"{caller} to {callee}: {status}"
        for caller, answers in seen.items()
        for callee, status in answers.items()
        if (status not in _NO_CONNECTION) != ((caller, callee) in allowed)
    ]
    assert wrong == []


_NO_CONNECTION = {0, 503}  # 503 is the caller's own sidecar's word for it
_ASK_ALL = """
import concurrent.futures, json, sys, urllib.error, urllib.request
def ask(role):
    try:
        return urllib.request.urlopen(f"http://{role}-service:8000/{role}", timeout=15).status
    except urllib.error.HTTPError as refusal:
        return refusal.status
    except OSError:
        return 0
with concurrent.futures.ThreadPoolExecutor() as pool:
    print(json.dumps(dict(zip(sys.argv[1:], pool.map(ask, sys.argv[1:])))))
"""


def _reached_from(lab: Lab, role: str) -> dict[str, int]:
    """Status by role of what a worker of ``role`` gets."""
    found: dict[str, int] = json.loads(cluster.kubectl(lab, *in_worker(role), "python3.11", "-c", _ASK_ALL, *ROLES))
    return found


def test_the_ingress_answers_in_the_clear_with_roots_alone(lab: Lab) -> None:
    """``curl http://<ingress>/user`` is 200; all else is sent to TLS with a status that keeps POST a POST."""
    with forwarded(lab, f"{INGRESS}/istio-ingressgateway", 80) as (host, port):

        def ask(method: str, path: str) -> tuple[int, str | None]:
            with closing(HTTPConnection(host, port, timeout=20)) as connection:
                connection.request(method, path)
                answer = connection.getresponse()
                return answer.status, answer.getheader("Location")

        assert [ask("GET", f"/{role}")[0] for role in ROLES] == [200] * len(ROLES)
        status, location = ask("POST", "/user/token?a=b")
        assert status == 308
        assert location
        assert location.startswith("https://")
        assert location.endswith("/user/token?a=b")


def test_internal_paths_do_not_exist_outside(shop: Shop) -> None:
    for role in ROLES:
        for path in (f"/{role}/internal/events", f"/{role}/internal%2Fevents", f"/{role}//internal/events"):
            assert shop.anyone.post(path, {}).status == 404, path


def test_admin_and_documents_are_at_the_internal_gateway_alone(shop: Shop, office: Api) -> None:
    """The other one says 404 of them, whoever asks, and knows nothing of an admin either."""
    pages = [f"/{role}/{page}" for role in ROLES for page in ("admin/login/", "docs", "openapi.json")]
    for who in (shop.anyone, shop.staff):
        assert {path: who.get(path).status for path in ["/admin/", *pages]} == dict.fromkeys(["/admin/", *pages], 404)
    assert office.get("/admin/").headers["Location"].endswith("/user/admin/")
    answers = {path: office.get(path, headers={"Accept": "*/*"}).status for path in pages}
    assert {path: answer for path, answer in answers.items() if answer not in (200, 302)} == {}


def test_staff_edit_a_product_through_the_internal_gateway(lab: Lab, shop: Shop, office: Api) -> None:
    """Sign-on, styles, a form with its CSRF token, and what customers then see; without the token 403."""
    known = variables(lab)
    sku = shop.product()
    browser = Browser(office.base_url)
    assert browser.sign_in(known["SHOP_STAFF_EMAIL"], known["SHOP_STAFF_PASSWORD"]).status == 200
    product = shop.anyone.get(f"/product/products/{sku}").body
    listed = browser.visit(f"/product/admin/product/product/?q={sku}")
    assert listed.styles
    for style in listed.styles:
        assert browser.get(style).headers["Content-Type"].startswith("text/css"), style
    (path,) = {link for link in _links(listed.text) if link.endswith("/change/")}
    page = browser.visit(path)
    (form,) = [form for form in page.forms if form.fields.get("name") == product["name"]]
    renamed = f"Renamed {sku}"
    stolen = browser.submit(page, form, name=renamed, csrfmiddlewaretoken="x" * 64)
    assert stolen.status == 403
    saved = browser.submit(page, form, name=renamed)
    assert saved.status == 200
    assert shop.anyone.get(f"/product/products/{sku}").body["name"] == renamed


def _links(html: str) -> list[str]:
    return [part.partition('"')[0].partition("?")[0] for part in html.split('href="')[1:]]


def test_load_brings_pods_of_product_and_quiet_takes_them_away(lab: Lab, shop: Shop) -> None:
    def replicas() -> int:
        found = cluster.kubectl_json(lab, "-n", local.SHOP, "get", "deployment", "product-service-v1")
        return int(found["status"].get("readyReplicas", 0))

    before = replicas()
    with loaded(8, lambda: shop.anyone.get(f"/product/products?price_max={random.randrange(10**6)}")):
        cluster.wait_for("more pods under load", lambda: replicas() > before, within_s=240)
    cluster.wait_for("as many as before when it is quiet", lambda: replicas() == before, within_s=300)


def test_every_role_rolls_over_without_a_failed_request(lab: Lab, shop: Shop) -> None:
    """One role after the other, while each of them is read and carts are written; nothing is repeated by the client."""
    statuses: Counter[int] = Counter()
    sku = shop.product(on_hand=10_000)
    paths = [f"/{role}" for role in ROLES]

    def ask() -> None:
        statuses[status(lambda: shop.anyone.get(random.choice(paths)))] += 1
        statuses[status(lambda: shop.anyone.post("/cart/items", {"sku": sku, "quantity": 1}))] += 1

    with loaded(2, ask):
        for role in ROLES:
            for workload in _workloads(lab, role):
                cluster.kubectl(lab, "-n", local.SHOP, "rollout", "restart", workload)
            cluster.wait_rolled_out(lab, local.SHOP, *_workloads(lab, role), within_s=240)
    print(dict(statuses))
    assert sum(statuses.values()) > 200
    assert set(statuses) <= {200, 201}, statuses


def _workloads(lab: Lab, role: str) -> list[str]:
    selector = f"app in ({role}-service, {role}-worker)"
    return cluster.kubectl(lab, "-n", local.SHOP, "get", "deployment", "-l", selector, "--output=name").split()


def test_pods_killed_during_checkouts_lose_nothing(lab: Lab, shop: Shop) -> None:
    """Every client repeats its key until it has an answer; then no order is stuck or parked and all books agree."""
    seed = uuid4().hex[:8]
    print(f"seed {seed}")
    numbers, killed = checkouts_while_pods_die(lab, shop, CHECKOUTS, seed, kills=5)
    states = at_rest(shop, numbers)
    print(f"{len(killed)} pods killed; orders: {dict(states)}")
    assert len(killed) >= 5
    assert set(states) <= {"delivered", "rejected"}
    assert shop.staff.get("/order/orders?parked=true&limit=100").body["results"] == []
    assert audit(lab) == (0, "")


def test_the_operator_finds_that_all_books_agree(lab: Lab, shop: Shop) -> None:
    """As a Job of the operator's own identity, silent."""
    assert audit(lab) == (0, "")
