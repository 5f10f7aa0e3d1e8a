"""``python -m simulators.mail --smtp-port 1025 --http-port 8025``: runs until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import json
import signal
import ssl
import sys
import threading
from pathlib import Path

from aiosmtpd.smtp import SMTP

from simulators.mail.http import MailboxServer
from simulators.mail.smtp import SIZE_LIMIT, Receiver
from simulators.mail.store import Store

CAPACITY = 2000  # messages


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m simulators.mail", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--smtp-port", type=int, default=1025, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--http-port", type=int, default=8025, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--store", type=Path, help="folder that keeps the messages over a restart")
    parser.add_argument("--certificate", type=Path, help="PEM: speak TLS on both ports")
    parser.add_argument("--key", type=Path, help="PEM: the certificate's key, if it is not in the same file")
    return parser.parse_args()


def encryption(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    """TLS with the certificate given; None without one. Raises OSError for files that are no such pair."""
    if arguments.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(arguments.certificate, arguments.key)
    return context


async def serve(arguments: argparse.Namespace) -> None:
    """Listen on both ports, say which, and run until told to stop. Raises OSError for a taken port."""
    loop = asyncio.get_running_loop()
    store = Store(capacity=CAPACITY, folder=arguments.store)
    receiver = Receiver(store)
    tls = encryption(arguments)
    smtp = await loop.create_server(
        lambda: SMTP(receiver, enable_SMTPUTF8=True, data_size_limit=SIZE_LIMIT, loop=loop),
        arguments.host,
        arguments.smtp_port,
        ssl=tls,
    )
    http = MailboxServer((arguments.host, arguments.http_port), store, tls=tls)
    threading.Thread(target=http.serve_forever, daemon=True, name="http").start()

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ports = {"smtp_port": smtp.sockets[0].getsockname()[1], "http_port": http.server_address[1]}
    print(json.dumps(ports), flush=True)
    await stop.wait()
    smtp.close()
    http.shutdown()


def main() -> int:
    """Exit code 0 after a signal, 1 with one line when the server cannot start."""
    try:
        asyncio.run(serve(parse_arguments()))
    except OSError as exc:
        print(f"mail server: cannot start: {exc}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
