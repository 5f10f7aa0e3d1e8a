"""``python -m deploy.servers postgres|valkey|tls …``: become that server, in a container of its own.

The servers listen on a Unix socket alone, in a folder that their pod's containers share. ``tls PORT SOCKET
[ALPN]`` is the other container: it ends TLS on PORT, with tls.crt and tls.key of /tls, and passes the rest on.

    /data       what a server keeps
    /sockets    the shared folder
    /secrets    the file `password`
    /run/server settings that are made at the start
"""

import os
import sys

from deploy.servers import postgres, tls, valkey


def main() -> None:
    """Does not return when the server has started."""
    match sys.argv[1:]:
        case ["postgres"]:
            command = postgres.prepare()
        case ["valkey"]:
            command = valkey.prepare()
        case ["tls", port, socket, *alpn]:
            command = tls.prepare(int(port), socket, alpn)
        case _:
            print(__doc__, file=sys.stderr)
            sys.exit(64)
    os.execv(command[0], command)  # from a list


if __name__ == "__main__":
    main()
