"""The one entry point of the image: ``python -m shop.entry COMMAND``; each is one process tree.

    web               gunicorn, on 8000 and the management port
    worker            jobs, with beat under its lease
    beat              beat alone, under the same lease
    migrate           bring the role's database up to date
    wait              until it is
    audit             do all books agree? (the operator's)
    bootstrap         make the databases and their logins (shop/bootstrap.py)
    stock             bring in the demo's catalogue, stock and orders, as `make run` does
    manage …          any other command of Django's
    gateway, mail     the outside companies of a shop without real ones (simulators/)

Unlike manage.py it starts no server and writes no file: everything comes from the environment.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from shop.exits import StartError

_HERE = Path(__file__).resolve().parent.parent
_POLL_S = 2.0  # between two looks at the schema
_USAGE = 64  # sysexits.h, EX_USAGE


def _web(arguments: list[str]) -> None:
    os.environ.setdefault("HOST", "0.0.0.0")  # noqa: S104  # a container's own network
    _become("gunicorn", "-c", "shop/gunicorn_conf.py", *arguments)


def _worker(arguments: list[str]) -> None:
    from shop import vitals, worker

    _set_up()
    vitals.serve(ill=vitals.silent)
    worker.main()


def _beat(arguments: list[str]) -> None:
    from shop import beat, vitals

    _set_up()
    vitals.serve()
    vitals.begin()
    beat.main()


def _wait(arguments: list[str]) -> None:
    """Until the schema is not behind the code. Whoever started this decides how long that may take."""
    from shop import health

    _set_up()
    said = ""
    while found := health.problem():
        if found != said:
            print(f"waiting: {found}", flush=True)
            said = found
        time.sleep(_POLL_S)


def _bootstrap(arguments: list[str]) -> None:
    from shop import bootstrap

    bootstrap.run(os.environ)


def _stock(arguments: list[str]) -> None:
    """``stock BASE_URL FILE``: FILE has the staff sign-in, and may be read-only."""
    from django.core.management import call_command

    _set_up()
    base_url, sign_in = arguments
    with TemporaryDirectory() as folder:
        state = Path(folder) / "demo.json"  # load_demo notes there that it is done; a Job ends with it
        state.write_text(Path(sign_in).read_text())
        call_command("load_demo", base_url, str(state))


def _gateway(arguments: list[str]) -> None:
    _become("gunicorn", "-c", "simulators/gateway/gunicorn_conf.py", *arguments, "simulators.gateway.app:application")


def _mail(arguments: list[str]) -> None:
    _become("simulators.mail", *arguments)


def _manage(arguments: list[str]) -> None:
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage", *arguments])


def _migrate(arguments: list[str]) -> None:
    _manage(["migrate", "--no-input", *arguments])


def _audit(arguments: list[str]) -> None:
    _manage(["audit", *arguments])


def _set_up() -> None:
    import django

    django.setup(set_prefix=False)


def _become(module: str, *arguments: str) -> None:
    """Replace this process, so that signals reach the server itself."""
    os.chdir(_HERE)
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606  # from a list


COMMANDS: Mapping[str, Callable[[list[str]], None]] = {
    "web": _web,
    "worker": _worker,
    "beat": _beat,
    "migrate": _migrate,
    "wait": _wait,
    "audit": _audit,
    "bootstrap": _bootstrap,
    "stock": _stock,
    "manage": _manage,
    "gateway": _gateway,
    "mail": _mail,
}


def main() -> int:
    """Run one command. A refusal to start is one line on stderr and an exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    name, *arguments = sys.argv[1:] or [""]
    if name not in COMMANDS:
        print(f"{name or 'no command'}: not one of {', '.join(COMMANDS)}", file=sys.stderr)
        return _USAGE
    try:
        COMMANDS[name](arguments)
    except StartError as refusal:
        print(refusal, file=sys.stderr)
        return refusal.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
