"""``python -m deploy.lab``: see the package's docstring."""

import argparse
import os
import signal
import sys
from contextlib import ExitStack, suppress

from deploy.lab import cluster, preflight, status
from deploy.lab.istio import INGRESS, INTERNAL, PUBLIC
from deploy.lab.lab import Lab
from deploy.lab.relay import forwarded
from deploy.lab.up import down, up

# What is forwarded, to which gateway and port, and how its address begins and ends.
_SEEN = (
    ("shop", PUBLIC, 443, "https", "/"),
    ("admin", INTERNAL, 443, "https", "/admin/"),
    ("roots in the clear", PUBLIC, 80, "http", "/user"),
)


def main() -> int:
    arguments = _arguments()
    lab = Lab.chosen()
    preflight.require_root()
    match arguments.command:
        case "up":
            up(lab)
        case "down":
            down(lab)
        case "packages":
            preflight.install_packages()
        case "status":
            print(status.report(lab))
        case "see":
            _see(lab)
        case _:
            _shell(lab, arguments.run)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.lab", description=(sys.modules["deploy.lab"].__doc__))
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="build what is missing, start, wait until ready")
    commands.add_parser("down", help="end it and remove all that is left of it")
    commands.add_parser("packages", help="install Debian's packages that it needs")
    commands.add_parser("status", help="what runs, and the memory it takes")
    commands.add_parser("see", help="forward the gateways to loopback until interrupted")
    shell = commands.add_parser("sh", help="a shell, or COMMAND, in the lab's network with its tools")
    shell.add_argument("run", nargs="*", metavar="COMMAND")
    return parser.parse_args()


def _see(lab: Lab) -> None:
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        for name, gateway, port, scheme, path in _SEEN:
            host, at = stack.enter_context(forwarded(lab, f"{INGRESS}/{gateway}", port))
            print(f"{name:20} {scheme}://{host}:{at}{path}", flush=True)
        print("Interrupt to end.", flush=True)
        signal.pause()


def _shell(lab: Lab, command: list[str]) -> None:
    """Becomes the shell or command: an interrupt is its own, and so is the exit status."""
    ingress, _ = cluster.service_address(lab, f"{INGRESS}/{PUBLIC}", 80)
    internal, _ = cluster.service_address(lab, f"{INGRESS}/{INTERNAL}", 80)
    environment = {**lab.environment(), "INGRESS": f"http://{ingress}", "INTERNAL": f"http://{internal}"}
    if not command:
        print(
            f"kubectl and istioctl are on PATH. Shop: {environment['INGRESS']}  ($INGRESS)  admin: $INTERNAL",
            flush=True,
        )
        command = [os.environ.get("SHELL", "/bin/sh")]
    inside = cluster.in_network(lab, *command)
    os.execvpe(inside[0], inside, environment)  # from a list


if __name__ == "__main__":
    sys.exit(main())
