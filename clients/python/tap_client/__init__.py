"""The Python SDK of Tap: connect, follow, post; what bots, tests and load tools speak.

    async with Client("https://tap.in.example.com", token, on_event=heard) as tap:
        done = await tap.do({"do": "post.publish", "place": "c:…", "kind": "update", "text": "Hello"})

- ``client``       ``Client``: the connection that comes back, callbacks in order, commands that arrive once
- ``session``      the same without sockets, clocks or chance: frames in, ``effects`` out; made of
  ``places`` (what was heard), ``gap`` (what is heard again), ``outbox`` (what was not answered),
  ``silence`` (is the node there?), ``credentials``, ``choice`` (of the transport) and ``backoff``
- ``conversation`` a link's two directions until one ends
- ``link``         one attempt over one transport: ``link_websocket``, ``link_events``, ``link_poll``
- ``renewal``      new tokens, asked for once at a time
- ``delivery``     events until they are heard
- ``store``        what must survive a restart: the cursor and the commands not yet answered
- ``http``         plain requests: log in, read views, send imports; ``exchange``: one that is awaited
- ``frames``       the two encodings of the protocol and the values a client hears
- ``clock``        the time of day, that never goes back
- ``errors``       what can go wrong, by what the caller can do about it

Guarantees. Each event is given to ``on_event`` once and in the node's order, also across broken
connections and, with a ``FileStore``, across restarts: the cursor is written after the callback
returned, so only a crash in between repeats that one event. A command carries a client key and is
sent again with the same key until the node answers, so it is applied once (protocol, "do").
"""

from tap_client.client import Client
from tap_client.errors import (
    Again,
    Ended,
    Full,
    ProtocolError,
    Refused,
    Stale,
    TapError,
    Unauthenticated,
    Unreachable,
)
from tap_client.frames import Done, Event, Value
from tap_client.http import Http, login
from tap_client.renewal import Provider
from tap_client.store import FileStore, MemoryStore, Store

__all__ = [
    "Again",
    "Client",
    "Done",
    "Ended",
    "Event",
    "FileStore",
    "Full",
    "Http",
    "MemoryStore",
    "ProtocolError",
    "Provider",
    "Refused",
    "Stale",
    "Store",
    "TapError",
    "Unauthenticated",
    "Unreachable",
    "Value",
    "login",
]
