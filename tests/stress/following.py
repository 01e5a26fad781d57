"""Following the log: exactly once and in order, whatever becomes of the connection (I3, I9)."""

from __future__ import annotations

from server.domain import limits
from server.realtime.frames import Encoding
from tests.stress.steps import (
    LONG,
    SMALL_WINDOW,
    back,
    bounds,
    come,
    cut,
    each,
    fall_behind,
    gone,
    holding_at_most,
    known,
    leave,
    member,
    one_commit,
    passing,
    publish,
    read,
    repeat,
    ring,
    settle,
    stall,
    steps,
    together,
    vanish,
    verdicts,
)
from tests.stress.wire import single_bytes
from tests.stress.world import Scenario, Step, World

JSON, MSGPACK = [Encoding.JSON], [Encoding.MSGPACK]


def lost_in(times: int, share: float, *made: Step) -> Step:
    return repeat(times, publish(7), cut(share), *made, publish(6), back())


FAN_OUT = [
    Scenario("fan-out in JSON", [come(12, encodings=JSON), publish(60), settle]),
    Scenario("fan-out in MessagePack", [come(12, encodings=MSGPACK), publish(60), settle]),
    Scenario("fan-out to 251, one more than a slice", [come(251), publish(15), settle]),
    Scenario("clients come while it is published", [together(come(60), publish(80)), settle]),
    Scenario("one commit after the other", [come(6), publish(60, at_once=1), settle]),
    Scenario("many in one commit", [come(6), publish(200, at_once=200), settle]),
    Scenario("large posts", [come(6), publish(20, size=limits.POST_TEXT_CHARS_MAX - 9), settle]),
]

DROPS = [
    Scenario("all drop, all come back", [come(20), lost_in(3, 1.0), settle, verdicts("complete")]),
    Scenario("half of them drop, ten times", [come(12), lost_in(10, 0.5), settle]),
    Scenario("drops amid publishing", [come(12), repeat(6, together(publish(20), cut(0.5)), back()), settle]),
    Scenario("closes amid publishing", [come(12), repeat(4, together(publish(20), leave(0.5)), gone(6), back()), settle]),
    Scenario("drops beyond the ring", [come(8), ring(3), lost_in(3, 1.0), settle, verdicts("paged")]),
    Scenario("drops beyond the ring, in small pages", [bounds(page=3), come(8), ring(3), lost_in(3, 1.0), settle]),
    Scenario("drops while catching up", [come(10), ring(3), bounds(page=2), cut(), publish(30), known(0), back(), repeat(3, together(publish(10), cut(0.5)), back()), settle]),
    Scenario("a storm of 150 with nothing missed", [come(150), cut(), gone(), back(), settle, verdicts("complete")]),
    Scenario("a storm of 200, served from memory", [come(200), cut(), gone(), publish(30), back(), settle, verdicts("complete")]),
    Scenario("a storm of 300 amid publishing", [come(300), cut(), gone(), publish(10), together(back(), publish(60)), settle]),
    Scenario("a storm of 100, served from the log", [come(100), ring(5), cut(), gone(), publish(20), back(), settle, verdicts("paged")]),
    Scenario("a storm of 100 in small pages", [come(100), ring(5), bounds(page=4), cut(), gone(), publish(20), back(), settle]),
]  # fmt: skip


def given(cursor: str, reason: str) -> Step:
    """A cursor that leads nowhere here: reset, for this reason, and then everything new."""

    async def step(world: World) -> None:
        (device,) = world.devices
        await device.live(cursor=cursor.format(e=world.node.tap.epoch, x=world.node.tap.epoch + (1 << 32), p=world.node.tap.position, a=world.node.tap.position + 1))  # fmt: skip
        welcome = device.frames[0]
        assert (welcome["resume"], welcome["reason"]) == ("reset", reason)

    return steps(known(), step, publish(5), settle)


CURSORS = [
    Scenario(f"cursor {name}", [given(cursor, reason)])
    for name, cursor, reason in (
        ("of another epoch", "{x:x}.{p}", "unknown_epoch"),
        ("of a small epoch", "5.1", "unknown_epoch"),
        ("ahead by one", "{e:x}.{a}", "ahead"),
        ("far ahead", "{e:x}.9007199254740991", "ahead"),
        ("without a position", "{e:x}", "bad_cursor"),
        ("with a negative position", "{e:x}.-1", "bad_cursor"),
        ("that is empty", "", "bad_cursor"),
        ("in other digits", "{e:x}.٣", "bad_cursor"),
    )
]
CURSORS += [
    Scenario("cursor at the tip", [known(4, cursor=0), back(), publish(5), settle, verdicts("complete")]),
    Scenario("cursor one behind", [publish(9), known(4, cursor=1), back(), settle, verdicts("complete")]),
    Scenario("cursor before the ring", [publish(9), ring(2), known(4, cursor=9), back(), settle, verdicts("paged")]),
    Scenario("cursor before the ring, small pages", [bounds(page=2), publish(9), ring(2), known(4, cursor=9), back(), settle]),
]  # fmt: skip


async def reset_too_far(world: World) -> None:
    for device in world.devices:
        said = [frame for frame in device.frames if frame["t"] == "reset"]
        assert [frame["reason"] for frame in said] == ["too_far_behind"]


TOO_FAR = [
    Scenario("too far behind, on the way", [bounds(page=5, far=20), come(4), ring(2), cut(), publish(60), back(), settle, reset_too_far]),
    Scenario("too far behind, amid publishing", [bounds(page=5, far=20), come(4), ring(2), cut(), publish(60), together(back(), publish(30)), settle]),
    Scenario("just not too far behind", [bounds(page=5, far=60), come(4), ring(2), cut(), publish(60), back(), settle, verdicts("paged")]),
    Scenario("a drop after too far behind", [bounds(page=5, far=20), come(4), ring(2), cut(), publish(60), back(), cut(), publish(5), back(), settle]),
]  # fmt: skip

SLOW_ONES = come(2, receive_bytes=SMALL_WINDOW)
HELD_MAX = 3 * limits.WRITE_BUFFER_BYTES_MAX

SLOW = [
    Scenario("a slow client comes back", [SLOW_ONES, stall(), fall_behind(2), holding_at_most(HELD_MAX), read(), settle]),
    Scenario("a slow client comes back beyond the ring", [SLOW_ONES, ring(4), stall(), fall_behind(2), read(), settle]),
    Scenario("a slow client is read beside quick ones", [come(20), stall(0.1), publish(40, size=LONG), read(), settle]),
    Scenario("a slow client drops and resumes", [SLOW_ONES, stall(), fall_behind(2), cut(), back(), settle]),
    Scenario("a slow client is too far behind", [bounds(page=5, far=20), SLOW_ONES, ring(2), stall(), fall_behind(2), read(), settle]),
    Scenario("a client is slow three times", [SLOW_ONES, repeat(3, stall(), fall_behind(2), read(), settle)]),
    Scenario("a client that never reads is cut", [SLOW_ONES, stall(), fall_behind(2), passing(14), gone(2), passing(2), gone(0)]),
]  # fmt: skip


async def late_with_its_pong(world: World) -> None:
    """A ping lies behind much to read; whoever reads it all in time has a whole interval to answer."""
    (device,) = world.devices
    (connection,) = world.gateway._connections
    assert device.wire is not None
    device.stall()
    await world.pass_time(limits.PING_SECONDS)
    await world.pass_time(limits.PONG_SECONDS_MAX - 1)
    await fall_behind(1)(world)
    device.wire.answers = False
    device.read()
    await world.until("it has read", lambda: connection.session.state == "live")
    await world.pass_time(limits.STALLED_SECONDS_MAX + 1)
    await device.barrier()
    device.wire.answers = True
    assert device.is_up


HALF_OPEN = [
    Scenario("a ping behind much to read", [come(1, receive_bytes=SMALL_WINDOW), late_with_its_pong, settle]),
    Scenario("a peer vanishes while nothing happens", [come(3), passing(13), vanish(0.4), passing(12, 7), gone(2), publish(5), settle]),
    Scenario("a peer vanishes amid publishing", [come(3), passing(13), together(vanish(0.4), publish(20)), passing(12, 7), gone(2), settle]),
    Scenario("all peers vanish and resume on new sockets", [come(6), vanish(), publish(10), back(), settle, passing(13, 7)]),
    Scenario("those who answer pings stay", [come(6), passing(12, 30), publish(5), settle]),
    Scenario("a peer closes its half", [come(3), each(lambda d: d.wire.transport.write_eof(), 0.4), gone(2), publish(5), settle]),
]  # fmt: skip

PIECES = [
    Scenario("frames byte by byte", [come(4, chop=single_bytes), publish(10), settle]),
]

THREAD_RACES: list[Scenario] = []

MEMBERS = [
    Scenario("membership lost in one commit with posts", [come(4), one_commit(publish(3), member("p00", False), publish(5)), settle, publish(2), settle]),
    Scenario("membership won in one commit with posts", [come(4), one_commit(publish(3, place="club"), member("p01", True, "club"), publish(5, place="club")), settle, publish(2), settle]),
    Scenario("membership flickers in one commit with posts", [come(4), repeat(3, one_commit(publish(2), member("p00", False), publish(3)), one_commit(publish(2), member("p00", True), publish(3))), settle]),
    Scenario("membership lost and regained", [come(4), publish(5), member("p00", False), publish(5), member("p00", True), publish(5), settle]),
    Scenario("membership flickers amid publishing", [come(6), together(publish(60, at_once=2), repeat(6, member("p00", False), member("p00", True))), settle]),
    Scenario("membership flickers, and drops", [come(6), together(publish(60, at_once=2), repeat(4, member("p00", False), member("p00", True)), repeat(4, cut(0.3))), back(), settle]),
    Scenario("membership lost while away", [come(4), cut(), publish(4), member("p00", False), publish(4), back(), publish(4), settle]),
    Scenario("membership won while away", [come(4), cut(), publish(4, place="club"), member("p00", True, "club"), publish(4, place="club"), back(), publish(4, place="club"), settle]),
]  # fmt: skip

SCENARIOS = [*FAN_OUT, *DROPS, *CURSORS, *TOO_FAR, *SLOW, *HALF_OPEN, *PIECES, *MEMBERS]
