"""Ports for the tests' nodes, which nobody else is given while this process lives.

A node that is down for a moment must find its port free again, though other tests open connections and listen on
ports of the system's choice meanwhile. So each port stays bound here, by a socket that never listens: Linux gives
such a port to nobody, but lets whoever asks for it by its number listen there (SO_REUSEADDR, socket(7)).
"""

from __future__ import annotations

import socket
import sys

from server.ops.demo.nodes import HOST

BASE_MIN, BASE_MAX = 11_000, 30_000
"""Where ports in a row are looked for: below those the system gives out, above the last that browsers refuse (10080)."""


def held_ports(count: int) -> list[int]:
    """Free ports of the system's choice."""
    return [_hold(0) for _ in range(count)]


def held_row(count: int) -> int:
    """The first of so many free ports in a row."""
    for base in range(BASE_MIN, BASE_MAX, count):
        if all(_hold(port) for port in range(base, base + count)):
            return base
    raise AssertionError(f"no {count} free ports in a row")


def _hold(port: int) -> int:
    """The port, bound; 0 when somebody has it."""
    holder = socket.socket()
    try:
        holder.bind((HOST, port))
    except OSError:
        holder.close()
        return 0
    port = int(holder.getsockname()[1])
    if sys.platform == "linux":
        # Only now: a socket that was bound so might share its port with another holder.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.detach()
    else:
        holder.close()
    return port
