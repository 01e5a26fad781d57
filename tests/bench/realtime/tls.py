"""TLS in the node's own process: what encryption adds when there is no proxy to do it."""

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures import at_most, emit
from tests.bench.realtime import company
from tests.bench.realtime.fanout import AUTHORS, PER_SECOND, SUBSCRIBERS, peer_publishes
from tests.bench.realtime.node import Tap, running_tap
from tests.bench.realtime.peers import Peer, running_peer
from tests.bench.realtime.plan import Plan, note, spending
from tests.bench.realtime.processes import BENCH, HERE
from tests.bench.realtime.stage import Stage
from tests.support.certificates import certify

SECONDS = 4


def tls(plan: Plan, _stage: Stage) -> None:
    """20 posts a second to 1,000 over TLS: the ratio to one ready frame and ``transport.write`` each."""
    events = plan.of(int(PER_SECOND) * SECONDS)
    taps, writes, wire_bytes = [], [], 0.0
    folder = BENCH / "tls"
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = certify(folder)
    with running_tap(lambda config: _encrypt(config, certificate, key)) as tap:
        tap.load.encrypt()
        tap.load.open(0, SUBSCRIBERS)
        with running_peer(_transport_write(certificate, key), encrypted=True) as peer:
            peer.load.open(0, SUBSCRIBERS)
            for _ in range(plan.runs):
                us, wire_bytes = _publish(tap, events)
                taps.append(us)
                writes.append(peer_publishes(peer, events, PER_SECOND, SUBSCRIBERS, wire_bytes, 0))
    ratios = [us / write for us, write in zip(taps, writes, strict=True)]
    beside = {
        "tap_us": statistics.median(taps),
        "transport_write_us": statistics.median(writes),
        "wire_bytes": wire_bytes,
    }
    emit(at_most("tls", "x transport.write", 1.3, ratios, beside))


def _publish(tap: Tap, events: int) -> tuple[float, float]:
    tap.posts(company.place_of(company.ALL))
    idle = tap.rest()
    with spending(tap.pid, idle) as spent:
        told = tap.load.publish(AUTHORS, events, PER_SECOND, events * SUBSCRIBERS)
    us = spent.us_per(told.deliveries)
    note("tap, TLS", us, told)
    return us, told.bytes / told.deliveries


def _transport_write(certificate: Path, key: Path) -> Peer:
    def command(folder: Path, port: int) -> Sequence[str]:
        script = str(HERE / "servers" / "tls_write.py")
        return [sys.executable, script, str(port), str(certificate), str(key)]

    return Peer("transport_write", command)


def _encrypt(config: Path, certificate: Path, key: Path) -> None:
    text = config.read_text("utf-8").replace('public_url = "http:', 'public_url = "https:')
    files = f'[http]\ntls_certificate = "{certificate}"\ntls_key = "{key}"\n'
    config.write_text(text.replace("[http]\n", files), "utf-8")
