"""Ports for the tests' nodes, which nobody else is given while this process lives.

A node that is down for a moment must find its port free again, though other tests open connections and listen on
ports of the system's choice meanwhile. So each port stays bound here, by a socket that never listens: Linux gives
such a port to nobody, but lets whoever asks for it by its number listen there (SO_REUSEADDR, socket(7)).
"""

from __future__ import annotations

import contextlib
import socket
import sys

from server.ops.demo.nodes import HOST

BASE_MIN, BASE_MAX = 11_000, 30_000
"""Where ports in a row are looked for: below those the system gives out, above the last that browsers refuse (10080)."""


def held_ports(count: int) -> list[int]:
    """Free ports of the system's choice."""
    return [_held(_bound(0)) for _ in range(count)]


def held_row(count: int) -> int:
    """The first of so many free ports in a row."""
    for base in range(BASE_MIN, BASE_MAX, count):
        with contextlib.ExitStack() as row:
            try:
                found = [row.enter_context(_bound(port)) for port in range(base, base + count)]
            except OSError:
                continue
            held = [_held(holder) for holder in found]
            return held[0]
    raise AssertionError(f"no {count} free ports in a row")


def _bound(port: int) -> socket.socket:
    """Raises OSError when somebody has it."""
    holder = socket.socket()
    try:
        holder.bind((HOST, port))
    except OSError:
        holder.close()
        raise
    return holder


def _held(holder: socket.socket) -> int:
    """Its port, for as long as this process lives."""
    port = int(holder.getsockname()[1])
    if sys.platform == "linux":
        # Only now: a socket that was bound so might share its port with another holder.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.detach()
    else:
        holder.close()
    return port
