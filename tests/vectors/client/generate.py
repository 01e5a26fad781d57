"""Writes the conformance vectors of the client protocol: ``python -m tests.vectors.client.generate``.

Every value here is written by hand from docs/protocol/client.md; nothing is taken from the server. The
MessagePack side is packed by another library than the server's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgpack

FOLDER = Path(__file__).parent
TEA = "c:01kdvdna000000000000000tea"
THREAD = "t:01kdvdna00000000000000why0"
OTHER = "t:01kdvdna0000000000000secre"
POST = "01kdvdna00000000000000why0"
AT = 1_767_225_600_000
ENDS = AT + 30 * 86_400_000
EPOCH = 4_294_967_301
C = "100000005"
Map = dict[str, Any]


# -- frames ------------------------------------------------------------------------------------------------

VALID: list[tuple[str, Map]] = [
    ("hello, the shortest", {"t": "hello"}),
    (
        "hello, resuming",
        {
            "t": "hello",
            "token": "tap_c2VjcmV0",
            "cursor": f"{C}.41",
            "channels": [THREAD],
            "client": "web/0.1",
        },
    ),
    ("a field nobody knows is ignored", {"t": "ping", "mood": "good"}),
    ("watch", {"t": "watch", "id": 7, "channels": [THREAD]}),
    ("watch, replaying", {"t": "watch", "id": 7, "channels": [THREAD], "since": f"{C}.38"}),
    ("unwatch", {"t": "unwatch", "channels": [THREAD]}),
    (
        "do",
        {
            "t": "do",
            "key": "01kdvdnb3c9k8zjvqf2m",
            "command": {"do": "reply.publish", "parent": POST, "text": "Because it steeps."},
        },
    ),
    ("ping", {"t": "ping"}),
    ("token", {"t": "token", "token": "tap_bmV3ZXI"}),
    ("typing", {"t": "typing", "channel": THREAD}),
    ("rewind", {"t": "rewind", "cursor": f"{C}.38"}),
    ("background", {"t": "background"}),
    ("foreground", {"t": "foreground"}),
]

INVALID: list[tuple[str, Any, str, str | None]] = [
    ("no kind", {}, "unknown_kind", "t"),
    ("an unknown kind", {"t": "sing"}, "unknown_kind", "t"),
    ("a kind that is no text", {"t": 1}, "unknown_kind", "t"),
    ("no map", [1], "bad_frame", None),
    ("a field is missing", {"t": "watch", "channels": []}, "bad_frame", None),
    ("a field of the wrong type", {"t": "watch", "id": "7", "channels": []}, "bad_value", "id"),
    ("a channel that is no text", {"t": "unwatch", "channels": [1]}, "bad_value", "channels[0]"),
    ("too many channels", {"t": "unwatch", "channels": ["g"] * 257}, "bad_value", "channels"),
    ("a key that is too short", {"t": "do", "key": "1234567", "command": {}}, "bad_value", "key"),
    ("typing nowhere", {"t": "typing"}, "bad_frame", None),
    ("typing in a list", {"t": "typing", "channel": [THREAD]}, "bad_value", "channel"),
    ("a token that is too long", {"t": "token", "token": "x" * 513}, "bad_value", "token"),
    ("a rewind without a cursor", {"t": "rewind"}, "bad_frame", None),
    ("a cursor that is too long", {"t": "hello", "cursor": "1" * 41}, "bad_value", "cursor"),
]

NO_MESSAGE: list[tuple[str, str, bytes]] = [
    ("nothing", "tap.v1.json", b""),
    ("half a frame", "tap.v1.json", b'{"t":"ping"'),
    ("more than a frame", "tap.v1.json", b'{"t":"ping"}{"t":"ping"}'),
    ("no UTF-8", "tap.v1.json", b'{"t":"hello","token":"\xff"}'),
    ("no UTF-8 where nobody looks", "tap.v1.json", b'{"t":"ping","x":"\xc3\x28"}'),
    ("a byte order mark", "tap.v1.json", b'\xef\xbb\xbf{"t":"ping"}'),
    ("no number", "tap.v1.json", b'{"t":"ping","x":NaN}'),
    ("nothing", "tap.v1.msgpack", b""),
    ("half a frame", "tap.v1.msgpack", b"\x81\xa1t\xa4pi"),
    ("more than a frame", "tap.v1.msgpack", b"\x81\xa1t\xa4ping\xc0"),
    ("a map that promises too much", "tap.v1.msgpack", b"\xdf\xff\xff\xff\xff"),
    ("a type that does not exist", "tap.v1.msgpack", b"\xc1"),
    ("no UTF-8", "tap.v1.msgpack", b"\x82\xa1t\xa5hello\xa5token\xa1\xff"),
]

WELCOME: Map = {
    "t": "welcome",
    "cursor": f"{C}.41",
    "epoch": EPOCH,
    "region": "in",
    "person": "asha",
    "server_time": AT,
    "expires_at": ENDS,
    "resume": "complete",
    "reason": None,
    "channels": [TEA, "g", "u:asha"],
}
FROM_NODE: list[tuple[str, Map]] = [
    ("welcome", WELCOME),
    (
        "event",
        {
            "t": "event",
            "position": 42,
            "id": f"de:{C}:global:7",
            "type": "reply.published",
            "at": AT,
            "by": "bob",
            "channels": [THREAD],
            "body": {
                "post": "01kdvdnb3c9k8zjvqf2m000000",
                "kind": "answer",
                "place": TEA,
                "root": POST,
                "parent": POST,
                "at": AT,
                "text": "Because it steeps.",
            },
        },
    ),
    (
        "value, of a post",
        {
            "t": "value",
            "of": "post",
            "id": POST,
            "position": 42,
            "value": {
                "replies": 1,
                "helpful": 0,
                "solved": 0,
                "votes_up": 0,
                "votes_down": 0,
                "acknowledged": 0,
                "emoji": {"👍": 2},
            },
        },
    ),
    (
        "value, of a person's impact",
        {
            "t": "value",
            "of": "impact",
            "id": "asha",
            "position": 42,
            "value": {"total": 15000, "line": None},
        },
    ),
    ("mark", {"t": "mark", "cursor": f"{C}.42"}),
    (
        "watching",
        {
            "t": "watching",
            "id": 7,
            "channels": [THREAD],
            "refused": [{"channel": OTHER, "code": "forbidden"}],
        },
    ),
    (
        "done",
        {
            "t": "done",
            "key": "01kdvdnb3c9k8zjvqf2m",
            "ok": True,
            "answer": {"post": "01kdvdnb3c9k8zjvqf2m000000"},
            "cursor": f"{C}.42",
            "repeated": False,
        },
    ),
    (
        "done, refused",
        {
            "t": "done",
            "key": "01kdvdnb3c9k8zjvqf2m",
            "ok": False,
            "error": {
                "code": "not_found",
                "message": "there is no such post that you can see",
                "field": "parent",
                "retry": False,
            },
        },
    ),
    ("pong", {"t": "pong", "server_time": AT}),
    (
        "value, of who is there",
        {"t": "value", "of": "presence", "id": "bob", "position": 7, "value": {"state": "away"}},
    ),
    ("typing", {"t": "typing", "channel": THREAD, "people": ["bob", "cleo"]}),
    ("expiring", {"t": "expiring", "expires_at": ENDS}),
    ("renewed", {"t": "renewed", "expires_at": ENDS}),
    ("reset", {"t": "reset", "reason": "too_far_behind", "cursor": f"{C}.9000"}),
    (
        "error",
        {
            "t": "error",
            "error": {
                "code": "bad_value",
                "message": "Expected `int`, got `str`",
                "field": "id",
                "retry": False,
            },
        },
    ),
    ("bye", {"t": "bye", "code": 1001, "reason": "stopping", "retry_ms": 730}),
]


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def both(value: Any) -> Map:
    """A value in both encodings."""
    return {"json": compact(value), "msgpack": msgpack.packb(value).hex()}


def frames() -> Map:
    return {
        "from_client": [{"case": case, **both(value)} for case, value in VALID],
        "from_node": [{"case": case, **both(value)} for case, value in FROM_NODE],
        "refused": [
            {"case": case, **both(value), "code": code, "field": field}
            for case, value, code, field in INVALID
        ],
        "no_message": [
            {"case": case, "encoding": encoding, "bytes": raw.hex(), "code": "bad_encoding"}
            for case, encoding, raw in NO_MESSAGE
        ],
    }


# -- transcripts ---------------------------------------------------------------------------------------------

ASHA: Map = {"own": ["g", "u:asha", TEA], "may": [THREAD]}
HELLO: Map = {"t": "hello", "token": "asha"}
REACT: Map = {"do": "reaction.set", "target": POST, "reaction": "helpful", "on": True}


def client(**frame: Any) -> Map:
    return {"client": frame}


def node(**frame: Any) -> Map:
    return {"node": frame}


def commit(*channels: str, **then: Any) -> Map:
    """Bob posts; afterwards people may hear what ``then`` says."""
    step: Map = {"commit": list(channels)}
    return step | {"then": then} if then else step


def welcome(at: int, resume: str, reason: str | None = None, **more: Any) -> Map:
    changed = {"cursor": f"{C}.{at}", "resume": resume, "reason": reason} | more
    return {"node": WELCOME | changed}


def event(position: int, *channels: str) -> Map:
    return node(
        t="event",
        position=position,
        id=f"in:{C}:global:{position}",
        type="post.published",
        at=AT + position,
        by="bob",
        channels=list(channels),
        body={"post": "0" * 26, "kind": "update", "place": TEA, "at": AT, "text": "hello"},
    )


def mark(at: int) -> Map:
    return node(t="mark", cursor=f"{C}.{at}")


def bye(code: int, reason: str, retry_ms: int = 0) -> list[Map]:
    return [node(t="bye", code=code, reason=reason, retry_ms=retry_ms), {"closed": code}]


def error(code: str, message: str, field: str | None = None, retry: bool = False) -> Map:
    body: Map = {"code": code, "message": message}
    return body | ({"field": field} if field else {}) | {"retry": retry}


def done(repeated: bool) -> Map:
    return node(
        t="done", key="first-key", ok=True, answer={"n": 0}, cursor=f"{C}.0", repeated=repeated
    )


def watching(id: int, *channels: str, refused: tuple[tuple[str, str], ...] = ()) -> Map:
    pairs = [{"channel": name, "code": code} for name, code in refused]
    return node(t="watching", id=id, channels=list(channels), refused=pairs)


NOT_HEARD = "this is no thread or conversation that you hear"


def typing(*people: str) -> Map:
    return node(t="typing", channel=THREAD, people=list(people))


def presence(position: int, state: str) -> Map:
    return node(t="value", of="presence", id="bob", position=position, value={"state": state})


def joined(position: int) -> Map:
    """Asha joined or left Tea; the test's node writes this membership event."""
    shown = event(position, TEA, "u:asha")["node"]
    body = {"community": TEA[2:], "person": "asha", "rev": 1, "joined": True}
    return {"node": shown | {"type": "membership.changed", "body": body}}


OUTSIDE: Map = {"own": ["g", "u:asha"], "may": [TEA, THREAD]}
LIVE = [{"client": HELLO}, welcome(0, "fresh"), mark(0)]

TRANSCRIPTS: dict[str, Map] = {
    "connect": {
        "about": "A client without a cursor: what it has by HTTP and what follows overlap.",
        "people": {"asha": ASHA},
        "steps": [commit(TEA), {"client": HELLO}, welcome(1, "fresh"), mark(1)],
    },
    "follow": {
        "about": "Events of one's own channels, each once, in commit order; others are not sent.",
        "people": {"asha": ASHA},
        "steps": [
            *LIVE,
            commit(TEA, THREAD),
            event(1, TEA, THREAD),
            commit(THREAD),
            commit("g", TEA),
            event(3, "g", TEA),
            client(t="ping"),
            node(t="pong", server_time=AT),
        ],
    },
    "resume-complete": {
        "about": "The connection broke after event 1; the rest comes from memory.",
        "people": {"asha": ASHA},
        "steps": [
            *LIVE,
            commit(TEA),
            event(1, TEA),
            {"break": True},
            commit(TEA),
            commit("g"),
            {"client": HELLO | {"cursor": f"{C}.1"}},
            welcome(1, "complete"),
            event(2, TEA),
            event(3, "g"),
            mark(3),
        ],
    },
    "resume-paged": {
        "about": "Memory holds one event per channel only: the log is read in pages of two.",
        "people": {"asha": ASHA},
        "ring_events": 1,
        "page_events": 2,
        "steps": [
            *LIVE,
            {"break": True},
            *[commit(TEA)] * 5,
            {"client": HELLO | {"cursor": f"{C}.0"}},
            welcome(0, "paged"),
            *[event(n, TEA) for n in range(1, 6)],
            mark(5),
        ],
    },
    "resume-with-a-thread": {
        "about": "Channels named in hello resume from the same cursor.",
        "people": {"asha": ASHA},
        "steps": [
            commit(THREAD),
            commit(THREAD),
            {"client": HELLO | {"cursor": f"{C}.1", "channels": [THREAD, OTHER]}},
            welcome(1, "complete", channels=[TEA, "g", THREAD, "u:asha"]),
            watching(0, refused=((OTHER, "forbidden"),)),
            event(2, THREAD),
            mark(2),
        ],
    },
    "reset": {
        "about": "A cursor of another log: fetch anew, then go on from the welcome's cursor.",
        "people": {"asha": ASHA},
        "steps": [
            commit(TEA),
            {"client": HELLO | {"cursor": "100000004.1"}},
            welcome(1, "reset", "unknown_epoch"),
            mark(1),
        ],
    },
    "reset-ahead": {
        "about": "A cursor this node never gave.",
        "people": {"asha": ASHA},
        "steps": [
            {"client": HELLO | {"cursor": f"{C}.1"}},
            welcome(0, "reset", "ahead"),
            mark(0),
        ],
    },
    "reset-bad-cursor": {
        "about": "A cursor that is none.",
        "people": {"asha": ASHA},
        "steps": [
            {"client": HELLO | {"cursor": "yesterday"}},
            welcome(0, "reset", "bad_cursor"),
            mark(0),
        ],
    },
    "duplicate-do": {
        "about": "The same key gets the first answer, on any connection (I2).",
        "people": {"asha": ASHA},
        "steps": [
            *LIVE,
            client(t="do", key="first-key", command=REACT),
            done(repeated=False),
            client(t="do", key="first-key", command=REACT),
            done(repeated=True),
            {"break": True},
            *LIVE,
            client(t="do", key="first-key", command=REACT),
            done(repeated=True),
        ],
    },
    "do-malformed": {
        "about": "A malformed command is refused under its key; the connection stays.",
        "people": {"asha": ASHA},
        "steps": [
            *LIVE,
            client(t="do", key="first-key", command={"do": "sing"}),
            node(
                t="done",
                key="first-key",
                ok=False,
                error=error("unknown_kind", "there is no such kind: Invalid value 'sing'", "do"),
            ),
            client(t="ping"),
            node(t="pong", server_time=AT),
        ],
    },
    "watch-since": {
        "about": "The thread's events after the cursor come first, without those Tea has brought.",
        "people": {"asha": ASHA},
        "steps": [
            commit(THREAD),
            {"client": HELLO},
            welcome(1, "fresh"),
            mark(1),
            commit(TEA, THREAD),
            event(2, TEA, THREAD),
            commit(THREAD),
            client(t="watch", id=7, channels=[THREAD, OTHER, "nonsense"], since=f"{C}.0"),
            event(1, THREAD),
            event(3, THREAD),
            watching(7, THREAD, refused=(("nonsense", "bad_value"), (OTHER, "forbidden"))),
            mark(3),
            commit(THREAD),
            event(4, THREAD),
            client(t="unwatch", channels=[THREAD]),
            commit(THREAD),
            client(t="ping"),
            node(t="pong", server_time=AT),
        ],
    },
    "join": {
        "about": "A joined community is heard from its membership event on, a left one until then.",
        "people": {"asha": OUTSIDE},
        "steps": [
            {"client": HELLO},
            welcome(0, "fresh", channels=["g", "u:asha"]),
            mark(0),
            commit(TEA),
            {"membership": [TEA, "u:asha"], "then": {"asha": ASHA}},
            joined(2),
            mark(2),
            commit(TEA),
            event(3, TEA),
            {"membership": [TEA, "u:asha"], "then": {"asha": OUTSIDE}},
            joined(4),
            mark(4),
            commit(TEA),
            client(t="ping"),
            node(t="pong", server_time=AT),
        ],
    },
    "background": {
        "about": "In the background only answers come; then what was missed.",
        "people": {"asha": ASHA},
        "steps": [
            *LIVE,
            client(t="background"),
            commit(TEA),
            {"seconds": 25},
            client(t="ping"),
            node(t="pong", server_time=AT + 25_000),
            client(t="foreground"),
            event(1, TEA),
            mark(1),
            commit(TEA),
            event(2, TEA),
        ],
    },
    "renew": {
        "about": "Credentials of 70 s: renewed once, then left to end; another person's change nothing.",
        "people": {"asha": ASHA, "bob": ASHA},
        "token_seconds": 70,
        "steps": [
            {"client": HELLO},
            welcome(0, "fresh", expires_at=AT + 70_000),
            mark(0),
            {"seconds": 10},
            node(t="expiring", expires_at=AT + 70_000),
            client(t="token", token="bob"),
            node(
                t="error",
                error=error("forbidden", "this token is another person's: open another connection"),
            ),
            client(t="token", token="asha"),
            node(t="renewed", expires_at=AT + 80_000),
            {"seconds": 10},
            node(t="expiring", expires_at=AT + 80_000),
            {"seconds": 84},
            client(t="ping"),
            node(t="pong", server_time=AT + 104_000),
            {"seconds": 1},
            *bye(4401, "expired"),
        ],
    },
    "rewind": {
        "about": "The client lost what came after 1: it comes again; then a cursor that leads nowhere.",
        "people": {"asha": ASHA},
        "steps": [
            *LIVE,
            *[step for n in (1, 2, 3) for step in (commit(TEA), event(n, TEA))],
            client(t="rewind", cursor=f"{C}.1"),
            event(2, TEA),
            event(3, TEA),
            mark(3),
            client(t="rewind", cursor="100000004.1"),
            node(t="reset", reason="unknown_epoch", cursor=f"{C}.3"),
            mark(3),
            commit(TEA),
            event(4, TEA),
        ],
    },
    "rewind-paged": {
        "about": "Going back further than memory: to before this connection, in pages of two.",
        "people": {"asha": ASHA},
        "ring_events": 1,
        "page_events": 2,
        "steps": [
            *[commit(TEA)] * 3,
            {"client": HELLO},
            welcome(3, "fresh"),
            mark(3),
            client(t="rewind", cursor=f"{C}.0"),
            *[event(n, TEA) for n in range(1, 4)],
            mark(3),
        ],
    },
    "typing": {
        "about": "Who types in a thread: at most once a second, the complete list, forgotten after 6 s.",
        "people": {"asha": ASHA},
        "steps": [
            *LIVE,
            client(t="typing", channel=THREAD),
            node(t="error", error=error("forbidden", NOT_HEARD, "channel")),
            client(t="watch", id=7, channels=[THREAD]),
            watching(7, THREAD),
            {"types": ["bob", THREAD]},
            {"seconds": 0.5},
            typing("bob"),
            {"types": ["bob", THREAD]},
            {"types": ["cleo", THREAD]},
            {"seconds": 0.5},
            {"seconds": 0.5},
            typing("bob", "cleo"),
            client(t="typing", channel=THREAD),
            {"seconds": 1},
            typing("bob", "cleo", "asha"),
            {"seconds": 4},
            typing("asha"),
            {"seconds": 2},
            typing(),
        ],
    },
    "presence": {
        "about": "Bob's devices: one in front, then all in the background, then none for 10 s.",
        "people": {"asha": ASHA | {"may": [THREAD, "p:bob"]}},
        "steps": [
            *LIVE,
            client(t="watch", id=7, channels=["p:bob", "p:cleo"]),
            watching(7, "p:bob", refused=(("p:cleo", "forbidden"),)),
            presence(0, "offline"),
            {"appears": ["bob", "offline", "online"]},
            {"seconds": 0.5},
            presence(1, "online"),
            {"appears": ["bob", "online", "away"]},
            {"seconds": 0.5},
            presence(2, "away"),
            {"appears": ["bob", "away", "offline"]},
            {"seconds": 9.5},
            {"appears": ["bob", "offline", "away"]},
            {"appears": ["bob", "away", "offline"]},
            {"seconds": 9.5},
            {"seconds": 0.5},
            presence(3, "offline"),
            client(t="background"),
            {"appears": ["bob", "offline", "online"]},
            {"seconds": 0.5},
            client(t="foreground"),
            presence(3, "online"),
            mark(0),
        ],
    },
    "not-signed-in": {
        "about": "Without a token and without a cookie.",
        "people": {"asha": ASHA},
        "steps": [client(t="hello"), *bye(4401, "unauthenticated")],
    },
    "hello-first": {
        "about": "Anything but hello (or ping) first.",
        "people": {"asha": ASHA},
        "steps": [
            client(t="ping"),
            node(t="pong", server_time=AT),
            client(t="unwatch", channels=[]),
            node(t="error", error=error("bad_frame", "hello must come first")),
            *bye(4400, "bad_frame"),
        ],
    },
    "hello-timeout": {
        "about": "Ten seconds of silence.",
        "people": {"asha": ASHA},
        "steps": [{"open": True}, {"seconds": 10}, *bye(4408, "no hello", 5000)],
    },
    "stopping": {
        "about": "The node stops and spreads its clients.",
        "people": {"asha": ASHA},
        "steps": [*LIVE, {"stop_retry_ms": 730}, *bye(1001, "stopping", 730)],
    },
}


def written() -> dict[str, str]:
    """File name to text."""
    files = {"frames.json": frames()} | {
        f"transcript-{name}.json": value for name, value in TRANSCRIPTS.items()
    }
    return {
        name: json.dumps(value, ensure_ascii=False, indent=1) + "\n"
        for name, value in files.items()
    }


def main() -> None:
    for name, text in written().items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
