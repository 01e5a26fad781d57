"""One node for all figures of a run: greeting 18,000 clients takes longer than measuring with them."""

import sys
from contextlib import ExitStack

from tests.bench.realtime.node import Tap, running_tap

BASE_SHARE, CLIENT_SHARE = 0.015, 3e-6
"""What a node may spend at rest, of a core: with nobody connected, and per connection (pings)."""


class Stage:
    """Tap with the wanted number of clients connected: clients 0 to n - 1, each its own person."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._tap: Tap | None = None
        self.clients = 0

    def tap(self) -> Tap:
        if self._tap is None:
            self._tap = self._stack.enter_context(running_tap())
        return self._tap

    def crowd(self, clients: int) -> Tap:
        """The node with exactly so many clients live, at rest."""
        tap = self.tap()
        if clients > self.clients:
            opened = tap.load.open(self.clients, clients - self.clients)
            print(f"  {opened.ready} more clients in {opened.seconds:.1f} s", file=sys.stderr)
        elif clients < self.clients:
            tap.load.close(clients, self.clients - clients)
        self.clients = clients
        self.rest()
        return tap

    def rest(self) -> float:
        """Waits until nothing is left to do; what idling costs, CPU seconds per second."""
        return self.tap().rest(BASE_SHARE + self.clients * CLIENT_SHARE)

    def clear(self) -> None:
        """Ends the node; the next figure gets a fresh one."""
        self._stack.close()
        self._tap, self.clients = None, 0
