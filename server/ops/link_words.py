"""The operator's view of links and lanes in words: what is wrong first, then a table. Pure.

Made for somebody who was woken up: a sentence for each thing that is not as it should be, worst first, with
the region's name at its head; docs/operations/federation.md says what to do about each.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from server.domain.durations import DAY_MS

View = Mapping[str, Any]
"""The answer of GET /api/v1/operator, or a part of it."""
Level = Literal["wrong", "warning"]

SECOND = 1_000
NOT_LIVE_MS = 10 * SECOND
"""A restart of the other side takes less."""
LAG_MS = 10 * SECOND
SILENT_MS = 9 * SECOND
"""Two PINGs were missed, which are due every 4 s."""
SKEW_MS = 5 * SECOND
CERTIFICATE_DAYS = (3, 14, 30)
"""Below the first it is wrong, below the others a warning in different words."""


class Said(NamedTuple):
    level: Level
    words: str


def said_of(view: View) -> list[Said]:
    """Everything that is not as it should be, the wrong before the warnings."""
    found = [*_node(view), *[one for peer in view["peers"] for one in _peer(peer, view["now"])]]
    shown = [one._replace(words=_printable(one.words)) for one in found]
    return sorted(shown, key=lambda one: one.level == "warning")


def _printable(words: str) -> str:
    """A peer's own words are among them: nothing that a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in words)


def _node(view: View) -> Iterator[Said]:
    if view["read_only"]:
        yield Said("wrong", f"this node is read-only: {view['read_only']}")
    if (until := view["certificate_until"]) is not None:
        yield from _certificate("this node's certificate", until - view["now"])


def _peer(peer: View, now: int) -> Iterator[Said]:
    region, for_ms = peer["region"], now - peer["since"]
    if peer["forked"]:
        lanes = ", ".join(peer["forked"])
        yield Said("wrong", f"{region}: two histories were signed of {lanes}; left out")
    if peer["relayed"]:
        others = ", ".join(peer["relayed"])
        yield Said("warning", f"{region}: brings the events of {others}, which we cannot reach")
    filling = filling_words(peer["filled_events"], peer["filling_events"])
    if filling:
        words = "fresh events come as they happen, earlier ones behind them"
        yield Said("warning", f"{region}: {filling}; {words}")
    elif peer["state"] != "live":
        why = f": {peer['last_error']}" if peer["last_error"] else ""
        level: Level = "wrong" if for_ms > NOT_LIVE_MS else "warning"
        yield Said(level, f"{region}: {peer['state']} for {duration(for_ms)}{why}")
    is_connected = bool(filling) or peer["state"] == "live"
    if is_connected and (silent := peer["silent_ms"]) is not None and silent > SILENT_MS:
        yield Said("wrong", f"{region}: {peer['state']}, but not a word for {duration(silent)}")
    if (oldest := peer["oldest_unacked_ms"]) is not None and oldest > LAG_MS:
        events = peer["lag_events"]
        yield Said(
            "warning", f"{region}: lacks {events} of our events, the oldest for {duration(oldest)}"
        )
    if (skew := peer["skew_ms"]) is not None and abs(skew) > SKEW_MS:
        ahead = "ahead of" if skew > 0 else "behind"
        yield Said("warning", f"{region}: its clock is {duration(abs(skew))} {ahead} ours")
    if (until := peer["certificate_until"]) is not None:
        yield from _certificate(f"{region}: its certificate", until - now)


def _certificate(whose: str, left_ms: int) -> Iterator[Said]:
    days = left_ms // DAY_MS
    if days < 0:
        yield Said("wrong", f"{whose} has ended")
    elif days < CERTIFICATE_DAYS[0]:
        yield Said("wrong", f"{whose} ends in {duration(left_ms)}: renew it now")
    elif days < CERTIFICATE_DAYS[1]:
        yield Said("warning", f"{whose} ends in {days} days: renew it this week")
    elif days < CERTIFICATE_DAYS[2]:
        yield Said("warning", f"{whose} ends in {days} days")


# -- tables --------------------------------------------------------------------------------------------

PEER_HEADS = (
    "REGION",
    "STATE",
    "FOR",
    "TO SEND",
    "OLDEST",
    "BEHIND",
    "SILENT",
    "ROUND TRIP",
    "CLOCK",
    "UNDER WAY",
    "CERTIFICATE",
    "SOFTWARE",
)


def peer_row(peer: View, now: int) -> tuple[str, ...]:
    until = peer["certificate_until"]
    return (
        peer["region"],
        peer["state"],
        duration(now - peer["since"]),
        str(peer["lag_events"]),
        _or_nothing(peer["oldest_unacked_ms"]),
        filling_words(peer["filled_events"], peer["filling_events"]) or str(peer["behind_events"]),
        _or_nothing(peer["silent_ms"]),
        _milliseconds(peer["rtt_ms"]),
        _milliseconds(peer["skew_ms"]),
        f"{peer['sending_bytes'] // 1024} of {peer['credit_bytes'] // 1024} KiB",
        "" if until is None else f"{(until - now) // DAY_MS} days",
        f"{peer['software'] or '?'} / {peer['version']}" if peer["version"] else "",
    )


def filling_words(held: int, all_: int) -> str:
    """How far lanes are filled whose newest events came first; empty when none is."""
    return f"filling {100 * held // all_} %" if all_ else ""


LANE_HEADS = ("ORIGIN", "EPOCH", "LANE", "TIP", "LAST EVENT", "HEAD", "PEERS")


def lane_row(lane: View, now: int) -> tuple[str, ...]:
    """Of a foreign lane the last signed head; of an own one who has not acknowledged all of it."""
    head = "forked!" if lane["forked"] else "" if lane["head"] is None else str(lane["head"])
    return (
        lane["region"],
        lane["epoch"],
        lane["lane"],
        _tip(lane),
        f"{duration(max(0, now - lane['at']))} ago",
        head,
        _acknowledged(lane["peers"]),
    )


def _tip(lane: View) -> str:
    if lane["base"] is None:
        return str(lane["seq"])
    return f"{lane['lead']}, {filling_words(lane['seq'], lane['base'])}"


def _acknowledged(peers: Mapping[str, View]) -> str:
    if not peers:
        return ""
    late = [
        _behind(region, peers[region]) for region in sorted(peers) if not _has_all(peers[region])
    ]
    return ", ".join(late) or f"all {len(peers)} have it"


def _has_all(peer: View) -> bool:
    return peer["acked"] is not None and peer["behind_events"] == 0


def _behind(region: str, peer: View) -> str:
    if peer["acked"] is None:
        return f"{region} not known yet"
    since = "" if peer["behind_ms"] is None else f" for {duration(peer['behind_ms'])}"
    return f"{region} at {peer['acked']}, lacks {peer['behind_events']}{since}"


def duration(milliseconds: int) -> str:
    """In the largest unit that still says something: 850 ms, 12 s, 4 min, 3 h, 2 days."""
    seconds = milliseconds // SECOND
    if seconds < 1:
        return f"{milliseconds} ms"
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _or_nothing(milliseconds: int | None) -> str:
    return "" if milliseconds is None else duration(milliseconds)


def _milliseconds(value: int | None) -> str:
    return "" if value is None else f"{value} ms"
