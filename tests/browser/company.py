"""Two real regions for the browser: nodes as processes, colleagues with passwords, a few communities.

The nodes' processes are looked after by an event loop in a thread of its own, because Playwright's
plain interface may not run inside one.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tap_client import Http

from server.domain.commands import RegisterPerson
from server.ops import config_file
from server.ops.accounts import desk
from server.ops.demo import founding
from server.ops.demo.nodes import Node, Place
from tests.support.processes import places, running, until

T = TypeVar("T")
PASSWORD = "a password for tests"
WAIT_SECONDS = 120


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


class Company:
    """The running regions and what tests do in them without a browser."""

    def __init__(self, loop: asyncio.AbstractEventLoop, nodes: dict[str, Node]) -> None:
        self._loop, self._nodes = loop, nodes
        self._tokens: dict[str, str] = {}
        self._keys = itertools.count(1)
        self.communities: dict[str, str] = {}

    def url(self, region: str) -> str:
        return self._nodes[region].place.url

    def home(self, person: str) -> str:
        return next(one.region for one in COLLEAGUES if one.id == person)

    def do(self, person: str, do: str, **arguments: Any) -> dict[str, Any]:
        """A command of a person at their home, as any program gives it; the answer."""
        with self._http(person) as http:
            key = f"browser-test-{next(self._keys)}"
            done: dict[str, Any] = http.post(
                "/commands", {"key": key, "command": {"do": do, **arguments}}
            )
            answer: dict[str, Any] = done["answer"]
            return answer

    def get(self, person: str, path: str, **query: Any) -> Any:
        with self._http(person) as http:
            return http.get(path, **query)

    def _http(self, person: str) -> Http:
        url = self.url(self.home(person))
        if person not in self._tokens:
            with Http(url) as http:
                wish = {"person": person, "password": PASSWORD, "device": "browser tests"}
                self._tokens[person] = http.post("/login", wish)["token"]
        return Http(url, self._tokens[person])

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_SECONDS)

    def stop(self, region: str) -> None:
        self.run(self._nodes[region].stop())

    def start(self, region: str) -> None:
        self.run(self._nodes[region].start())

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
def open_company(folder: Path) -> Iterator[Company]:
    """Regions ``in`` and ``de``, federated, with everybody in the two open communities."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="nodes", daemon=True)
    thread.start()
    stack = AsyncExitStack()

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(WAIT_SECONDS)

    try:
        where = places(folder, "in", "de")
        run(_enrol(where.values()))
        nodes = run(stack.enter_async_context(running(where.values())))
        company = Company(loop, nodes)
        _found(company)
        yield company
    finally:
        run(stack.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_SECONDS)
        loop.close()


async def _enrol(where: Any) -> None:
    """Everybody, with a password, on the node of their region."""
    for place in where:
        await _enrol_at(place)


async def _enrol_at(place: Place) -> None:
    people = [one for one in COLLEAGUES if one.region == place.region]
    async with desk(config_file.load(place.config, {}).config, "browser tests") as node:
        wishes = [
            RegisterPerson(person=one.id, name=one.name, title=one.title, unit=one.unit)
            for one in people
        ]
        await founding.enrol(node, wishes)
        for one in people:
            founding.checked(await node.passwords.set(one.id, PASSWORD))


def _found(company: Company) -> None:
    """Two communities of both regions; Lena is the steward of one."""
    for name, owner, about in (
        ("Hydraulics", "lena", "Curves, cavitation, seals and bearings."),
        ("Canteen talk", "asha.rao", "Food, music, cricket."),
    ):
        made = company.do(owner, "community.create", name=name, about=about)["community"]
        company.communities[name] = made
        for one in COLLEAGUES:
            company.everywhere(one.id, f"/communities/{made}")
            company.do(one.id, "membership.set", community=made, joined=True)
    place = "c:" + company.communities["Hydraulics"]
    text = "Welcome to Hydraulics. Ask anything."
    welcome = company.do("lena", "post.publish", place=place, kind="update", text=text)["post"]
    company.run_until_seen("asha.rao", welcome)
