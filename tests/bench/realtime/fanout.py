"""One event to many: what a delivery costs beside the floor and the peers."""

import statistics
import sys

from tests.bench.figures import at_most, compare, emit
from tests.bench.realtime import company
from tests.bench.realtime.peers import FEW, FLOOR, FLOOR_JOINED, PEERS, Running, running_peer
from tests.bench.realtime.plan import Plan, note, spending
from tests.bench.realtime.processes import Skipped, idle_share
from tests.bench.realtime.stage import Stage

SUBSCRIBERS = 1_000
PER_SECOND = 20.0
PACED_SECONDS = 5
BURST = 200
AUTHORS = 20
"""A person may say 30 things at once and 6 a second from then on; so several speak in turn."""
SCALES = (1_000, 10_000, 18_000)
POSTS_ALONE = 20
SCALE_DELIVERIES = 100_000
AGREE_SHARE = 0.15


def tap_publishes(stage: Stage, events: int, per_second: float) -> tuple[float, float]:
    """CPU us per delivery, and bytes of a delivery's frame, for posts to the community of all."""
    tap = stage.tap()
    tap.posts(company.place_of(company.ALL))
    idle = stage.rest()
    with spending(tap.pid, idle) as spent:
        told = tap.load.publish(AUTHORS, events, per_second, events * stage.clients)
    us = spent.us_per(told.deliveries)
    note(f"tap, {stage.clients} subscribers", us, told)
    return us, told.bytes / told.deliveries


def post_alone(stage: Stage, events: int, per_second: float) -> float:
    """CPU us of a post that nobody hears: decode to commit, its author's answer, scoring."""
    tap = stage.tap()
    tap.posts(company.place_of(company.DESK))
    idle = stage.rest()
    with spending(tap.pid, idle) as spent:
        tap.load.publish(AUTHORS, events, per_second, 0)
        stage.rest()
    return spent.us_per(events)


def peer_publishes(
    peer: Running, events: int, per_second: float, subscribers: int, wire_bytes: float, author: int
) -> float:
    """CPU us per delivery of messages whose frames have about this size."""
    peer.messages(round(wire_bytes))
    idle = idle_share(peer.pid, 0.5)
    with spending(peer.pid, idle) as spent:
        told = peer.load.publish(1, events, per_second, events * subscribers, author)
    us = spent.us_per(told.deliveries)
    note(peer.peer.name, us, told)
    return us


def others(plan: Plan, events: int, per_second: float, wire_bytes: float) -> dict[str, float]:
    """Medians of the peers this machine has; what it lacks is said, not passed over."""
    found = {}
    for peer in FEW if plan.quick else PEERS:
        try:
            with running_peer(peer) as running:
                running.load.open(0, SUBSCRIBERS)
                author = running.publisher(SUBSCRIBERS)
                runs = [
                    peer_publishes(running, events, per_second, SUBSCRIBERS, wire_bytes, author)
                    for _ in range(plan.runs)
                ]
                found[f"{peer.name}_us"] = statistics.median(runs)
        except Skipped as skipped:
            print(f"SKIPPED {peer.name}: {skipped}", file=sys.stderr)
    return found


def fanout_1000(plan: Plan, stage: Stage) -> None:
    """20 posts a second to 1,000: the ratio to the floor, whose frames have the same size."""
    events = plan.of(int(PER_SECOND) * PACED_SECONDS)
    taps, floors, wire_bytes = [], [], 0.0
    stage.crowd(SUBSCRIBERS)
    with running_peer(FLOOR) as floor:
        floor.load.open(0, SUBSCRIBERS)
        for _ in range(plan.runs):
            us, wire_bytes = tap_publishes(stage, events, PER_SECOND)
            taps.append(us)
            floors.append(peer_publishes(floor, events, PER_SECOND, SUBSCRIBERS, wire_bytes, 0))
    ratios = [us / floor_us for us, floor_us in zip(taps, floors, strict=True)]
    beside = {"floor_us": statistics.median(floors), "wire_bytes": wire_bytes}
    beside["post_alone_us"] = post_alone(stage, events, PER_SECOND)
    beside |= others(plan, plan.of(40), PER_SECOND, wire_bytes)
    emit(at_most("fanout_1000", "x floor", 1.35, ratios, beside))
    emit(compare("fanout_1000_cpu", "us/delivery", taps, beside))


def burst_200x1000(plan: Plan, stage: Stage) -> None:
    """200 posts back to back to 1,000: joined writes, or a send each."""
    taps, floors, joined, wire_bytes = [], [], [], 0.0
    stage.crowd(SUBSCRIBERS)
    with running_peer(FLOOR) as bare, running_peer(FLOOR_JOINED) as together:
        bare.load.open(0, SUBSCRIBERS)
        together.load.open(0, SUBSCRIBERS)
        for _ in range(plan.runs):
            us, wire_bytes = tap_publishes(stage, BURST, 0)
            taps.append(us)
            floors.append(peer_publishes(bare, BURST, 0, SUBSCRIBERS, wire_bytes, 0))
            joined.append(peer_publishes(together, BURST, 0, SUBSCRIBERS, wire_bytes, 0))
    beside = {"floor_us": statistics.median(floors), "floor_joined_us": statistics.median(joined)}
    beside |= others(plan, BURST, 0, wire_bytes)
    emit(at_most("burst_200x1000", "us/delivery", 0.5, taps, beside))


def fanout_scale(plan: Plan, stage: Stage) -> None:
    """What a delivery costs, however many hear it: how far it lies above 1,000's, in percent. A post's own
    cost is taken off, else more hearers would always look cheaper. The kernel's part grows too, since the memory of more
    sockets fits no cache: ``fanout_scale_of_floor`` says how much, by the floor at the same sizes. The goal is for
    what is beyond that (docs/adr/0017)."""
    medians: dict[int, float] = {}
    floors: dict[int, float] = {}
    for size in SCALES:
        subscribers = plan.crowd(size)
        stage.crowd(subscribers)
        events = plan.of(max(5, SCALE_DELIVERIES // size), 3)
        per_second = min(PER_SECOND, 30_000 / size)
        told = [tap_publishes(stage, events, per_second) for _ in range(plan.runs)]
        runs, wire_bytes = [us for us, _ in told], told[0][1]
        post_us = post_alone(stage, plan.of(POSTS_ALONE), per_second)
        medians[subscribers] = statistics.median(runs) - post_us / subscribers
        with running_peer(FLOOR) as floor:
            floor.load.open(0, subscribers)
            bare = [
                peer_publishes(floor, events, per_second, subscribers, wire_bytes, 0)
                for _ in range(plan.runs)
            ]
        floors[subscribers] = statistics.median(bare)
    beside = {f"{count}_us": us for count, us in medians.items()}
    beside |= {f"floor_{count}_us": us for count, us in floors.items()}
    unit, goal = "% above 1000's", AGREE_SHARE * 100
    ours = {count: us / floors[count] for count, us in medians.items()}
    emit(compare("fanout_scale", unit, [_grown(medians)], beside))
    emit(compare("fanout_scale_of_floor", unit, [_grown(floors)], {}))
    emit(at_most("fanout_scale_beyond_floor", unit, goal, [_grown(ours)], {}))


def _grown(by_size: dict[int, float]) -> float:
    """How far the most lies above what the smallest size has, in percent."""
    least, *larger = by_size.values()
    return max((one / least - 1) * 100 for one in larger)
