"""Running nodes that adopt rosters and keys while they run: real databases, real links, real files."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from prometheus_client import REGISTRY

from server.app import metrics, succession
from server.app.passwords import Passwords
from server.domain.commands import RegisterPerson
from server.domain.durations import DAY_MS
from server.domain.errors import Code, Refusal
from server.domain.events import KeyRetired, RosterChanged
from server.domain.ids import LaneKey
from server.federation import rosters, steps
from server.federation.links import Links
from server.federation.rosters import Place, RegionKey, RosterDocument, RosterRegion, SignedRoster
from server.federation.steps import State
from server.ops import core, doctor_facts, keys, listener, membership, operator, registrar
from server.ops.accounts import make_auth
from server.ops.bootstrap import build
from server.ops.config import Config, HttpSection, NodeSection, Peer
from server.ops.core import Core
from server.ops.registrar import Registrar
from server.storage import event_log
from tests.unit.federation.lab import key_of
from tests.unit.federation.nodes import served
from tests.unit.federation.test_rosters import admin

pytestmark = pytest.mark.usefixtures("soon")
REGIONS = ("de", "fr", "in")


@pytest.fixture
async def soon(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(registrar, "LOOK_SECONDS", 0.02)
    async with asyncio.timeout(30):
        yield


class Region(NamedTuple):
    core: Core
    registrar: Registrar
    links: Links

    @property
    def name(self) -> str:
        return self.core.identity.region

    def own(self, lane: str = "global") -> tuple[LaneKey, int]:
        key = LaneKey(self.name, self.core.identity.epoch, lane)
        return key, self.core.handler.lane_tip(key)

    async def until(self, holds: Callable[[], Any]) -> None:
        """Returns once it holds; it is asked after each commit here, and now and then."""
        while not holds():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await self.core.tap.moved(self.core.tap.position)

    async def has(self, key: LaneKey, seq: int) -> None:
        await self.until(lambda: self.core.handler.lane_tip(key) >= seq)

    async def register(self, person: str) -> None:
        assert isinstance(
            await operator.register(self.core.handler, RegisterPerson(person=person, name=person)),
            dict,
        )


class Company:
    """Folders, ports and keys of three regions, and the rosters their administrators make."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socks = {region: listener.bind("127.0.0.1", 0) for region in REGIONS}
        self.pinned = {
            region: keys.public_text(keys.generate(self.key_file(region))) for region in REGIONS
        }
        self.peers = False
        """Whether [[peers]] name the others, with the first keys."""

    def key_file(self, region: str) -> Path:
        return self.folder / region / "node.key"

    def roster_file(self, region: str) -> Path:
        return self.folder / region / "roster.json"

    def entry(self, region: str, left: Place | None = None) -> RosterRegion:
        public = keys.load(self.key_file(region)).public_key().public_bytes_raw()
        return RosterRegion(
            region=region,
            name=region,
            url=f"http://127.0.0.1:{self.socks[region].getsockname()[1]}",
            keys=(RegionKey(key=public),),
            left=left,
        )

    def roster(
        self, version: int, *regions: RosterRegion, by: tuple[str, ...] = ("ada", "bo")
    ) -> SignedRoster:
        admins = (admin("ada"), admin("bo"), admin("cy"))
        made = rosters.drafted(RosterDocument(version=version, admins=admins, regions=regions))
        for name in by:
            made = rosters.signed(made, key_of(f"admin {name}"))
        return made

    def install(self, roster: SignedRoster, *regions: str) -> None:
        for region in regions:
            membership.write(self.roster_file(region), roster)

    def config(self, region: str) -> Config:
        place = NodeSection(
            region=region,
            name=region,
            data_dir=str(self.folder / region),
            key_file=str(self.key_file(region)),
        )
        ports = {region: sock.getsockname()[1] for region, sock in self.socks.items()}
        peers = [
            Peer(region=r, url=f"http://127.0.0.1:{ports[r]}", public_key=self.pinned[r])
            for r in REGIONS
            if r != region and self.peers
        ]
        http = HttpSection(port=ports[region])
        return membership.effective(Config(node=place, http=http, peers=tuple(peers)))

    @contextlib.asynccontextmanager
    async def running(self, region: str) -> AsyncIterator[Region]:
        sock = self.socks[region]
        async with core.opened(self.config(region), "test") as opened:
            keeping = await Registrar.opened(opened, keys.load(self.key_file(region)))
            links = build(opened, keeping.private, registrar=keeping).links
            async with contextlib.AsyncExitStack() as stack:
                listening = stack.enter_context(contextlib.closing(sock.dup()))
                await stack.enter_async_context(served(links, listening))
                task = asyncio.create_task(keeping.run(links))
                try:
                    yield Region(opened, keeping, links)
                finally:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    made = Company(tmp_path)
    yield made
    for sock in made.socks.values():
        sock.close()


async def live(a: Region, b: Region) -> None:
    await a.until(lambda: b.name in a.links.regions)
    await b.until(lambda: a.name in b.links.regions)
    await a.links.reached(b.name, State.LIVE)
    await b.links.reached(a.name, State.LIVE)


def since(a: Region, b: Region) -> int:
    return next(status.since for status in a.links.status() if status.region == b.name)


def refusals() -> dict[str, float]:
    return {
        sample.labels["code"]: sample.value
        for metric in metrics.ROSTER_REFUSED.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


# -- the roster -----------------------------------------------------------------------------------------


async def test_a_newer_roster_reaches_all_and_adds_a_link_without_a_restart(
    company: Company,
) -> None:
    both = company.roster(1, company.entry("de"), company.entry("fr"))
    company.install(both, *REGIONS)
    async with (
        company.running("de") as de,
        company.running("fr") as fr,
        company.running("in") as india,
    ):
        await live(de, fr)
        stood = since(de, fr)
        assert india.links.regions == frozenset()
        await de.register("anna")
        three = company.roster(2, *map(company.entry, REGIONS))
        company.install(three, "de", "in")
        await live(de, india)
        await live(fr, india)
        assert fr.registrar.roster == three, "over control"
        assert membership.read(company.roster_file("fr")) == three
        await india.has(*de.own())
        assert since(de, fr) == stood, "a link that it does not concern stands"
        assert REGISTRY.get_sample_value("tap_roster_version") == 2
    # What came over a link is there after a restart, too.
    async with company.running("fr") as fr:
        assert fr.registrar.roster == three
        assert fr.links.regions == {"de", "in"}


async def test_who_moved_to_a_region_that_came_since_is_told_its_address(company: Company) -> None:
    company.install(company.roster(1, company.entry("de"), company.entry("fr")), "de")
    async with company.running("de") as de, company.running("in") as india:
        passwords = Passwords(de.core.reader, de.core.handler, core.now)
        auth = make_auth(de.core, passwords, lambda: de.registrar.config)
        company.install(company.roster(2, *map(company.entry, REGIONS)), "de", "in")
        await live(de, india)
        await india.register("tara")
        await de.has(*india.own())
        session = await auth.issue("tara", "browser")
        refused = await auth.identify(session.secret)
        passwords.close()
        assert isinstance(refused, Refusal)
        assert (refused.code, refused.url) == (Code.MOVED, company.entry("in").url)


async def test_an_invalid_roster_changes_nothing_and_is_counted(company: Company) -> None:
    first = company.roster(1, company.entry("de"), company.entry("fr"))
    company.install(first, "de", "fr")
    async with company.running("de") as de, company.running("fr") as fr:
        await live(de, fr)
        before = refusals()
        lonely = company.roster(2, company.entry("de"), by=("ada",))
        company.install(lonely, "de")
        company.roster_file("fr").write_bytes(b"{")
        document = rosters.encode(lonely).decode()
        await succession.publish(fr.core.handler, 2, document)
        await de.has(*fr.own("control"))

        def counted() -> dict[str, float]:
            return {code: n - before.get(code, 0) for code, n in refusals().items()}

        # By de from its file and over control, by fr over its own control and from its file.
        await de.until(lambda: counted().get(Code.BAD_SIGNATURE, 0) >= 3)
        await de.until(lambda: counted().get(Code.BAD_FRAME, 0) >= 1)
        assert de.registrar.roster == fr.registrar.roster == first
        assert de.links.regions == {"fr"}


async def test_the_first_roster_is_the_operator_s_choice(company: Company) -> None:
    """Whoever may write to control cannot put a roster where none is; a file can, while the node runs."""
    async with company.running("de") as de:
        roster = company.roster(1, company.entry("de"), company.entry("fr"))
        await succession.publish(de.core.handler, 1, rosters.encode(roster).decode())
        assert de.registrar.roster is None
        company.install(roster, "de")
        await de.until(lambda: de.registrar.roster == roster)
        assert de.links.regions == {"fr"}


async def test_a_roster_is_told_to_others_once(company: Company) -> None:
    roster = company.roster(1, company.entry("de"), company.entry("fr"))
    company.install(roster, "de", "fr")
    for _ in range(2):
        async with company.running("de") as de, company.running("fr") as fr:
            await live(de, fr)
            await de.register(f"anna{de.core.tap.position}")
            await fr.has(*de.own())
            told = [r for r in await succession.about_company(de.core.reader) if r.event]
            assert all(isinstance(record.event, RosterChanged) for record in told)
            count = len(told)
    assert 1 <= count <= 2, "by each that had it from a file before the other's word came"


async def test_a_roster_that_was_refused_does_not_keep_the_next_from_being_told(
    company: Company,
) -> None:
    """A region that was begun with a roster of its own tells it to all: no other goes by it."""
    first = company.roster(1, company.entry("de"), company.entry("fr"))
    company.install(first, "de", "fr")
    async with company.running("de") as de, company.running("fr") as fr:
        await live(de, fr)
        lonely = company.roster(7, company.entry("fr"), by=("ada",))
        await succession.publish(fr.core.handler, 7, rosters.encode(lonely).decode())
        await de.has(*fr.own("control"))
        three = company.roster(2, *map(company.entry, REGIONS))
        company.install(three, "de")
        await fr.until(lambda: fr.registrar.roster == three)


async def test_rosters_that_arrive_in_another_order_are_all_followed(company: Company) -> None:
    """Who was away may have those of one region before those of another."""
    first = company.roster(1, company.entry("de"), company.entry("fr"))
    second = rosters.drafted(
        msgspec.structs.replace(first.document, version=2, admins=(admin("dan"), admin("eve")))
    )
    third = rosters.drafted(msgspec.structs.replace(second.document, version=3))
    for name in ("ada", "bo"):
        second = rosters.signed(second, key_of(f"admin {name}"))
    for name in ("dan", "eve"):
        third = rosters.signed(third, key_of(f"admin {name}"))
    company.install(first, "de")
    async with company.running("de") as de:
        for roster in (third, second):
            document = rosters.encode(roster).decode()
            await succession.publish(de.core.handler, roster.version, document)
        await de.until(lambda: de.registrar.roster == third)


async def test_a_region_that_left_has_no_link_and_is_told_why(company: Company) -> None:
    company.install(company.roster(1, *map(company.entry, REGIONS)), *REGIONS)
    async with (
        company.running("de") as de,
        company.running("fr") as fr,
        company.running("in") as india,
    ):
        await live(de, india)
        await live(fr, india)
        await live(de, fr)
        await india.register("asha")
        assert await succession.close_log(india.core.handler, india.core.reader, "sold") is None
        for region in (de, fr):
            await region.has(*india.own())
            await region.has(*india.own("control"))
        key, seq = india.own("control")
        left = company.entry("in", Place(epoch=key.epoch, seq=seq))
        before = refusals()
        company.install(company.roster(2, company.entry("de"), company.entry("fr"), left), "de")
        await fr.until(lambda: fr.links.regions == {"de"})
        assert de.links.regions == {"fr"}
        assert REGISTRY.get_sample_value("tap_peer_up", {"peer": "in"}) is None
        assert refusals() == before
        assert de.links.keys_of("in") == (), "nor is it handed out files: its word is nobody's"
        assert de.links.keys_of("fr")
        await live(de, fr)
        await india.until(
            lambda: all("unknown_peer" in (s.last_error or "") for s in india.links.status())
        )


# -- keys -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("peers", [False, True], ids=["roster", "peers"])
async def test_a_key_is_rotated_while_links_stand_and_retired_a_week_later(
    company: Company, monkeypatch: pytest.MonkeyPatch, peers: bool
) -> None:
    company.peers = peers
    if not peers:
        company.install(company.roster(1, *map(company.entry, REGIONS)), *REGIONS)
    old = keys.load(company.key_file("de"))
    refused: list[steps.Report] = []
    monkeypatch.setattr(
        "server.federation.meters.Told.record", lambda _t, _r, report, _now: refused.append(report)
    )
    async with company.running("de") as de, company.running("fr") as fr:
        await live(de, fr)
        stood = since(de, fr)
        new = keys.generate(keys.next_of(company.key_file("de")))
        await de.until(lambda: keys.id_of(de.registrar.private) == keys.id_of(new))
        await de.register("anna")
        await fr.has(*de.own())
        assert since(de, fr) == stood
        async with fr.core.reader.snapshot() as snapshot:
            key, seq = de.own()
            head = await event_log.lane_head(snapshot, key, 1, seq)
        assert head is not None
        assert head.key_id == keys.id_of(new)
    assert keys.public_text(keys.load(company.key_file("de"))) == keys.public_text(new)
    database = doctor_facts.read_database(company.config("fr"))
    assert database.announced == {("de", keys.public_text(new))}, "so the doctor is at ease"
    kept = company.key_file("de").with_name(f"node.key.{keys.id_of(old)}")
    assert keys.public_text(keys.load(kept)) == keys.public_text(old)
    real = registrar.now
    monkeypatch.setattr(registrar, "now", lambda: real() + 8 * DAY_MS)
    # in has never heard of the new key, and what it was told pins the old one.
    async with company.running("de") as de, company.running("in") as india:
        await live(de, india)
        for lane in ("global", "control"):
            await india.has(*de.own(lane))
        told = await succession.about_company(india.core.reader)
        ends = {r.id.lane for r in told if isinstance(r.event, KeyRetired)}
        assert ends == {"global", "control"}
    codes = {report.refusal.code for report in refused if report.refusal}
    assert Code.BAD_SIGNATURE not in codes


@pytest.mark.parametrize("announced", [False, True])
async def test_an_interrupted_rotation_is_finished_at_the_next_start(
    company: Company, announced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.install(company.roster(1, company.entry("de"), company.entry("fr")), "de", "fr")
    new = keys.generate(keys.next_of(company.key_file("de")))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    if announced:
        with monkeypatch.context() as broken:
            broken.setattr(keys, "put_next_in_place", killed)
            with pytest.raises(BaseException) as error:
                async with company.running("de"):
                    pass
            assert "KeyboardInterrupt" in repr(error.value)
    async with company.running("de") as de, company.running("fr") as fr:
        assert keys.id_of(de.registrar.private) == keys.id_of(new)
        await live(de, fr)
        told = await succession.about_company(de.core.reader)
        assert [r.type for r in told].count("key.rotated") == 1


async def test_a_damaged_next_key_is_left_alone(company: Company) -> None:
    keys.next_of(company.key_file("de")).write_text("nonsense")
    keys.next_of(company.key_file("de")).chmod(0o600)
    before = keys.load(company.key_file("de"))
    async with company.running("de") as de:
        assert keys.id_of(de.registrar.private) == keys.id_of(before)
