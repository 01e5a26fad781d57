"""Two real regions for the browser: nodes as processes, colleagues with passwords, a few communities.

All tests share the regions, and none the people: what a person's pages show (feed, credits, presence) is
what has happened to them, so each test has a crew of its own, in a community of its own. The four named
colleagues and their two communities are for the pictures of all pages.

The nodes' processes are looked after by an event loop in a thread of its own, because Playwright's
plain interface may not run inside one.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from argon2 import PasswordHasher
from tap_client import Http

from server.app.passwords import Passwords
from server.domain.commands import RegisterPerson, SetPersonRole
from server.ops import config_file, operator
from server.ops.accounts import desk
from server.ops.core import now
from server.ops.demo import founding
from server.ops.demo.nodes import Node, Place
from tests.support.processes import places, running, until

T = TypeVar("T")
PASSWORD = "a password for tests"
WAIT_SECONDS = 120
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""For a hundred people at once; whoever signs in has theirs hashed anew, as dear as the node wants it."""


class Colleague(NamedTuple):
    id: str
    region: str
    name: str
    title: str
    unit: str


COLLEAGUES = (
    Colleague("asha.rao", "in", "Asha Rao", "Billing Lead", "Finance Pune"),
    Colleague("meera", "in", "Meera Iyer", "Firmware Engineer", "Controls Bengaluru"),
    Colleague("ben", "de", "Ben Krüger", "Network Engineer", "IT Mannheim"),
    Colleague("lena", "de", "Lena Brandt", "Hydraulics Specialist", "Engineering Leipzig"),
)
AUDITOR = "asha.rao"
"""Decides cases of people in India; in no crew, so never a party to one."""


class Crew(NamedTuple):
    """Four people of one test and their community, whose steward is Lena."""

    asha: str
    meera: str
    ben: str
    lena: str
    community: str
    community_name: str

    @property
    def place(self) -> str:
        return "c:" + self.community


def members(number: int) -> list[Colleague]:
    """The people of a crew; two digits, so that no name is the beginning of another."""
    return [
        one._replace(id=f"{first.lower()}.{number:02}.workshop", name=f"{first} No. {number:02}")
        for one in COLLEAGUES
        for first in [one.name.split()[0]]
    ]


class Company:
    """The running regions and what tests do in them without a browser."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        nodes: dict[str, Node],
        people: Iterable[Colleague],
        tokens: dict[str, str],
    ) -> None:
        self._loop, self._nodes, self._tokens = loop, nodes, tokens
        self._people = {one.id: one for one in people}
        self._keys, self._crews = itertools.count(1), itertools.count(1)
        self.communities: dict[str, str] = {}

    def url(self, region: str) -> str:
        return self._nodes[region].place.url

    def home(self, person: str) -> str:
        return self._people[person].region

    def name(self, person: str) -> str:
        return self._people[person].name

    def new_crew(self) -> Crew:
        number = next(self._crews)
        asha, meera, ben, lena = (one.id for one in members(number))
        name = f"Workshop {number:02}"
        return Crew(asha, meera, ben, lena, self.found(name, lena, asha, meera, ben), name)

    def found(self, name: str, owner: str, *others: str, about: str = "") -> str:
        """A new community's id, once the others have joined it."""
        made = str(self.do(owner, "community.create", name=name, about=about)["community"])
        for person in others:
            self.everywhere(person, f"/communities/{made}")
            self.do(person, "membership.set", community=made, joined=True)
        return made

    def do(self, person: str, do: str, **arguments: Any) -> dict[str, Any]:
        """A command of a person at their home, as any program gives it; the answer."""
        with self._http(person) as http:
            key = f"browser-test-{next(self._keys)}"
            done: dict[str, Any] = http.post(
                "/commands", {"key": key, "command": {"do": do, **arguments}}
            )
            answer: dict[str, Any] = done["answer"]
            return answer

    def upload(self, person: str, data: bytes) -> str:
        """A file's hash, once the person's node has it."""
        with self._http(person) as http:
            return str(http.upload(data)["hash"])

    def get(self, person: str, path: str, **query: Any) -> Any:
        with self._http(person) as http:
            return http.get(path, **query)

    def _http(self, person: str) -> Http:
        return Http(self.url(self.home(person)), self._tokens[person])

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_SECONDS)

    def stop(self, region: str) -> None:
        self.run(self._nodes[region].stop())

    def start(self, region: str) -> None:
        self.run(self._nodes[region].start())

    def draw_anew(self, region: str, leader: str) -> None:
        """A node draws leaders' months at its start and then once a day; waits until this leader has some."""
        self.stop(region)
        self.start(region)

        def drawn() -> bool:
            return bool(self.get(leader, "/leader")["months"])

        self.run(until(f"{region} has drawn its leaders' months", drawn))

    def everywhere(self, person: str, path: str) -> None:
        """Waits until a person's home knows what stands at this path."""

        def known() -> bool:
            try:
                self.get(person, path)
            except Exception as error:
                if getattr(error, "code", "") != "not_found":
                    raise
                return False
            return True

        self.run(until(f"{self.home(person)} knows {path}", known))

    def run_until_seen(self, person: str, *posts: str) -> None:
        """Waits until a person's home knows these posts."""
        for post in posts:
            self.everywhere(person, f"/posts/{post}")


@contextmanager
def open_company(folder: Path, crews: int) -> Iterator[Company]:
    """Regions ``in`` and ``de``, federated, with the four in two communities, and so many crews to come."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="nodes", daemon=True)
    thread.start()
    stack = AsyncExitStack()

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(WAIT_SECONDS)

    try:
        where = places(folder, "in", "de")
        people = [*COLLEAGUES, *(one for n in range(1, crews + 1) for one in members(n))]
        tokens = run(_enrol(where.values(), people))
        nodes = run(stack.enter_async_context(running(where.values())))
        company = Company(loop, nodes, people, tokens)
        _found(company)
        yield company
    finally:
        run(stack.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_SECONDS)
        loop.close()


async def _enrol(where: Iterable[Place], people: Iterable[Colleague]) -> dict[str, str]:
    """Everybody, with a password, on the node of their region; person -> token."""
    tokens: dict[str, str] = {}
    for place in where:
        tokens |= await _enrol_at(place, [one for one in people if one.region == place.region])
    return tokens


async def _enrol_at(place: Place, people: list[Colleague]) -> dict[str, str]:
    async with desk(config_file.load(place.config, {}).config, "browser tests") as node:
        wishes = [
            RegisterPerson(person=one.id, name=one.name, title=one.title, unit=one.unit)
            for one in people
        ]
        tokens = await founding.enrol(node, wishes)
        if AUDITOR in tokens:
            wish = SetPersonRole(person=AUDITOR, role="auditor", on=True)
            founding.checked(await operator.set_role(node.core.handler, wish))
        passwords = Passwords(node.core.reader, node.core.handler, now, QUICK)
        try:
            for one in people:
                founding.checked(await passwords.set(one.id, PASSWORD))
        finally:
            passwords.close()
    return tokens


def _found(company: Company) -> None:
    """Two communities of both regions; Lena is the steward of one."""
    for name, owner, about in (
        ("Hydraulics", "lena", "Curves, cavitation, seals and bearings."),
        ("Canteen talk", "asha.rao", "Food, music, cricket."),
    ):
        others = [one.id for one in COLLEAGUES if one.id != owner]
        company.communities[name] = company.found(name, owner, *others, about=about)
    place = "c:" + company.communities["Hydraulics"]
    text = "Welcome to Hydraulics. Ask anything."
    welcome = company.do("lena", "post.publish", place=place, kind="update", text=text)["post"]
    company.run_until_seen("asha.rao", welcome)
