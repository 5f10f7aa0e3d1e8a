"""``python -m deploy.rotate_keys [--lifetime SECONDS]``: another key signs user tokens, and no valid one is refused.

A run brings to an end what an earlier one left, removes keys whose last token has expired, adds a key, and
lets it sign once every verifier knows it: user's pods by their files, the roles by asking user, the gateways
by their RequestAuthentication. A key that signs no more stays for the lifetime of its tokens, so the next
run, or the one after, removes it. ``retired-token-keys.json`` in var/kubernetes says since when.
"""

import argparse
import fcntl
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from ssl import create_default_context
from uuid import uuid4

from deploy import local
from deploy.lab import cluster
from deploy.lab.istio import GATEWAYS, INGRESS
from deploy.lab.lab import Lab, LabError
from deploy.lab.relay import forwarded
from shop.identity import issuing, keyfiles
from shop.roles import KEYS, ROLES

_SKEW_S = 60  # for so long the gateways go on accepting a token that has expired
_WITHIN_S = 240  # a kubelet that nobody tells brings a changed Secret into its pods within a minute and a half
_PAUSE_S = 6  # a role asks for unknown keys every 5 s at most: whoever has just asked in vain may ask again
_IN_A_ROW = 12  # a role has several processes, each with its own keys in memory
_FOLDER = "/etc/shop/token-keys"
_OF_USER = f"--selector=app={KEYS}-service"
_JWKS = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/user/jwks', timeout=5).read().decode())"


class Retired:
    """The keys that sign no more, and since when: Unix time, or None while some pod may still sign with it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.since: dict[str, float | None] = json.loads(file.read_text()) if file.exists() else {}

    def put(self, kid: str, since: float | None) -> None:
        self.since[kid] = since
        self._keep()

    def forget(self, kid: str) -> None:
        del self.since[kid]
        self._keep()

    def expired(self, lifetime_s: float, now: float) -> list[str]:
        """Those whose last token has run out; ``lifetime_s`` is that of a token, the gateways' patience included."""
        return [kid for kid, since in self.since.items() if since is not None and since + lifetime_s <= now]

    def _keep(self) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(self.since, indent=1))
        fresh.replace(self._file)


class Edge:
    """Both gateways, asked with a token."""

    def __init__(self, addresses: dict[str, tuple[str, int]], trusted: Path) -> None:
        self._addresses = addresses
        self._tls = create_default_context(cafile=str(trusted))

    def answers(self, token: str) -> set[int]:
        """Statuses of every role's root, through either gateway; 0 for no answer."""
        return {status for address in self._addresses.values() for status in self._ask(address, token)}

    def _ask(self, address: tuple[str, int], token: str) -> Iterator[int]:
        with closing(HTTPSConnection(*address, timeout=20, context=self._tls)) as connection:
            try:
                for role in ROLES:
                    connection.request("GET", f"/{role}", headers={"Authorization": f"Bearer {token}"})
                    answer = connection.getresponse()
                    answer.read()
                    yield answer.status
            except (OSError, HTTPException):
                yield 0


class Rotation:
    """One run against one lab."""

    def __init__(self, lab: Lab, edge: Edge, say: Callable[[str], None]) -> None:
        self._lab, self._edge, self._say = lab, edge, say
        self._installation = local.Installation(local.folder())
        self._folder = self._installation.tokens
        self._retired = Retired(local.folder() / "retired-token-keys.json")

    def finish(self) -> None:
        """What an earlier run broke off: the cluster has what the folder has, and nobody signs with a retired key."""
        for kid in list(self._retired.since):
            if kid == self._active or not (self._folder / f"{kid}.pem").exists():
                self._retired.forget(kid)  # it was about to be retired, or has just been removed
        self._apply()
        self._wait_until_published()
        self._wait_until_signing()

    def remove_expired(self, lifetime_s: float) -> None:
        for kid in self._retired.expired(lifetime_s, time.time()):
            token = self._token(kid)
            keyfiles.withdraw_token_key(self._folder, kid)
            self._retired.forget(kid)
            self._apply()
            self._wait_for(f"{kid} is refused", lambda token=token: self._all(token, 401), times=3)  # type: ignore[misc]
            self._say(f"removed {kid}: 401 at {' and '.join(GATEWAYS)}")
        for kid, since in self._retired.since.items():
            until = time.strftime("%H:%M:%S", time.localtime((since or time.time()) + lifetime_s))
            self._say(f"kept {kid}: tokens that it signed live until {until}")

    def add(self) -> str:
        """The kid of a key that every verifier knows and that does not sign yet; that of a run that was broken off."""
        known = {self._active, *self._retired.since}
        waiting = [path.stem for path in sorted(self._folder.glob("*.pem")) if path.stem not in known]
        kid = waiting[0] if waiting else keyfiles.add_token_key(self._folder)
        self._say(f"added {kid}: not signing yet")
        self._apply()
        self._wait_until_published()
        time.sleep(_PAUSE_S)
        token = self._token(kid)
        self._wait_for(f"{kid} is accepted", lambda: self._all(token, 200), times=_IN_A_ROW)
        self._say(f"known {kid}: to every pod of {KEYS}, every role and {' and '.join(GATEWAYS)}")
        return kid

    def switch(self, kid: str) -> None:
        """Sign with ``kid``."""
        self._retired.put(self._active, None)  # first: whatever breaks off here, this key is not new
        keyfiles.activate_token_key(self._folder, kid)
        self._apply()
        self._wait_until_signing()
        self._say(f"switched to {kid}: every pod of {KEYS} signs with it")

    @property
    def _active(self) -> str:
        return keyfiles.active_kid(self._folder)

    def _token(self, kid: str) -> str:
        return issuing.signed(str(uuid4()), kid=kid, key=keyfiles.private_key(self._folder / f"{kid}.pem"))

    def _apply(self) -> None:
        """A kubelet looks at a pod's Secrets once a minute, and whenever the pod changes: so that is what it does."""
        cluster.apply(self._lab, *self._installation.token_keys())
        changed = f"shop/token-keys={time.time():.3f}"
        cluster.kubectl(self._lab, "-n", local.SHOP, "annotate", "--overwrite", "pods", _OF_USER, changed)

    def _all(self, token: str, status: int) -> bool:
        return self._edge.answers(token) == {status}

    def _wait_until_published(self) -> None:
        kids = {path.stem for path in self._folder.glob("*.pem")}

        def published() -> bool:
            answers = [json.loads(said)["keys"] for said in self._in_every_pod("python3.11", "-c", _JWKS)]
            return all({jwk["kid"] for jwk in keys} == kids for keys in answers)

        self._wait_for(f"every pod of {KEYS} publishes {len(kids)} keys", published)

    def _wait_until_signing(self) -> None:
        """And note since when the others do not."""
        active = self._active
        self._wait_for(
            f"every pod of {KEYS} signs with {active}",
            lambda: {said.strip() for said in self._in_every_pod("cat", f"{_FOLDER}/{keyfiles.ACTIVE}")} == {active},
        )
        for kid, since in self._retired.since.items():
            if since is None:
                self._retired.put(kid, time.time())

    def _in_every_pod(self, *command: str) -> list[str]:
        """What a command prints in each pod that answers for user. Raises LabError if one could not be asked."""
        kubectl = ("-n", local.SHOP)
        found = cluster.kubectl(self._lab, *kubectl, "get", "pods", _OF_USER, "--output=name")
        return [
            cluster.kubectl(self._lab, *kubectl, "exec", pod, "--container=app", "--", *command)
            for pod in found.split()
        ]

    def _wait_for(self, what: str, is_so: Callable[[], bool], *, times: int = 1) -> None:
        """Until it was so that many times in a row. Raises LabError."""
        in_a_row = 0

        def again() -> bool:
            nonlocal in_a_row
            in_a_row = in_a_row + 1 if is_so() else 0
            return in_a_row >= times

        cluster.wait_for(what, again, within_s=_WITHIN_S)


@contextmanager
def _edge(lab: Lab) -> Iterator[Edge]:
    with ExitStack() as stack:
        addresses = {name: stack.enter_context(forwarded(lab, f"{INGRESS}/{name}", 443)) for name in GATEWAYS}
        yield Edge(addresses, local.folder() / "ca.crt")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two would each take the other's new key for one that was left behind."""
    with (local.folder() / "rotation.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def rotate(lab: Lab, *, lifetime_s: float = issuing.LIFETIME_S + _SKEW_S, say: Callable[[str], None] = print) -> None:
    """One run, after any other that is under way. Raises LabError; what it left is brought to an end by the next."""
    with _edge(lab) as edge, _one_at_a_time():
        run = Rotation(lab, edge, say)
        run.finish()
        run.remove_expired(lifetime_s)
        run.switch(run.add())


def main() -> int:
    """Exit status 0, or 1 with one line."""
    parser = argparse.ArgumentParser(prog="python -m deploy.rotate_keys")
    parser.add_argument(
        "--lifetime", type=float, default=issuing.LIFETIME_S + _SKEW_S, metavar="SECONDS", help="how long a key is kept"
    )
    try:
        rotate(Lab.chosen(), lifetime_s=parser.parse_args().lifetime, say=lambda line: print(line, flush=True))
    except LabError as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
