"""Which processes `make run` and `make split` consist of, and in which order they start.

Servers first; then the databases are brought up to date; then the outside companies, gateway and
mail; then the shop. What runs where is in ``var/run/topology.json`` once all of it is ready.
"""

import shutil
import signal
import sys
import time
from functools import partial

from shop import embedded, proxy
from shop.children import Child
from shop.launch import DATABASE, ROOT, Launch
from shop.roles import ROLES
from shop.supervisor import Console, Interrupted, Supervisor
from shop.topology import (
    LOOPBACK,
    Databases,
    Ports,
    Topology,
    free_ports,
    require_free,
    responds,
)
from shop.var import read_state, write_state

_AT_ONCE = 2  # migrations side by side; more wait for each other on two cores
_PATIENCE = 5  # deaths of one process within 30 s
_PATIENCE_WITH_FAULTS = 1000  # there they are ordered


def run(launch: Launch, *, kind: str, autoreload: bool = False) -> None:
    """Run the shop, as "one" process or as a "split" of eight, until told to stop.

    Raises StartError.
    """
    console = Console(width=len("notification-worker") if kind == "split" else len("create_staff"))
    with launch.var.owned() as ours:
        if not ours:
            raise launch.var.busy()
        launch.var.topology_file.unlink(missing_ok=True)
        try:
            with _supervisor(launch, console) as supervisor:
                try:
                    _Run(launch, console, supervisor, autoreload=autoreload).start(kind)
                    supervisor.watch()
                finally:
                    launch.var.topology_file.unlink(missing_ok=True)
                    console.plain("Stopping.")
        except Interrupted:
            console.plain("Stopped.")


def _supervisor(launch: Launch, console: Console) -> Supervisor:
    return Supervisor(
        run=launch.var.run,
        console=console,
        control=launch.var.make_sockets() / "control.sock",
        restarts=_PATIENCE_WITH_FAULTS if launch.given.get("FAULTS_DIR") else _PATIENCE,
    )


class _Run:
    """Brings one topology up, step by step."""

    def __init__(self, launch: Launch, console: Console, supervisor: Supervisor, *, autoreload: bool) -> None:
        self._launch, self._console, self._supervisor = launch, console, supervisor
        self._autoreload = autoreload
        self._began = time.monotonic()
        self._identities: dict[str, str] = {}

    def start(self, kind: str) -> None:
        """Start everything in order and say where it is. Raises StartError; Interrupted."""
        topology = self._plan([""] if kind == "one" else list(ROLES))
        self._forget_samples(topology)
        self._start_servers(topology)
        self._update_databases(topology)
        self._progress("starting the payment gateway and the mail server")
        self._supervisor.start(_gateway(topology), _mail(topology))
        self._progress("starting the shop")
        roles = list(topology.web)
        self._supervisor.start(*(self._web(topology, role) for role in roles))
        self._supervisor.start(*(_worker(topology, role) for role in roles))
        if kind == "split":
            self._supervisor.start(_proxy(topology))
        self._load_demo(topology)
        write_state(self._launch.var.topology_file, topology.description(self._supervisor.pids()))
        self._console.plain(_where_to_look(topology))

    def _plan(self, roles: list[str]) -> Topology:
        launch = self._launch
        if launch.port:
            require_free(launch.host, launch.port, "PORT")
        if launch.management_port and len(roles) == 1:
            require_free(LOOPBACK, launch.management_port, "MANAGEMENT_PORT")
        spare = iter(free_ports(4 + 2 * len(roles)))
        port = launch.port or next(spare)
        web = {role: Ports(next(spare), next(spare)) for role in roles}
        if "" in web:
            web = {"": Ports(port, launch.management_port or web[""].management)}
        postgres = embedded.Postgres(launch.var)
        return Topology(
            launch=launch,
            port=port,
            web=web,
            gateway_port=next(spare),
            smtp_port=next(spare),
            mailbox_port=next(spare),
            databases=Databases(launch.database_url or postgres.url(DATABASE)),
            redis_url=launch.redis_url or embedded.Valkey(launch.var).url,
        )

    def _forget_samples(self, topology: Topology) -> None:
        """Counters begin at zero with each start, and not when one process is restarted."""
        for folder in map(topology.metrics, topology.web):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)

    def _start_servers(self, topology: Topology) -> None:
        """Start what is embedded, check what is not, and create the databases."""
        launch = self._launch
        wanted = []
        if not launch.database_url:
            self._progress("starting PostgreSQL")
            wanted.append(embedded.Postgres(launch.var).prepare(self._progress))
        if launch.redis_url:
            embedded.check_redis(launch.redis_url)
        else:
            wanted.append(embedded.Valkey(launch.var).prepare())
        self._supervisor.start(*wanted)
        server = launch.database_url or embedded.Postgres(launch.var).url("postgres")
        names = [topology.databases.name(suffix) for suffix in (*topology.web, "gateway")]
        self._identities = embedded.create_databases(server, names)

    def _update_databases(self, topology: Topology) -> None:
        self._progress("bringing the database up to date")
        keys = _manage(topology, "", "make_keys")
        migrations = [_manage(topology, role, "migrate", "-v", "0") for role in topology.web]
        self._supervisor.run(keys, *migrations, at_once=_AT_ONCE)

    def _load_demo(self, topology: Topology) -> None:
        """Stock the shop the first time; ``demo.json`` says how to sign in, and which databases have it.

        Its staff are made in the database of the role that owns accounts, the rest through the API.
        """
        file = self._launch.var.root / "demo.json"
        demo = {**read_state(file), "base_url": topology.base_url}
        stocked = demo.get("databases", [])
        here = self._identities[topology.databases.name("user" if topology.kind == "split" else "")]
        write_state(file, {**demo, "loaded": here in stocked})
        if here in stocked:
            return
        self._progress("stocking the shop")
        self._supervisor.run(_manage(topology, "user", "create_staff", str(file)))
        self._supervisor.run(_manage(topology, "product", "load_demo", topology.base_url, str(file)))
        write_state(file, {**read_state(file), "databases": [*stocked, here]})

    def _web(self, topology: Topology, role: str) -> Child:
        return _reloading_web(topology) if self._autoreload else _web(topology, role)

    def _progress(self, text: str) -> None:
        self._console.say("shop", f"{text} ({time.monotonic() - self._began:.1f} s)")


def _python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def _manage(topology: Topology, role: str, *arguments: str) -> Child:
    """A command of ``role``; of the one process where the roles do not run alone."""
    alone = role if role in topology.web else ""
    name = "-".join(filter(None, (alone, arguments[0])))
    return Child(name=name, argv=_python("manage.py", *arguments), env=topology.environment(alone), cwd=ROOT)


def _web(topology: Topology, role: str) -> Child:
    ports = topology.web[role]
    name = role or "web"
    own = {
        "HOST": LOOPBACK if role else topology.launch.host,
        "PORT": str(ports.main),
        "MANAGEMENT_PORT": str(ports.management),
    }
    return Child(
        name=name,
        argv=_python("-m", "gunicorn", "-c", "shop/gunicorn_conf.py"),
        env=topology.environment(role) | own,
        cwd=ROOT,
        ready=partial(responds, f"{ports.management_url}/ready"),
        stop_within_s=25,  # longer than gunicorn's own grace
        orphan_signal=signal.SIGQUIT,  # gunicorn's quick exit
    )


def _reloading_web(topology: Topology) -> Child:
    """Django's own server, which waits for the next edit where gunicorn would give up on a broken one."""
    listen = f"{topology.launch.host}:{topology.port}"
    return Child(
        name="web",
        argv=_python("manage.py", "runserver", "--alone", listen),
        env=topology.environment(""),
        cwd=ROOT,
        ready=partial(responds, f"{topology.base_url}/ready"),
    )


def _worker(topology: Topology, role: str) -> Child:
    return Child(
        name=f"{role}-worker" if role else "worker",
        argv=_python("-m", "shop.worker"),
        env=topology.environment(role),
        cwd=ROOT,
        stop_within_s=15,  # a job in hand is finished; longer than a call and its repeats
        orphan_signal=signal.SIGKILL,  # it has threads only, and nothing to lose; to stop, it would look for its broker
    )


def _gateway(topology: Topology) -> Child:
    listen = f"{LOOPBACK}:{topology.gateway_port}"
    return Child(
        name="gateway",
        argv=_python(
            *("-m", "gunicorn", "-c", "simulators/gateway/gunicorn_conf.py"),
            *("--bind", listen, "simulators.gateway.app:application"),
        ),
        env=topology.outside_environment(),
        cwd=ROOT,
        ready=partial(responds, topology.gateway_url, statuses=range(200, 500)),  # any answer will do
        orphan_signal=signal.SIGQUIT,
    )


def _mail(topology: Topology) -> Child:
    return Child(
        name="mail",
        argv=_python(
            *("-m", "simulators.mail", "--store", str(topology.launch.var.root / "mail")),
            *("--smtp-port", str(topology.smtp_port), "--http-port", str(topology.mailbox_port)),
        ),
        env=topology.outside_environment(),
        cwd=ROOT,
        ready=partial(responds, topology.mailbox_url, statuses=range(200, 500)),
    )


def _proxy(topology: Topology) -> Child:
    config = topology.launch.var.run / "envoy.json"
    services = {role: ports.url for role, ports in topology.web.items()}
    config.write_text(proxy.render(host=topology.launch.host, port=topology.port, services=services))
    return Child(
        name="proxy",
        argv=proxy.envoy_command(config),
        env=topology.outside_environment(),
        cwd=ROOT,
        ready=partial(responds, f"{topology.base_url}/nothing-here", statuses=[404]),
    )


def _where_to_look(topology: Topology) -> str:
    demo = read_state(topology.launch.var.root / "demo.json").get("admin", {})
    lines = [
        f"  shop     {topology.base_url}/",
        f"  admin    {topology.base_url}/admin/   {demo.get('email', '')}  {demo.get('password', '')}",
        f"  mailbox  {topology.base_url}/notification/mailbox",
        f"  sign-in  {topology.launch.var.root / 'demo.json'}",
        "  Ctrl-C stops everything.",
    ]
    return "\n".join(["", *(line.rstrip() for line in lines), ""])
