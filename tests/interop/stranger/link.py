"""A connection with a peer (docs/protocol/federation.md 1, 7 to 9, 19.2); numbers in comments are its sections."""

from __future__ import annotations

import asyncio
import http.client
import math
import os
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, NamedTuple, Protocol

import zstandard

from tests.interop.stranger.log import (
    LaneKey,
    Log,
    Refused,
    check_fork,
    now,
    pack,
    proof_bytes,
    unpack,
    verify,
)

HELLO, WANT, BATCH, HEAD, ACK, EPHEM, PING, ERROR, FORK, PACKED, ASK, TOLD = range(1, 13)
CREDIT = 4 << 20
FRAME_BYTES_MAX = 2 << 20
SECONDS_MAX = 30


class Socket(Protocol):
    async def send(self, message: bytes, /) -> None: ...
    async def recv(self) -> Any: ...


class Flight(NamedTuple):
    key: LaneKey
    last: int
    size: int


class Polled:
    """1: frames by POST, where no websocket gets through."""

    def __init__(self, port: int) -> None:
        self._port, self._path = port, "/federation/v1/polled"
        self._heard: list[bytes] = []

    async def _request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        def ask() -> tuple[int, bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS_MAX)
            with closing(connection):
                connection.request(method, path, body)
                answer = connection.getresponse()
                return answer.status, answer.read()

        return await asyncio.to_thread(ask)

    async def open(self) -> None:
        status, name = await self._request("POST", self._path)
        assert status == 201
        self._path += f"/{name.decode()}"

    async def send(self, message: bytes, /) -> None:
        body = len(message).to_bytes(4, "big") + message
        status, words = await self._request("POST", f"{self._path}/say", body)
        if status != 204:
            raise Refused("closed", words.decode())

    async def recv(self) -> bytes:
        while not self._heard:
            status, body = await self._request("POST", f"{self._path}/hear")
            if status != 200:
                raise Refused("closed", body.decode())
            while body:
                size = 4 + int.from_bytes(body[:4], "big")
                self._heard.append(body[4:size])
                body = body[size:]
        return self._heard.pop(0)

    async def close(self) -> None:
        await self._request("DELETE", self._path)


class Link:
    """One connection with a peer, of which ``want`` asks for everything."""

    def __init__(self, log: Log, peer: str, socket: Socket, *features: str) -> None:
        self.log, self.peer, self._socket, self._features = log, peer, socket, ("zstd", *features)
        self.heard: dict[int, list[Any]] = {}
        """The last frame of each kind."""
        self.tips: dict[LaneKey, int] = {}
        self.acked: dict[LaneKey, int] = {}
        self.round_trip = math.inf
        self.packed = 0
        self._origins = [peer]
        self._fresh = self._credit = 0
        self._theirs: set[str] = set()
        """The origins that the peer wants."""
        self._left_out: set[LaneKey] = set()
        self._courses: dict[LaneKey, list[list[float]]] = {}
        """What is still to be sent of a lane, as pairs of numbers: after the one, up to the other."""
        self._flights: list[Flight] = []
        self._packs = False

    # -- 7: handshake

    async def dial(self, *keys: list[Any]) -> None:
        nonce = os.urandom(32)
        await self.send(self._hello(nonce, b"", keys))
        theirs = await self._hear(HELLO)
        self._check(theirs, "accept", nonce)
        await self.send(self._hello(nonce, self._proof("dial", nonce, theirs[6]), keys))

    async def accept(self) -> None:
        nonce = os.urandom(32)
        first = await self._hear(HELLO)
        await self.send(self._hello(nonce, self._proof("accept", nonce, first[6])))
        second = await self._hear(HELLO)
        assert second[6] == first[6]
        self._check(second, "dial", nonce)

    def _hello(self, nonce: bytes, proof: bytes, keys: Iterable[Any] = ()) -> list[Any]:
        me = self.log
        names = [HELLO, me.region, self.peer, [1, 1], me.epoch, me.key.id, nonce, now()]
        return [*names, proof, list(self._features), list(keys)]

    def _proof(self, role: str, nonce: bytes, other: bytes) -> bytes:
        me = self.log
        return me.key.sign(
            proof_bytes(role, me.region, self.peer, 1, me.epoch, me.key.id, nonce, other)
        )

    def _check(self, hello: list[Any], role: str, nonce: bytes) -> None:
        assert hello[1:3] == [self.peer, self.log.region]
        for word in hello[10] if len(hello) > 10 else []:
            self.log.learn(*word)
        signed = proof_bytes(role, *hello[1:3], 1, *hello[4:7], nonce)
        verify(self.log.keys[self.peer].get(hello[5]), hello[8], signed)
        self._packs = "zstd" in hello[9]

    # -- 9: flow

    async def send(self, frame: list[Any]) -> None:
        await self._socket.send(pack(frame))

    async def _hear(self, kind: int = 0) -> list[Any]:
        frame: list[Any] = unpack(await self._socket.recv())
        if frame[0] == ERROR:
            raise Refused(*frame[1:3])
        if frame[0] == PACKED:
            self.packed += 1
            unpacked = zstandard.ZstdDecompressor().decompress(frame[1], FRAME_BYTES_MAX)
            frame = unpack(unpacked)
        assert kind in (0, frame[0]), frame
        self.heard[frame[0]] = frame
        return frame

    async def want(self, *origins: str, fresh: int = 0, credit: int = CREDIT) -> None:
        """9.1 and 19.2. Everything of the peer, and of other origins."""
        self._origins, self._fresh = [self.peer, *origins], fresh
        held = [(key, run) for key, run in self.log.lanes.items() if key[0] in self._origins]
        after = [[*key, run.seq] for key, run in held]
        hashes = [run.hashes[-1] for _, run in held]
        leads = [
            [*key, lead.base, lead.seq, lead.hashes[-1], lead.listed]
            for key, lead in self.log.leads.items()
        ]
        await self.send([WANT, self._origins, after, credit, [], hashes, fresh, leads])

    async def tell(self, *keys: list[Any]) -> None:
        await self.send([HEAD, [[*key, self.log.lanes[key].seq] for key in self._known()], [*keys]])

    def _known(self) -> list[LaneKey]:
        """6: the lanes the peer may have; no groups but those that hold it are in use here."""
        return [
            key
            for key, run in self.log.lanes.items()
            if run.seq
            and (key[2].split(".")[0] != "pair" or self.peer in key[2].split(".")[1:])
            and key[2] != "local"
        ]

    def _wanted(self, want: list[Any]) -> None:
        after = {(tip[0], tip[1], tip[2]): tip[3] for tip in want[2]}
        self._theirs, self._credit = set(want[1]), want[3]
        self._left_out = {(lane[0], lane[1], lane[2]) for lane in want[4]}
        fresh = want[6] if len(want) > 6 else 0
        leads = {(lead[0], lead[1], lead[2]): lead for lead in (want[7] if len(want) > 7 else [])}
        for key in self._known():
            if key in self._courses:
                continue  # what was written on this connection is not written again
            at, tip, lead = after.get(key, 0), self.log.lanes[key].seq, leads.get(key)
            self.acked[key] = at
            base, seq = (lead[3], lead[4]) if lead else (tip - fresh, tip - fresh)
            early = lead or (fresh and tip - at > 2 * fresh and key[2] in ("global", "group"))
            self._courses[key] = [[seq, math.inf], [at, base]] if early else [[at, math.inf]]

    async def pump(self) -> None:
        """9.2: what is wanted, as far as the credit goes."""
        for key in self._known():
            if key[0] not in self._theirs or key in self._left_out:
                continue
            for course in self._courses.setdefault(key, [[0, math.inf]]):
                while (at := int(course[0])) < (end := min(course[1], self.log.lanes[key].seq)):
                    batch = self.log.batch(key, at, int(end))
                    frame = pack(batch)
                    under_way = sum(flight.size for flight in self._flights)
                    if self._flights and under_way + len(frame) > self._credit:
                        return
                    course[0] = batch[4][3]
                    self._flights.append(Flight(key, batch[4][3], len(frame)))
                    packed = pack([PACKED, zstandard.compress(frame)])
                    await self._socket.send(packed if self._packs else frame)

    async def _acknowledge(self, key: LaneKey) -> None:
        """Everything here is as durable as it gets."""
        lead = self.log.leads.get(key)
        leads = [[*key, lead.seq, lead.listed]] if lead else []
        await self.send([ACK, [[*key, self.log.lane(key).seq]], CREDIT, leads])

    def _acknowledged(self, ack: list[Any]) -> None:
        self._credit = ack[2]
        up_to = {(tip[0], tip[1], tip[2]): tip[3] for tip in ack[1]}
        for key, seq in up_to.items():
            self.acked[key] = max(seq, self.acked.get(key, 0))
        for lead in ack[3] if len(ack) > 3 else []:
            up_to[lead[0], lead[1], lead[2]] = lead[3]
        self._flights = [
            flight for flight in self._flights if flight.last > up_to.get(flight[0], 0)
        ]

    async def step(self) -> list[Any]:
        """Reads one frame and does what it asks for."""
        frame = await self._hear()
        match frame[0]:
            case 2:
                self._wanted(frame)
                await self.tell()
            case 3:
                await self._acknowledge(self.log.take(frame, self._fresh))
            case 4:
                self.tips |= {(tip[0], tip[1], tip[2]): tip[3] for tip in frame[1]}
                for word in frame[2] if len(frame) > 2 else []:
                    self.log.learn(*word)
            case 5:
                self._acknowledged(frame)
            case 7 if len(frame) < 3 or not frame[2]:
                await self.send([PING, now(), frame[1]])
            case 7:
                self.round_trip = now() - frame[2]
            case 9:
                check_fork(self.log, frame)
        await self.pump()
        return frame

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(SECONDS_MAX):
            while not holds():
                await self.step()

    @property
    def is_level(self) -> bool:
        """Each has of the other what there is."""
        here = all(
            self.log.lane(key).seq >= seq
            for key, seq in self.tips.items()
            if key[0] in self._origins
        )
        there = all(
            self.acked.get(key, 0) >= self.log.lanes[key].seq
            for key in self._known()
            if key[0] in self._theirs
        )
        return bool(self.tips) and here and there
