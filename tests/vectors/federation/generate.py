"""Writes the federation vectors: ``python -m tests.vectors.federation.generate``.

Everything follows from two fixed seeds, so the files only change when the wire does. The test
``tests/unit/federation/test_vectors.py`` compares them with what this would write now, runs them against
the server, and checks the good ones again with nothing but a hash, a signature and MessagePack.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import zstandard
from msgspec import msgpack
from msgspec.structs import replace

from server.domain import limits, wire
from server.domain.ids import LaneKey
from server.domain.wire import Header, WireEvent
from server.federation import catchup, frames
from server.federation.ephemeral import packed
from server.federation.frames import (
    NAMES,
    Ack,
    Ask,
    Batch,
    Ephem,
    Fault,
    Fork,
    Frame,
    Head,
    Heads,
    Hello,
    LaneRef,
    LeadAck,
    LeadTip,
    Looked,
    Packed,
    Ping,
    Tip,
    Told,
    TypingThere,
    Want,
)
from server.federation.lanes import Held
from server.federation.trust import Proof, key_id, private_key, sign_head, sign_proof

FOLDER = Path(__file__).parent
SEEDS = {"de": bytes(range(32)), "fr": bytes(range(32, 64))}
KEYS = {region: private_key(seed) for region, seed in SEEDS.items()}
PUBLIC = {region: key.public_key().public_bytes_raw() for region, key in KEYS.items()}
EPOCH = 1 << 32 | 0x2A
TIME = 1_767_225_600_000
KEY = LaneKey("de", EPOCH, "global")
BODIES = [
    msgpack.encode({"post": "01kdvdna08smf21m1es6tyd2vs", "text": "Grüße 👋"}),
    msgpack.encode({"post": "01kdvdna0adjg1g3x6sx9q3x7c", "text": "नमस्ते"}),
    b"",
]
NONCES = {"de": hashlib.sha256(b"nonce de").digest(), "fr": hashlib.sha256(b"nonce fr").digest()}


def events(bodies: list[bytes] = BODIES, key: LaneKey = KEY) -> list[WireEvent]:
    made: list[WireEvent] = []
    tip = Held.nothing(key)
    for body in bodies:
        salt = hashlib.sha256(tip.hash).digest()[:16]
        header = Header(
            1,
            *key,
            tip.seq + 1,
            "post.published",
            1,
            (TIME + tip.seq) << 16,
            "anna",
            ("01kdvdna08smf21m1es6tyd2vs",),
            wire.commitment(salt, body),
        )
        raw = wire.encode_header(header)
        tip = Held(tip.seq + 1, wire.chain(tip.hash, raw))
        made.append(WireEvent(raw, tip.hash, salt, body))
    return made


def batch(made: list[WireEvent], after: int = 0, key: LaneKey = KEY) -> Batch:
    previous = made[after - 1].hash if after else wire.genesis(*key)
    head = sign_head(key, Held(len(made), made[-1].hash), KEYS[key.region])
    decoded = frames.decode(catchup.page(after, previous, made[after:], head).frame)
    assert isinstance(decoded, Batch)
    return decoded


def plain(value: Any) -> Any:
    """As JSON: bytes in hexadecimal, tuples as lists."""
    match value:
        case bytes():
            return value.hex()
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}
    return value


def chain() -> dict[str, Any]:
    made = events()
    return {
        "lane": {**KEY._asdict(), "genesis": wire.genesis(*KEY)},
        "events": [
            {
                "header": msgpack.decode(event.header),
                "header_bytes": event.header,
                "salt": event.salt,
                "body": event.body,
                "commitment": wire.decode_header(event.header).commitment,
                "hash": event.hash,
            }
            for event in made
        ],
    }


def heads() -> dict[str, Any]:
    head = sign_head(KEY, Held(3, events()[-1].hash), KEYS["de"])
    bad = {
        "another hash": replace(head, hash=b"\x00" * 32),
        "another seq": replace(head, seq=4),
        "another lane": replace(head, lane="control"),
        "another epoch": replace(head, epoch=EPOCH + 1),
        "a key that is not pinned": replace(head, key_id="0" * 16),
        "signed by another region": sign_head(KEY, Held(3, head.hash), KEYS["fr"]),
        "another region": replace(head, region="fr"),
    }
    return {
        "keys": {
            region: {
                "seed": SEEDS[region],
                "public": PUBLIC[region],
                "key_id": key_id(PUBLIC[region]),
            }
            for region in SEEDS
        },
        "good": {"head": _head(head), "signed_bytes": head.signed_bytes},
        "bad": [
            {"case": case, "head": _head(head), "code": "bad_signature"}
            for case, head in bad.items()
        ],
    }


def _head(head: wire.SignedHead) -> list[Any]:
    return list(msgpack.decode(msgpack.encode(head)))


def proofs() -> dict[str, Any]:
    found = []
    for role, region, to in (("accept", "fr", "de"), ("dial", "de", "fr")):
        proof = Proof(
            role,  # type: ignore[arg-type]
            region,
            to,
            1,
            EPOCH,
            key_id(PUBLIC[region]),
            NONCES[region],
            NONCES[to],
        )
        found.append(
            {
                "proof": list(msgpack.decode(msgpack.encode(proof))),
                "signed_bytes": proof.signed_bytes,
                "signature": sign_proof(proof, KEYS[region]),
            }
        )
    return {"good": found}


def every_frame() -> dict[str, Any]:
    def hello(region: str, to: str, role: str = "") -> Hello:
        name = key_id(PUBLIC[region])
        bare = Hello(region, to, (1, 1), EPOCH, name, NONCES[region], TIME, features=("zstd",))
        if not role:
            return bare
        proof = Proof(role, region, to, 1, EPOCH, name, NONCES[region], NONCES[to])  # type: ignore[arg-type]
        return replace(bare, proof=sign_proof(proof, KEYS[region]))

    made, other = events(), events([b"another", *BODIES[1:]])
    good: dict[str, Frame] = {
        "the dialling end opens": hello("de", "fr"),
        "the accepting end proves itself": hello("fr", "de", "accept"),
        "the dialling end proves itself": hello("de", "fr", "dial"),
        "all of de, from its first event": Want(("de",), (), limits.CREDIT_BYTES),
        "all of de after what is held, but for a forked lane": Want(
            ("de",),
            (Tip("de", EPOCH, "control", 1), Tip("de", EPOCH, "global", 3)),
            limits.CREDIT_BYTES,
            (LaneRef("de", EPOCH, "pair.de.fr"),),
            (bytes(range(32)), bytes(range(32, 64))),
        ),
        "the newest of de first, and on with a lead": Want(
            ("de",),
            (Tip("de", EPOCH, "global", 3),),
            limits.CREDIT_BYTES,
            (),
            (bytes(range(32)),),
            limits.FRESH_EVENTS,
            (LeadTip("de", EPOCH, "global", 9_000, 11_048, bytes(range(32, 64)), 600),),
        ),
        "three events": batch(events()),
        "the last two, after the first": batch(events(), 1),
        "an erased event": _erased(batch(events()), 1),
        "how far two lanes reach": Heads(
            (Tip("de", EPOCH, "control", 1), Tip("de", EPOCH, "global", 3))
        ),
        "committed up to three": Ack((Tip("de", EPOCH, "global", 3),), limits.CREDIT_BYTES),
        "committed up to three, and a lead": Ack(
            (Tip("de", EPOCH, "global", 3),),
            limits.CREDIT_BYTES,
            (LeadAck("de", EPOCH, "global", 11_048, 600),),
        ),
        "whom people look at, and two of whom no more": Ephem(
            3,
            packed([2, 260]),
            (Looked(0, "p:anna"), Looked(2, "t:01kdvdna08smf21m1es6tyd2vs")),
        ),
        "who is there and who types": Ephem(
            4, b"", (), packed([0, 1, 7]), packed([600]), packed([5]), (TypingThere(2, ("bob",)),)
        ),
        "a ping": Ping(TIME),
        "its echo": Ping(TIME + 130, TIME),
        "two histories, told at one number": _fork(made, other, 3, 3),
        "two histories, told at two numbers": _fork(made, other, 2, 3),
        "three events, packed": Packed(
            zstandard.ZstdCompressor(level=1).compress(frames.encode(batch(events())))
        ),
        "a command for the peer to decide": Ask(
            7,
            "asha",
            "a-key-of-hers",
            msgpack.encode({"do": "idea.move", "post": "01" + "k" * 24, "stage": "accepted"}),
        ),
        "its answer": Told(7, msgpack.encode({"rev": 2})),
        "its refusal": Told(7, None, False, "forbidden", "ideas are moved by moderators", "post"),
        "an error": Fault("broken_chain", "a gap: events 1 to 2 are missing"),
    }
    return {
        "good": [
            {"case": case, "frame": NAMES[type(frame)], "bytes": frames.encode(frame)}
            for case, frame in good.items()
        ],
        "bad": _bad_frames(),
    }


def _fork(one: list[WireEvent], two: list[WireEvent], at: int, to: int) -> Fork:
    """``one`` has a head at ``at``, ``two`` at ``to``."""
    first = sign_head(KEY, Held(at, one[at - 1].hash), KEYS["de"])
    second = sign_head(KEY, Held(to, two[to - 1].hash), KEYS["de"])
    headers = tuple([event.header for event in two[at:to]])
    return Fork(Head.of(first), Head.of(second), two[at - 1].hash, headers)


def _erased(whole: Batch, index: int) -> Batch:
    carried = list(whole.events)
    carried[index] = replace(carried[index], salt=None, body=None)
    return replace(whole, events=tuple(carried))


def _bad_frames() -> list[dict[str, Any]]:
    ping = frames.encode(Ping(TIME))
    cases: list[tuple[str, bytes, str]] = [
        ("nothing", b"", "bad_encoding"),
        ("a byte MessagePack never uses", b"\xc1", "bad_encoding"),
        ("cut short", ping[:-1], "bad_encoding"),
        ("something after the frame", ping + b"\x00", "bad_encoding"),
        ("bad UTF-8", b"\x92\x08\xa1\xff", "bad_encoding"),
        ("nested beyond reason", b"\x94\x07\x01\x00" + b"\x91" * 5000 + b"\xc0", "bad_encoding"),
        ("a map", b"\x80", "bad_frame"),
        ("no kind", b"\x90", "bad_frame"),
        ("kind 0", msgpack.encode([0]), "unknown_kind"),
        ("kind 90", msgpack.encode([90, 1]), "unknown_kind"),
        ("an element missing", msgpack.encode([7]), "bad_frame"),
        ("a negative time", msgpack.encode([7, -1]), "bad_frame"),
        ("a region in capitals", msgpack.encode([4, [["DE", EPOCH, "global", 1]]]), "bad_frame"),
        (
            "a region and a line feed",
            msgpack.encode([4, [["de\n", EPOCH, "global", 1]]]),
            "bad_frame",
        ),
        ("an unknown sort of lane", msgpack.encode([4, [["de", EPOCH, "secret", 1]]]), "bad_frame"),
        ("epoch 0", msgpack.encode([4, [["de", 0, "global", 1]]]), "bad_frame"),
        (
            "a seq beyond 62 bits",
            msgpack.encode([4, [["de", EPOCH, "global", 2**62]]]),
            "bad_frame",
        ),
        ("a text instead of bytes", msgpack.encode([3, 0, "h" * 32, [], []]), "bad_frame"),
        ("a batch of nothing", _batch_bytes(events=[]), "bad_frame"),
        (
            "a look at a channel of events",
            msgpack.encode([6, 0, b"", [[0, "u:anna"]]]),
            "bad_frame",
        ),
        ("a number beyond all", msgpack.encode([6, 0, b"", [[2**15, "p:anna"]]]), "bad_frame"),
        ("states that are no bytes", msgpack.encode([6, 0, b"", [], [0, 1]]), "bad_frame"),
        (
            "more names than are shown",
            msgpack.encode([6, 0, b"", [], b"", b"", b"", [[0, ["anna"] * 9]]]),
            "bad_frame",
        ),
        ("a question without a number", msgpack.encode([11, 0, "asha", "a" * 8, b""]), "bad_frame"),
        ("a question for nobody", msgpack.encode([11, 1, "", "a" * 8, b""]), "bad_frame"),
        (
            "a short nonce",
            msgpack.encode([1, "de", "fr", [1, 1], 1, "0" * 16, b"n", 1]),
            "bad_frame",
        ),
    ]
    return [{"case": case, "bytes": raw, "code": code} for case, raw, code in cases]


def _batch_bytes(**changed: Any) -> bytes:
    elements = msgpack.decode(frames.encode(batch(events())))
    at = {"after": 1, "previous": 2, "events": 3, "head": 4}
    for name, value in changed.items():
        elements[at[name]] = value
    return msgpack.encode(elements)


def batches() -> dict[str, Any]:
    """What a receiver answers to a batch, given how far it holds the lane."""
    made = events()
    whole = batch(made)
    one, two, three = whole.events
    nothing = Held.nothing(KEY)
    after_one = Held(1, made[0].hash)
    other = events([b"another", *BODIES[1:]])
    cases: list[tuple[str, Held, Batch, Any]] = [
        ("from the first event", nothing, whole, 3),
        ("after the first event", after_one, batch(made, 1), 3),
        ("the first is a repeat", after_one, whole, 3),
        ("all of it is a repeat", Held(3, made[2].hash), whole, 3),
        ("an erased event", nothing, _erased(whole, 1), 3),
        ("a gap", nothing, batch(made, 1), "broken_chain"),
        ("two events swapped", nothing, replace(whole, events=(two, one, three)), "broken_chain"),
        ("an event left out", nothing, replace(whole, events=(one, three)), "broken_chain"),
        ("another previous hash", nothing, replace(whole, previous=b"\x00" * 32), "broken_chain"),
        ("a changed header", nothing, _changed_header(whole), "broken_chain"),
        ("a changed body", nothing, replace(whole, events=(replace(one, body=b"x"), two, three)), "bad_commitment"),
        ("a changed salt", nothing, replace(whole, events=(replace(one, salt=b"x" * 16), two, three)), "bad_commitment"),
        ("a salt without a body", nothing, replace(whole, events=(replace(one, body=None), two, three)), "bad_frame"),
        ("a header that is none", nothing, replace(whole, events=(replace(one, header=b"\xc0"), two, three)), "bad_frame"),
        ("signed by another region", nothing, replace(whole, head=Head.of(sign_head(KEY, Held(3, whole.head.hash), KEYS["fr"]))), "bad_signature"),
        ("a region nobody knows", nothing, replace(whole, head=replace(whole.head, region="xx")), "unknown_peer"),
        ("the origin signed another history", Held(1, other[0].hash), whole, "fork"),
        ("it goes on after another history", Held(1, other[0].hash), batch(made, 1), "fork"),
    ]  # fmt: skip
    return {
        "cases": [
            {
                "case": case,
                "held": {"seq": held.seq, "hash": held.hash},
                "bytes": frames.encode(sent),
                **({"code": then} if isinstance(then, str) else {"holds_then": then}),
            }
            for case, held, sent, then in cases
        ]
    }


def _changed_header(whole: Batch) -> Batch:
    one, *others = whole.events
    header = replace(wire.decode_header(one.header), actor="mallory")
    return replace(whole, events=(replace(one, header=wire.encode_header(header)), *others))


def forks() -> dict[str, Any]:
    """What a receiver makes of a FORK."""
    one, two = events(), events([b"another", *BODIES[1:]])
    same, apart = _fork(one, two, 3, 3), _fork(one, two, 1, 3)
    control = LaneKey("de", EPOCH, "control")
    elsewhere = Head.of(sign_head(control, Held(3, two[2].hash), KEYS["de"]))
    cases: list[tuple[str, Fork, str]] = [
        ("at one number", same, ""),
        ("at two numbers, and the headers between them", apart, ""),
        ("one history", _fork(one, one, 1, 3), "bad_value"),
        ("one head twice", _fork(one, one, 3, 3), "bad_value"),
        ("a header left out", replace(apart, headers=apart.headers[:1]), "bad_value"),
        ("another header", replace(apart, headers=(apart.headers[0], one[0].header)), "bad_value"),
        ("another hash", replace(same, hash=b"\x00" * 32), "bad_value"),
        ("heads of two lanes", replace(same, second=elsewhere), "bad_value"),
        (
            "the second one signed by another region",
            replace(same, second=Head.of(sign_head(KEY, Held(3, two[2].hash), KEYS["fr"]))),
            "bad_signature",
        ),
        (
            "the first one signed by another region",
            replace(same, first=Head.of(sign_head(KEY, Held(3, one[2].hash), KEYS["fr"]))),
            "bad_signature",
        ),
    ]
    return {
        "cases": [
            {"case": case, "bytes": frames.encode(sent), **({"code": code} if code else {"seq": sent.first.seq})}
            for case, sent, code in cases
        ]
    }  # fmt: skip


FILES = {
    "chain.json": chain,
    "heads.json": heads,
    "proofs.json": proofs,
    "frames.json": every_frame,
    "batches.json": batches,
    "forks.json": forks,
}


def text(name: str) -> str:
    return json.dumps(plain(FILES[name]()), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for file in FILES:
        (FOLDER / file).write_text(text(file), "utf-8")
