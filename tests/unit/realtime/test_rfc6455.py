"""The websocket rules themselves, over our own ``Connection`` (RFC 6455), however the octets are cut.

Autobahn knows four verdicts; what it calls NON-STRICT is right, too, but later or less than could be. Here
every case must be strictly right, but for 6.4.3 and 6.4.4: whether a frame is UTF-8 is judged once the frame
is there, not while it comes. A frame has at most 256 KiB, so nothing is gained for anybody by judging it
octet by octet; in a message of many frames each is judged as it comes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from tests.unit.realtime.echo import (
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Heard,
    Peer,
    chopped,
    close,
    frame,
)
from tests.unit.realtime.rfc6455_cases import (
    FRAMING,
    KOSME,
    LARGE,
    NO_CODE,
    OPEN,
    SIZES_OF_CHOPS,
    SMALL,
    TOO_HIGH,
    Case,
)

FRAME_BY_FRAME, AT_ONCE = 0, None
CHOPS = {"frames": FRAME_BY_FRAME, "at once": AT_ONCE, "octets": 1, "997": 997}
EVERY_WAY = pytest.mark.parametrize("chop", CHOPS.values(), ids=list(CHOPS))


def play(case: Case, chop: int | None) -> None:
    peer = Peer()
    peer.send(*chopped(case.sent, chop))
    heard = peer.hear()
    assert heard[: len(case.heard)] == case.heard
    rest = heard[len(case.heard) :]
    if case.ended is OPEN:
        assert rest == []
        is_open(peer)
    else:
        (said,) = rest
        is_closed(peer, said, case.ended)
    peer.lose()


def is_open(peer: Peer) -> None:
    """It still answers, and takes part in a closing handshake."""
    assert not peer.ended
    peer.send(frame(PING, b"there?"))
    assert peer.hear() == [Heard(PONG, b"there?")]
    peer.send(close(1000, b"done"))
    (said,) = peer.hear()
    is_closed(peer, said, 1000)


def is_closed(peer: Peer, said: Heard, code: int) -> None:
    """The last frame closes, with the code; nothing comes after it, whatever is said."""
    assert said.opcode == CLOSE
    assert said.payload[:2] == (b"" if code == NO_CODE else struct.pack("!H", code))
    said.payload[2:].decode()
    assert peer.ended
    peer.send(frame(TEXT, b"more"), frame(PING), close())
    assert peer.hear() == []


@EVERY_WAY
@pytest.mark.parametrize("case", SMALL)
def test_is_strictly_right(case: str, chop: int | None) -> None:
    play(SMALL[case], chop)


@pytest.mark.parametrize("chop", [AT_ONCE, 1, 997], ids=["at once", "octets", "997"])
@pytest.mark.parametrize("case", FRAMING)
def test_reads_and_writes_every_length(case: str, chop: int | None) -> None:
    play(FRAMING[case], chop)


@pytest.mark.parametrize("case", LARGE)
def test_takes_what_is_large_and_no_more(case: str) -> None:
    section, _, number = case.rpartition(".")
    chop = SIZES_OF_CHOPS[int(number)] if section in ("9.5", "9.6") else FRAME_BY_FRAME
    play(LARGE[case], chop)


def parts(*payloads: bytes) -> list[bytes]:
    """One text message, a frame each."""
    last = len(payloads) - 1
    return [
        frame(CONT if at else TEXT, payload, fin=at == last) for at, payload in enumerate(payloads)
    ]


WRONG = KOSME + TOO_HIGH + b"edited"


@pytest.mark.parametrize(
    "writes",
    [parts(KOSME, TOO_HIGH, b"edited"), parts(WRONG[:12], WRONG[12:13], WRONG[13:])],
    ids=["6.4.1", "6.4.2"],
)
def test_bad_utf_8_ends_a_message_with_the_frame_that_shows_it(writes: Sequence[bytes]) -> None:
    peer = Peer()
    peer.send(writes[0])
    assert (peer.hear(), peer.ended) == ([], False)
    peer.send(writes[1])
    (said,) = peer.hear()
    is_closed(peer, said, 1007)


@pytest.mark.parametrize("ends", [(11, 15), (12, 13)], ids=["6.4.3", "6.4.4"])
def test_bad_utf_8_in_one_frame_ends_it_with_the_frame(ends: tuple[int, int]) -> None:
    """Autobahn's NON-STRICT."""
    peer = Peer()
    whole = frame(TEXT, WRONG)
    first, second = [len(whole) - len(WRONG) + end for end in ends]
    peer.send(whole[:first], whole[first:second])
    assert (peer.hear(), peer.ended) == ([], False)
    peer.send(whole[second:])
    (said,) = peer.hear()
    is_closed(peer, said, 1007)


def test_what_is_not_masked_is_refused() -> None:
    """RFC 6455 5.1"""
    peer = Peer()
    peer.send(b"\x81\x05Hello")
    (said,) = peer.hear()
    is_closed(peer, said, 1002)


def test_answers_keep_their_order() -> None:
    peer = Peer()
    peer.send(
        frame(TEXT, b"1") + frame(PING, b"2") + frame(TEXT, b"3") + frame(PING, b"4") + close()
    )
    heard = peer.hear()
    assert [one.payload for one in heard[:4]] == [b"1", b"2", b"3", b"4"]
    is_closed(peer, heard[4], 1000)


def test_no_case_is_missing() -> None:
    """Autobahn 25.10.1 has 301 without compression, four of them in 6.4."""
    assert len(SMALL) + len(LARGE) + len(FRAMING) + 4 == 301
