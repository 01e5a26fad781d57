"""The wiretap of the chaos tests hears what is said: masked, packed, polled, or broken off in the middle."""

from __future__ import annotations

from server.domain.ids import LaneKey
from server.federation import frames
from server.federation.packing import pack
from server.federation.polled import joined
from tests.stress.wire import BINARY, frame
from tests.support.overheard import Overheard, Wiretap
from tests.unit.federation.lab import EPOCH, batch_of

KEY = LaneKey("de", EPOCH, "pair.de.fr")
UPGRADE = b"GET /federation/v1 HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
WORDS = b"mark-pair.de.fr-de-7 and what else there is to say between the two of us " * 4


def _packed() -> bytes:
    return pack(frames.encode(batch_of(KEY, [WORDS] * 8)))


def test_a_masked_and_packed_batch_is_read_however_it_is_cut_into_pieces() -> None:
    stream = UPGRADE + frame(BINARY, _packed(), b"mask")
    tap, heard = Wiretap(), Overheard()
    for at in range(len(stream)):
        for message in tap.feed(stream[at : at + 1]):
            assert heard.message(message) == "PACKED"
    assert heard.lanes == {KEY}
    assert set(heard.marks) == {"pair.de.fr"}
    assert heard.marks["pair.de.fr"] == 4 * 8
    assert tap.rest == b""


def test_what_a_cut_leaves_of_a_message_is_read_as_well() -> None:
    stream = UPGRADE + frame(BINARY, frames.encode(batch_of(KEY, [WORDS])), b"mask")
    tap, heard = Wiretap(), Overheard()
    assert tap.feed(stream[:-20]) == []
    heard.scrap(tap.rest)
    assert set(heard.marks) == {"pair.de.fr"}


def test_who_is_asked_about_is_heard() -> None:
    heard = Overheard()
    look = frames.Looked(0, "p:anna")
    assert heard.message(frames.encode(frames.Ephem(0, b"", (look,)))) == "EPHEM"
    assert heard.channels == {"p:anna"}


def test_long_polls_are_read_too() -> None:
    body = joined([_packed(), frames.encode(frames.Ping(1))])
    head = f"POST /x/say HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    heard = Overheard()
    kinds = [heard.message(message) for message in Wiretap().feed(head + body)]
    assert kinds == ["PACKED", "PING"]
    assert set(heard.marks) == {"pair.de.fr"}
