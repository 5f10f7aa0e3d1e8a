"""``python -I -S ping.py SOCKET``: whether Valkey answers, and is not still loading. Imports nothing."""

import socket
import sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.settimeout(2)
    connection.connect(sys.argv[1])
    connection.sendall(b"PING\r\n")
    answer = connection.recv(64)
sys.exit(0 if answer.startswith((b"+PONG", b"-NOAUTH")) else 1)  # who asks for a password has loaded its data
