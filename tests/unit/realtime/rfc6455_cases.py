"""What a websocket server must do, case by case, numbered as the Autobahn test suite numbers it.

Sections 1 framing, 2 pings, 3 reserved bits, 4 reserved opcodes, 5 fragments, 6 UTF-8, 7 closing, 9 sizes,
10 automatic fragments. (8 and 11 are empty; 12 and 13, compression, are in ``test_rfc7692``.) The suite's own
program is Python 2 and starts processes; these are its cases, said anew. What differs, and why:

- Section 9 is scaled to our limit: 256 KiB stand for its 4 MiB, and what is longer must end with 1009.
- 7.1.6 and 7.13 are merely informational there; here they must come out one way.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from server.domain import limits
from tests.unit.realtime.echo import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    Heard,
    close,
    frame,
    pieces,
)

OPEN = None
"""The server goes on; it must then answer a close with 1000 as the RFC says."""
NO_CODE = 1005
"""A close frame without a code."""
MAX = limits.CLIENT_FRAME_BYTES_MAX


class Case(NamedTuple):
    """``sent``: frame by frame. ``heard``: before the end, all and in this order. ``ended``: the code of the
    server's close frame."""

    sent: list[bytes]
    heard: list[Heard] = []  # noqa: RUF012 - never changed
    ended: int | None = OPEN


def texts(*payloads: bytes) -> list[Heard]:
    return [Heard(TEXT, payload) for payload in payloads]


HELLO = b"Hello, world!"
BYTES = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"


def framing() -> Iterator[tuple[str, Case]]:
    sizes = [0, 125, 126, 127, 128, 65_535, 65_536, 65_536]
    for section, opcode, unit in (("1.1", TEXT, b"*"), ("1.2", BINARY, b"\xfe")):
        for number, size in enumerate(sizes, 1):
            payload = unit * size
            yield f"{section}.{number}", Case([frame(opcode, payload)], [Heard(opcode, payload)])


def pings() -> Iterator[tuple[str, Case]]:
    full = b"\xfe" * 125
    for case, payload in (
        ("2.1", b""),
        ("2.2", HELLO),
        ("2.3", BYTES),
        ("2.4", full),
        ("2.6", full),
    ):
        yield case, Case([frame(PING, payload)], [Heard(PONG, payload)])
    yield "2.5", Case([frame(PING, b"\xfe" * 126)], [], 1002)
    yield "2.7", Case([frame(PONG), close()], [], 1000)
    yield "2.8", Case([frame(PONG, b"unasked"), close()], [], 1000)
    yield "2.9", Case([frame(PONG, b"unasked"), frame(PING, b"asked")], [Heard(PONG, b"asked")])
    said = [b"payload-%d" % n for n in range(10)]
    many = Case([frame(PING, one) for one in said], [Heard(PONG, one) for one in said])
    yield "2.10", many
    yield "2.11", many


def reserved_bits() -> Iterator[tuple[str, Case]]:
    yield "3.1", Case([frame(TEXT, HELLO, rsv=RSV1)], [], 1002)
    for case, rsv in (("3.2", RSV2), ("3.3", RSV2 | RSV3), ("3.4", RSV1)):
        sent = [frame(TEXT, HELLO), frame(TEXT, HELLO, rsv=rsv), frame(PING)]
        yield case, Case(sent, texts(HELLO), 1002)
    yield "3.5", Case([frame(BINARY, BYTES, rsv=RSV1 | RSV3)], [], 1002)
    yield "3.6", Case([frame(PING, HELLO, rsv=RSV1 | RSV2)], [], 1002)
    yield "3.7", Case([frame(CLOSE, rsv=RSV1 | RSV2 | RSV3)], [], 1002)


def reserved_opcodes() -> Iterator[tuple[str, Case]]:
    """3 to 7 are for data, 11 to 15 for control frames."""
    for section, first in (("4.1", 3), ("4.2", 11)):
        yield f"{section}.1", Case([frame(first)], [], 1002)
        yield f"{section}.2", Case([frame(first + 1, b"reserved")], [], 1002)
        for number, payload in ((3, b""), (4, HELLO), (5, HELLO)):
            sent = [frame(TEXT, HELLO), frame(first + number - 1, payload), frame(PING)]
            yield f"{section}.{number}", Case(sent, texts(HELLO), 1002)


def fragments() -> Iterator[tuple[str, Case]]:
    one, two = frame(TEXT, b"one ", fin=False), frame(CONT, b"two")
    more = frame(CONT, b"more ", fin=False)
    ping, pong = frame(PING, b"ping"), Heard(PONG, b"ping")
    yield "5.1", Case([frame(PING, b"one", fin=False), two], [], 1002)
    yield "5.2", Case([frame(PONG, b"one", fin=False), two], [], 1002)
    for case in ("5.3", "5.4", "5.5"):
        yield case, Case([one, two], texts(b"one two"))
    for case in ("5.6", "5.7", "5.8"):
        yield case, Case([one, ping, two], [pong, *texts(b"one two")])
    for first, case in enumerate(("5.9", "5.10", "5.11", "5.12", "5.13", "5.14")):
        nothing = frame(CONT, b"of nothing", fin=first < 3)
        yield case, Case([nothing, frame(TEXT, HELLO)], [], 1002)
    yield "5.15", Case([one, two, more, frame(TEXT, HELLO)], texts(b"one two"), 1002)
    yield "5.16", Case([more, one, two] * 2, [], 1002)
    yield "5.17", Case([two, one, two] * 2, [], 1002)
    yield "5.18", Case([one, frame(TEXT, b"two")], [], 1002)
    sent = [one, more, ping, more, more, ping, two]
    for case in ("5.19", "5.20"):
        yield case, Case(sent, [pong, pong, *texts(b"one more more more two")])


KOSME = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
GREETING = "Hello-µ@ßöäüàá-UTF-8!!".encode()
SURROGATE, TOO_HIGH = b"\xed\xa0\x80", b"\xf4\x90\x80\x80"
WRONG = KOSME + SURROGATE + b"edited"


def utf8() -> Iterator[tuple[str, Case]]:
    """6.4, failing fast, has a test of its own."""
    yield "6.1.1", Case([frame(TEXT)], texts(b""))
    yield "6.1.2", Case([frame(TEXT, fin=False), frame(CONT, fin=False), frame(CONT)], texts(b""))
    middle = [frame(TEXT, fin=False), frame(CONT, b"middle", fin=False), frame(CONT)]
    yield "6.1.3", Case(middle, texts(b"middle"))
    yield "6.2.1", Case([frame(TEXT, GREETING)], texts(GREETING))
    yield "6.2.2", Case(pieces(TEXT, GREETING, 15), texts(GREETING))
    yield "6.2.3", Case(pieces(TEXT, GREETING, 1), texts(GREETING))
    yield "6.2.4", Case(pieces(TEXT, KOSME, 1), texts(KOSME))
    yield "6.3.1", Case([frame(TEXT, WRONG)], [], 1007)
    yield "6.3.2", Case(pieces(TEXT, WRONG, 1), [], 1007)
    for section, (valid, sequences) in enumerate(_sequences(), 5):
        for number, sequence in enumerate(sequences, 1):
            good = number in valid if isinstance(valid, set) else valid
            heard, ended = (texts(sequence), OPEN) if good else ([], 1007)
            yield f"6.{section}.{number}", Case([frame(TEXT, sequence)], heard, ended)


def _sequences() -> Iterator[tuple[bool | set[int], list[bytes]]]:
    """Markus Kuhn's stress test of UTF-8 decoders, by its sections; which of the sequences are valid."""
    short = [b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xfc\x80\x80\x80\x80"]
    short += [b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfb\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf"]
    starts = [range(0xC0, 0xDF), range(0xE0, 0xEF), range(0xF0, 0xF7), range(0xF8, 0xFB), [0xFC]]
    high, low = (
        (b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf"),
        b"\xed\xb0\x80",
    )
    yield True, [b"hello%sworld" % c.encode() for c in "$¢€𤭢"] + [KOSME]
    yield {2, 5, 7, 9, 11}, [KOSME[:size] for size in range(1, 12)]
    yield True, [b"\0", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"]
    yield False, [b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]
    yield True, [b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"]
    yield False, [b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"]
    edges = [b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf", TOO_HIGH]
    yield {1, 2, 3, 4}, edges
    lone = [(b"\x80\xbf" * 3)[:size] for size in range(1, 7)]
    yield False, [lone[0], b"\xbf", *lone[1:], bytes(range(0x80, 0xBF))]
    yield False, [b"".join(bytes((one, 0x20)) for one in some) for some in starts]
    yield False, short
    yield False, [b"".join(short)]
    yield False, [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]
    heads = [b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xfc\x80\x80\x80\x80"]
    yield False, [head + b"\xaf" for head in heads]
    longest = [b"\xc1", b"\xe0\x9f", b"\xf0\x8f\xbf", b"\xf8\x87\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf"]
    yield False, [head + b"\xbf" for head in longest]
    yield False, [head + b"\x80" for head in heads]
    yield False, [*high, low, b"\xed\xbe\x80", b"\xed\xbf\xbf"]
    yield False, [one + two for one in high for two in (low, b"\xed\xbf\xbf")]
    planes = [chr(plane << 16 | last).encode() for plane in range(17) for last in (0xFFFE, 0xFFFF)]
    yield True, planes
    yield True, [chr(code).encode() for code in range(0xFFF9, 0x10000)]


def closing() -> Iterator[tuple[str, Case]]:
    ping = frame(PING, b"late")
    yield "7.1.1", Case([frame(TEXT, HELLO), close()], texts(HELLO), 1000)
    yield "7.1.2", Case([close(), close()], [], 1000)
    yield "7.1.3", Case([close(), ping], [], 1000)
    yield "7.1.4", Case([close(), frame(TEXT, HELLO)], [], 1000)
    between = [frame(TEXT, b"one", fin=False), close(), frame(CONT, b"two")]
    yield "7.1.5", Case(between, [], 1000)
    long = b"BAsd7&jh23" * (MAX // 10)
    sent = [frame(TEXT, long), frame(TEXT, HELLO), close(), ping]
    yield "7.1.6", Case(sent, texts(long, HELLO), 1000)
    yield "7.3.1", Case([close(None)], [], NO_CODE)
    yield "7.3.2", Case([close(None, b"a")], [], 1002)
    yield "7.3.3", Case([close()], [], 1000)
    yield "7.3.4", Case([close(1000, HELLO)], [], 1000)
    yield "7.3.5", Case([close(1000, b"*" * 123)], [], 1000)
    yield "7.3.6", Case([close(1000, b"*" * 124)], [], 1002)
    yield "7.5.1", Case([close(1000, WRONG)], [], 1007)
    valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
    for number, code in enumerate(valid, 1):
        yield f"7.7.{number}", Case([close(code)], [], code)
    for number, code in enumerate([0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999], 1):
        yield f"7.9.{number}", Case([close(code)], [], 1002)
    yield "7.13.1", Case([close(5000)], [], 1002)
    yield "7.13.2", Case([close(65_535)], [], 1002)


def sizes() -> Iterator[tuple[str, Case]]:
    units = ((TEXT, b"BAsd7&jh23"), (BINARY, b"\x00\xfe\x23\xfa\xf0"))
    for (opcode, unit), (whole, parted, chopped, many) in zip(
        units, (("9.1", "9.3", "9.5", "9.7"), ("9.2", "9.4", "9.6", "9.8")), strict=True
    ):
        long = (unit * MAX)[:MAX]
        too_long = Case([frame(opcode, long + b"!")], [], 1009)
        yield (
            f"{whole}.1",
            Case([frame(opcode, long[: MAX // 4])], [Heard(opcode, long[: MAX // 4])]),
        )
        yield f"{whole}.2", Case([frame(opcode, long)], [Heard(opcode, long)])
        yield from ((f"{whole}.{number}", too_long) for number in range(3, 7))
        for number, size in enumerate([64, 256, 1_024, 4_096, 16_384, 65_536, MAX], 1):
            yield f"{parted}.{number}", Case(pieces(opcode, long, size), [Heard(opcode, long)])
        yield f"{parted}.8", Case(pieces(opcode, long + b"!", 65_536), [], 1009)
        yield f"{parted}.9", too_long
        for number in range(1, 7):  # 64 to 2,048 octets at a time: see SIZES_OF_CHOPS
            yield f"{chopped}.{number}", Case([frame(opcode, long)], [Heard(opcode, long)])
        for number, size in enumerate([0, 16, 64, 256, 1_024, 4_096], 1):
            payload = long[:size]
            sent = [frame(opcode, payload)] * 1_000
            yield f"{many}.{number}", Case(sent, [Heard(opcode, payload)] * 1_000)


def automatic_fragments() -> Iterator[tuple[str, Case]]:
    yield "10.1.1", Case(pieces(TEXT, b"*" * 65_536, 1_300), texts(b"*" * 65_536))


SIZES_OF_CHOPS = dict(enumerate([64, 128, 256, 512, 1_024, 2_048], 1))
SMALL: dict[str, Case] = dict(
    itertools.chain(pings(), reserved_bits(), reserved_opcodes(), fragments(), utf8())
)
SMALL |= {case: it for case, it in closing() if case != "7.1.6"}
LARGE: dict[str, Case] = dict(itertools.chain(sizes(), automatic_fragments()))
LARGE |= {case: it for case, it in closing() if case == "7.1.6"}
FRAMING: dict[str, Case] = dict(framing())
