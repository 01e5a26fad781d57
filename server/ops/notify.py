"""Tells systemd how the node is (sd_notify(3)): one datagram to the socket it named, or nothing."""

import os
import socket


def notify(state: str) -> None:
    """``READY=1``, ``STOPPING=1``, ``STATUS=...``. Silent where no service manager listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        try:
            out.connect(address)
            out.sendall(state.encode())
        except OSError:
            return  # the manager's loss must not be the node's
