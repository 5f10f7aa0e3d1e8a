"""Where a server's pod has what."""

from importlib.util import find_spec
from pathlib import Path

DATA = Path("/data")
SOCKETS = Path("/sockets")
PASSWORD = Path("/secrets/password")
CERTIFICATE, KEY = Path("/tls/tls.crt"), Path("/tls/tls.key")
SETTINGS = Path("/run/server")


def package_folder(name: str) -> Path:
    """Where a package is installed. Found, not imported: these do much when imported, and need none of it."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"the package {name} is not in this image: it is `servers` that has it")
    return Path(spec.origin).parent
