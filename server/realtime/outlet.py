"""The way out of one connection: ``write`` never blocks, and costs one system call while the reader keeps up.

On plain TCP the system call is ours, past the transport: the bare loop over it costs 1.07 to 1.2 times what
the kernel does, the transport's own ``write`` 1.3 to 1.5. What the kernel does not take at once is the
transport's, and so is everything after it until that is out; over TLS everything is.

Two rules make writing past a transport safe:

1. Only while the transport holds nothing back: otherwise bytes would overtake others.
2. Only between ``connection_made`` and ``connection_lost``: asyncio and uvloop close a descriptor after the
   latter, so until then its number cannot be another connection's.
"""

import asyncio
import os
from collections.abc import Iterable
from typing import cast

NOWHERE, GONE, ENCRYPTED = -1, -2, -3


class Outlet:
    """``direct``: the descriptor to write to; NOWHERE while the transport must be used, ENCRYPTED if always,
    GONE at the end."""

    __slots__ = ("_descriptor", "_held", "_transport", "direct")

    def __init__(self) -> None:
        self.direct = self._descriptor = NOWHERE
        self._held: list[bytes] | None = None

    def attach(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there; its transport may hold back what was written before it was handed over."""
        self._transport = cast(asyncio.Transport, transport)
        socket = transport.get_extra_info("socket")
        if transport.get_extra_info("sslcontext") is not None:
            self.direct = ENCRYPTED
        elif socket is not None:
            self._descriptor = socket.fileno()
            if not self._transport.get_write_buffer_size():
                self.direct = self._descriptor

    def detach(self) -> None:
        """The connection is lost: from here on its descriptor may be anybody's, and nothing is sent."""
        self.direct = GONE

    def hold(self) -> bool:
        """What is written from now on leaves together, with ``release``: a welcome, what was missed and its
        mark are one system call. Returns whether it is the caller's to release, who else holds already."""
        if self._held is not None:
            return False
        self._held = []
        return True

    def flush(self) -> None:
        """What is held leaves now, so that the transport can say whether it is too much."""
        if self._held:
            held, self._held = self._held, []
            self._leave(b"".join(held))

    def release(self) -> None:
        self.flush()
        self._held = None

    def close(self) -> None:
        """After all that was written."""
        self.flush()
        self._transport.close()

    def write(self, data: bytes) -> None:
        if self._held is None:
            self._leave(data)
        else:
            self._held.append(data)

    def _leave(self, data: bytes) -> None:
        if self.direct == ENCRYPTED:
            self._transport.write(data)
            return
        if self.direct == GONE:
            return
        if self.direct == NOWHERE and not self._transport.get_write_buffer_size():
            self.direct = self._descriptor
        sent = written(self.direct, data)
        if sent != len(data):
            self.rest(data, sent)

    def rest(self, data: bytes, sent: int) -> None:
        """What the kernel did not take is the transport's to send, or to fail on."""
        self.direct = NOWHERE
        self._transport.write(data[sent:])


def written(descriptor: int, data: bytes) -> int:
    """How many bytes the kernel took; 0 also when it says that nothing can be written any more, which the
    transport will be told as well."""
    if descriptor == NOWHERE:
        return 0
    try:
        return os.write(descriptor, data)
    except OSError:
        return 0


def broadcast(data: bytes, outlets: Iterable[Outlet]) -> None:
    """The inner loop of a fan-out: the same bytes to each. Spelled out, as calls would double its cost."""
    size, write = len(data), os.write
    for outlet in outlets:
        descriptor = outlet.direct
        if descriptor < 0:
            if descriptor == ENCRYPTED:
                outlet._transport.write(data)
            else:
                outlet.write(data)
            continue
        try:
            sent = write(descriptor, data)
        except OSError:  # full or broken, as in ``written``
            sent = 0
        if sent != size:
            outlet.rest(data, sent)
