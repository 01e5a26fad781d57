"""Keeps what this node knows of the company up to date while it runs: the roster, and its own key.

A newer roster comes from the file or over ``control`` and is adopted without a restart; an invalid one is
refused, counted and logged, and nothing changes. A key that `tap keys rotate` drew is announced and then
used; a week later the earlier one is retired (docs/protocol/federation.md 17).
"""

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.app import metrics, succession
from server.domain.errors import Refusal, Refused
from server.domain.events import KeyRotated, RosterChanged
from server.federation import rosters, trust
from server.federation.dialled import PeerAddress
from server.federation.links import Links
from server.federation.membership import Company
from server.federation.rosters import RosterDocument, SignedRoster
from server.ops import keys, membership
from server.ops.core import Core, StartError, adopt_policy, audience, groups, now
from server.storage.event_log import Record

LOOK_SECONDS = 2.0
"""How often files are looked at; a stat takes microseconds."""
RETIRE_SECONDS = 3_600
"""How often it is asked whether an earlier key is due."""

log = structlog.get_logger(__name__)


class Registrar:
    """One per node. ``opened`` reads what is there; ``run`` follows it."""

    def __init__(self, core: Core, private: Ed25519PrivateKey, history: Sequence[Record]) -> None:
        self.private = private
        self.history = history
        self.roster: SignedRoster | None = None
        self.config = core.config
        """With peers and groups as they are now."""
        self._core = core
        self._path = core.config.roster_path
        self._seen: tuple[int, int] | None = None
        self._earlier = [*core.config.federation.former_keys] + [
            record.event.before
            for record in history
            if record.id.region == core.identity.region and isinstance(record.event, KeyRotated)
        ]
        self._told: SignedRoster | None = None
        """The last one we went by that stands in somebody's log."""
        self._reread: SignedRoster | None = None
        """The last one we went by as the log's were considered."""
        self._links: Links | None = None
        self._in_effect: SignedRoster | None = None
        self._news = asyncio.Event()
        core.tap.subscribe(self._committed)

    @classmethod
    async def opened(cls, core: Core, private: Ed25519PrivateKey) -> "Registrar":
        """Ends a rotation that was interrupted, and reads the roster from file and log."""
        private = await rotate(core, private) or private
        history = await succession.about_company(core.reader)
        registrar = cls(core, private, history)
        registrar.look()
        registrar._reconsider(history)
        registrar._reread = registrar.roster
        await registrar._take_effect()
        return registrar

    @property
    def company(self) -> Company:
        """As the roster says; without one, as ``[[peers]]`` say."""
        config, region = self._core.config, self._core.identity.region
        if self.roster:
            return rosters.company(self.roster.document, region, config.dials, self._own_keys())
        peers = [
            PeerAddress(peer.region, peer.url, (peer.key,), config.dials(peer.region))
            for peer in config.peers
        ]
        return Company.of_peers(region, self._own_keys(), peers, config.lanes.groups)

    def wanted(self, origin: str, lanes: Collection[str]) -> frozenset[str]:
        """Whose receipts an erasure needs, as of now (``core.audience``)."""
        return audience(self.config)(origin, lanes)

    def _own_keys(self) -> tuple[bytes, ...]:
        """All we ever signed by, the newest last: peers may bring back what we lost, under any of them."""
        return (*self._earlier, self.private.public_key().public_bytes_raw())

    async def run(self, links: Links) -> None:
        """Until cancelled."""
        self._links = links
        due = 0.0
        loop = asyncio.get_running_loop()
        while True:
            self.look()
            if self.roster is not self._reread:
                self._reread = self.roster  # before: what comes meanwhile may need another look
                self._reconsider(await succession.about_company(self._core.reader))
            await self._take_effect()
            await self.publish()
            if private := await rotate(self._core, self.private):
                self._earlier.append(self.private.public_key().public_bytes_raw())
                self.private = private
                links.rotate(private)
            if loop.time() >= due:
                due = loop.time() + RETIRE_SECONDS
                await self._retire()
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()

    # -- the roster ----------------------------------------------------------------------------------

    def look(self) -> None:
        """Takes the file, if it has changed since it was last looked at."""
        try:
            stat = self._path.stat()
        except OSError:
            return
        if (stat.st_mtime_ns, stat.st_size) == self._seen:
            return
        self._seen = stat.st_mtime_ns, stat.st_size
        try:
            self.consider(self._path.read_bytes(), self._path)
        except OSError as error:
            log.error("the roster cannot be read", path=str(self._path), reason=error.strerror)

    def consider(self, raw: bytes, path: Path | None = None) -> bool:
        """Whether this roster is adopted; ``path``: the file it stands in, None if it came over a link."""
        try:
            candidate = rosters.decode(raw)
            if self.roster is None and path is None:
                # The first is the operator's choice: whoever writes to ``control`` cannot make it.
                log.info("the company has a roster, this node none", version=candidate.version)
                return False
            if not rosters.succeeds(candidate, self.roster):
                return False
        except Refused as error:
            code, reason = error.refusal.code, error.refusal.message
            metrics.ROSTER_REFUSED.labels(code).inc()
            log.error("a roster was refused", code=code, reason=reason, path=str(path or "control"))
            return False
        self.roster = candidate
        self._news.set()
        if path is None:
            self._keep(candidate)
        return True

    def _hear(self, event: RosterChanged) -> None:
        """What some region tells everybody."""
        raw = event.document.encode()
        self.consider(raw)
        with contextlib.suppress(Refused):
            if self.roster and rosters.decode(raw).text == self.roster.text:
                self._told = self.roster

    def _reconsider(self, history: Sequence[Record]) -> None:
        """All that the log tells of, the lowest version first: regions' words arrive in any order, and one that was
        refused may follow the one that came after it."""
        found = [event for event in map(_roster_in, history) if event]
        for event in sorted(found, key=lambda event: event.version):
            if self.roster is None or event.version >= self.roster.version:
                self._hear(event)

    async def _take_effect(self) -> None:
        """Decisions and links follow the roster; what may leave stands in the log before."""
        roster = self.roster
        if roster is None or roster is self._in_effect:
            return
        self._in_effect = roster
        metrics.ROSTER_VERSION.set(roster.version)
        log.info("goes by roster", version=roster.version)
        if problem := _about_us(roster.document, self._core.identity.region):
            log.error("the roster does not fit this node", problem=problem)
        config = membership.by_roster(self._core.config, roster.document)
        try:
            await adopt_policy(self._core, config)
        except StartError as error:
            log.error("the roster is not gone by", reason=str(error))
            self._in_effect = None
            return
        self.config = config
        self._core.handler.regroup(groups(config), config.regions - {config.node.region})
        if self._links:
            self._links.adopt(self.company)

    def _keep(self, roster: SignedRoster) -> None:
        try:
            membership.write(self._path, roster)
        except OSError as error:
            # The log has it too, and is read at the next start.
            log.warning("the roster cannot be kept", path=str(self._path), reason=error.strerror)

    async def publish(self) -> None:
        """Tells the others of a roster that came by file, once."""
        roster = self.roster
        if roster is None or roster is self._told:
            return
        document = rosters.encode(roster).decode()
        refusal = await succession.publish(self._core.handler, roster.version, document)
        if refusal is None:
            self._told = roster

    def _committed(self, records: Sequence[Record]) -> None:
        for event in map(_roster_in, records):
            if event:
                self._hear(event)

    # -- our own key -----------------------------------------------------------------------------------

    async def _retire(self) -> None:
        core, in_use = self._core, keys.id_of(self.private)
        for key in await succession.retire(core.handler, core.reader, in_use, now()):
            log.info("an earlier key has ended", key=key)


def _roster_in(record: Record) -> RosterChanged | None:
    return record.event if isinstance(record.event, RosterChanged) else None


def _about_us(document: RosterDocument, region: str) -> str:
    """What is wrong with our own entry; empty while all is well."""
    entry = document.region(region)
    if entry is None:
        return f"region {region} is not in it: no link is kept"
    return f"region {region} has left" if entry.left else ""


async def rotate(core: Core, private: Ed25519PrivateKey) -> Ed25519PrivateKey | None:
    """Goes over to the next key, if one was drawn: announced first, then put in place."""
    path = Path(core.config.node.key_file)
    if not keys.next_of(path).exists():
        return None
    try:
        new = keys.load(keys.next_of(path))
    except keys.KeyFileError as error:
        log.error("the next key cannot be used", reason=str(error))
        return None
    raw = new.public_key().public_bytes_raw()
    word = trust.succession(core.identity.region, raw, private)
    event = KeyRotated(
        key=raw,
        key_id=keys.id_of(new),
        before=private.public_key().public_bytes_raw(),
        signature=word.signature,
    )
    refusal: Refusal | None = await succession.announce(core.handler, core.reader, event)
    if refusal:
        log.error("the next key cannot be announced", reason=refusal.message)
        return None
    keys.put_next_in_place(path, keys.id_of(private))
    log.info("another key signs for this region", key=event.key_id)
    return new
