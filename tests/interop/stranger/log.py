"""What a region holds: keys, events, chains, heads, leads (docs/protocol/federation.md 2 to 5, 9.3, 17.2, 19.3)."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgpack
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

BATCH = 3
BATCH_BYTES_MAX, PAGE_EVENTS_MAX = 256 << 10, 64

LaneKey = tuple[str, int, str]
pack = msgpack.packb


def unpack(data: bytes) -> Any:
    return msgpack.unpackb(data, raw=False)


def now() -> int:
    return time.time_ns() // 1_000_000


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


class Refused(Exception):
    """The text begins with a code of section 11."""

    def __init__(self, code: str, words: str = "") -> None:
        super().__init__(f"{code} {words}")
        self.code = code


def key_id(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:16]


def genesis(key: LaneKey) -> bytes:
    return sha(b"tap lane 1", pack(list(key)))


def head_bytes(head: list[Any]) -> bytes:
    return b"tap head 1" + pack(head[:6])


def proof_bytes(*parts: Any) -> bytes:
    return b"tap hello 1" + pack(list(parts))


def succession_bytes(region: str, key: bytes, by: str) -> bytes:
    return b"tap key 1" + pack([region, key, by])


class Key:
    def __init__(self, seed: bytes = b"") -> None:
        private = Ed25519PrivateKey.from_private_bytes(seed or os.urandom(32))
        self.sign = private.sign
        self.public = private.public_key().public_bytes_raw()
        self.id = key_id(self.public)


def verify(public: bytes | None, signature: bytes, data: bytes) -> None:
    try:
        if public is not None:
            return Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except InvalidSignature:
        pass
    raise Refused("bad_signature")


@dataclass
class Run:
    """Events ``base`` + 1 and on of a lane: the lane itself from 0, or its lead (19)."""

    base: int
    hashes: list[bytes]
    """The one at ``base`` first."""
    events: list[list[Any]] = field(default_factory=list)
    heads: dict[int, list[Any]] = field(default_factory=dict)
    listed: int = 0

    @property
    def seq(self) -> int:
        return self.base + len(self.events)

    def take(self, after: int, hashes: list[bytes], batch: list[Any]) -> None:
        """9.3: what is held is skipped, once both histories are seen to agree."""
        for seq, (event, hash_) in enumerate(zip(batch[3], hashes[1:], strict=True), after + 1):
            if seq <= self.seq:
                if self.hashes[seq - self.base] != hash_:
                    raise Refused("fork", f"at {seq}")
                continue
            if self.hashes[seq - 1 - self.base] != hashes[seq - 1 - after]:
                raise Refused("fork", f"at {seq - 1}")
            self.events.append(event)
            self.hashes.append(hash_)
        self.heads[batch[4][3]] = batch[4]


class Log:
    """What a region holds: its own lanes, and others'."""

    def __init__(self, region: str, epoch: int, key: Key) -> None:
        self.region, self.epoch, self.key = region, epoch, key
        self.keys: dict[str, dict[str, bytes]] = {}
        self.lanes: dict[LaneKey, Run] = {}
        self.leads: dict[LaneKey, Run] = {}
        self._hlc = 0
        self.pin(region, key.public)

    def pin(self, region: str, public: bytes) -> None:
        self.keys.setdefault(region, {})[key_id(public)] = public

    def lane(self, key: Iterable[Any]) -> Run:
        region, epoch, name = key
        found = (region, epoch, name)
        return self.lanes.setdefault(found, Run(0, [genesis(found)]))

    def own(self, lane: str) -> LaneKey:
        return self.region, self.epoch, lane

    def append(self, lane: str, type_: str, body: Any, actor: str = "") -> int:
        """Writes an event of our own; its number."""
        key, run = self.own(lane), self.lane(self.own(lane))
        salt, words = os.urandom(16), pack(body)
        self._hlc = max(self._hlc + 1, now() << 16)
        parts = [1, *key, run.seq + 1, type_, 1, self._hlc, actor, [], sha(salt, words)]
        header = pack(parts)
        run.events.append([header, salt, words])
        run.hashes.append(sha(run.hashes[-1], header))
        return run.seq

    def head(self, key: LaneKey, seq: int) -> list[Any]:
        if key[0] != self.region:
            return self.lanes[key].heads[seq]
        head = [*key, seq, self.lanes[key].hashes[seq], self.key.id]
        return [*head, self.key.sign(head_bytes(head))]

    def batch(self, key: LaneKey, after: int, upto: int = 0) -> list[Any]:
        """9.2: of a foreign lane it ends where its origin signed a head."""
        run = self.lanes[key]
        most = min(upto or run.seq, after + PAGE_EVENTS_MAX)
        size, last = 0, after
        while last < most:
            size += sum(len(part or b"") for part in run.events[last])
            if last > after and size > BATCH_BYTES_MAX:
                break
            last += 1
        if key[0] != self.region:
            last = max(seq for seq in run.heads if seq <= last)
        return [BATCH, after, run.hashes[after], run.events[after:last], self.head(key, last)]

    def bodies(self, origin: str, type_: str) -> list[Any]:
        """Of all events of a kind, in each lane's order."""
        return [
            unpack(body)
            for key, run in self.lanes.items()
            for header, _, body in run.events
            if key[0] == origin and body is not None and unpack(header)[5] == type_
        ]

    def check_head(self, head: list[Any]) -> None:
        if head[0] not in self.keys:
            raise Refused("unknown_peer", head[0])
        verify(self.keys[head[0]].get(head[5]), head[6], head_bytes(head))

    def learn(self, region: str, key: bytes, by: str, signature: bytes) -> None:
        """17.2: a succession by a key that is known."""
        if by in self.keys.get(region, {}):
            verify(self.keys[region][by], signature, succession_bytes(region, key, by))
            self.pin(region, key)

    def succeed(self, key: Key) -> list[Any]:
        """Goes over to another key of our own; the word that says so."""
        named = (self.region, key.public, self.key.id)
        word = [*named, self.key.sign(succession_bytes(*named))]
        said = {"key": key.public, "key_id": key.id, "before": self.key.public}
        self.append("control", "key.rotated", said | {"signature": word[3]})
        self.key = key
        self.pin(self.region, key.public)
        return word

    def verified(self, batch: list[Any]) -> list[bytes]:
        """9.3, 3 to 5: the hashes from ``after`` on, of a batch that is right by itself."""
        _, after, hash_, events, head = batch[:5]
        if head[3] != after + len(events):
            raise Refused("broken_chain", "the head's number")
        self.check_head(head)
        hashes = [hash_]
        for seq, (header, salt, body) in enumerate(events, after + 1):
            parts = unpack(header)
            if not isinstance(parts, list) or len(parts) < 11 or (salt is None) != (body is None):
                raise Refused("bad_frame", "the event")
            if parts[1:5] != [*head[:3], seq]:
                raise Refused("broken_chain", "another lane or number")
            if body is not None and sha(salt, body) != parts[10]:
                raise Refused("bad_commitment")
            hashes.append(sha(hashes[-1], header))
        if hashes[-1] != head[4]:
            raise Refused("broken_chain", "the head's hash")
        return hashes

    def take(self, batch: list[Any], fresh: int = 0) -> LaneKey:
        """9.3 and 19.3: keeps what a batch brings; its lane."""
        region, epoch, name, last = batch[4][:4]
        key, after = (region, epoch, name), batch[1]
        run, lead = self.lane(key), self.leads.get(key)
        if after > run.seq and not fresh:
            raise Refused("broken_chain", "a gap")
        hashes = self.verified(batch)
        if after <= run.seq:
            run.take(after, hashes, batch)
        elif lead is None:
            lead = self.leads[key] = Run(after, hashes[:1])
            lead.take(after, hashes, batch)
        elif after >= lead.base:
            lead.take(after, hashes, batch)
        elif last <= lead.base:
            lead.listed = last
        else:
            raise Refused("broken_chain", "beyond the lead's base")
        if lead and run.seq >= lead.base:
            if run.hashes[lead.base] != lead.hashes[0]:
                raise Refused("fork", "the lead is of another history")
            skipped = run.seq - lead.base
            run.events += lead.events[skipped:]
            run.hashes += lead.hashes[skipped + 1 :]
            run.heads |= lead.heads
            del self.leads[key]
        return key


def check_fork(log: Log, frame: list[Any]) -> None:
    """9.4: two heads and what lies between them prove that their origin signed two histories."""
    _, first, second, hash_ = frame[:4]
    log.check_head(first)
    log.check_head(second)
    headers = frame[4] if len(frame) > 4 else []
    fits = first[:3] == second[:3] and second[3] == first[3] + len(headers) and hash_ != first[4]
    for header in headers:
        hash_ = sha(hash_, header)
    if not fits or hash_ != second[4]:
        raise Refused("bad_value")
